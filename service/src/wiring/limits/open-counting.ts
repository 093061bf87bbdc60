import type { Settings } from "../../config/settings.ts";
import type { Machine } from "../../kernel/machine.ts";
import { FailureBudget } from "../../limits/failure-budget.ts";
import type { LimitPlan } from "../../limits/limit-plan.ts";
import type { CountedSoFar, LimitsInForce } from "../../limits/limits-in-force.ts";
import { LocalBuckets } from "../../limits/local-buckets.ts";
import { SharedBuckets } from "../../limits/shared-buckets.ts";
import { SharedPairs } from "../../limits/shared-pairs.ts";
import type { RedisBuckets } from "../../stores/redis/shared-store.ts";
import type { Log } from "../../telemetry/log.ts";
import { LOOK_MS, type UpkeepLoop } from "../key-upkeep.ts";

/** What is counted from now on, until the process ends. */
export interface Counting {
  readonly counted: CountedSoFar;
  /** How many times a bucket found no place of its own, by table. */
  overflows(): Overflows;
  /** Whether this replica counts by itself, though it shares its limits; `undefined`: it shares none. */
  isLocal(): boolean | undefined;
  /** Looks once whether a lost store is there again, and exchanges with it what replicas know. Never rejects. */
  look(): Promise<void>;
  close(): void;
}

/** A closed set of names. */
export type Overflows = ReadonlyMap<string, number>;

/** How what is counted is opened: what it needs is loaded before. */
export type OpenCounting = (machine: Machine, log: Log, watcher: LimitsWatcher) => Counting;

/** What is counted of the decisions themselves. */
export interface LimitsWatcher {
  /** A decision for which the server of shared limits was asked took so long. */
  decided(seconds: number): void;
}

/** Loads what counting needs: the client of a shared store only where one is set. */
export async function loadCounting({
  limits: { url, replicas },
  tokens,
}: Pick<Settings, "limits" | "tokens">): Promise<OpenCounting> {
  if (url === undefined) return (machine) => localCounting(machine, replicas);
  const { openRedis } = await import("../../stores/redis/shared-store.ts");
  return (machine, log, watcher) =>
    sharedCounting(openRedis({ url, name: tokens.issuer }, machine), replicas, {
      name: tokens.issuer,
      machine,
      log,
      watcher,
    });
}

/** The limits of this process: what is counted is opened with the first document that has limits, and stays. */
export interface ProcessLimits {
  /** The limits of a plan; none of none. */
  inForce(plan: LimitPlan | undefined): LimitsInForce | undefined;
  isLocal(): boolean | undefined;
  overflows(): Overflows;
  watch(watcher: LimitsWatcher): void;
  readonly loops: readonly UpkeepLoop[];
  close(): void;
}

export function openLimits(
  { url }: Settings["limits"],
  open: (watcher: LimitsWatcher) => Counting,
): ProcessLimits {
  let counting: Counting | undefined;
  let watcher: LimitsWatcher | undefined;
  const decided = (seconds: number): void => watcher?.decided(seconds);
  return {
    inForce(plan) {
      if (plan === undefined) return undefined;
      counting ??= open({ decided });
      return { plan, counted: counting.counted };
    },
    isLocal: () => counting?.isLocal(),
    overflows: () => counting?.overflows() ?? NO_OVERFLOWS,
    watch(one) {
      watcher = one;
    },
    loops:
      url === undefined
        ? []
        : [{ name: "limits_store", everyMs: LOOK_MS, run: async () => counting?.look() }],
    close: () => {
      counting?.close();
    },
  };
}

const NO_OVERFLOWS: Overflows = new Map();

function overflowsOf(buckets: readonly LocalBuckets[], failures: FailureBudget): Overflows {
  const all = new Map<string, number>(failures.overflows());
  for (const [scope, count] of buckets.flatMap((one) => [...one.overflows()]))
    all.set(scope, (all.get(scope) ?? 0) + count);
  return all;
}

function localCounting(machine: Machine, replicas: number): Counting {
  const door = new LocalBuckets(machine);
  const failures = new FailureBudget(machine, replicas);
  return {
    counted: { door, failures, tokens: door, areShared: false },
    overflows: () => overflowsOf([door], failures),
    isLocal: () => undefined,
    look: () => Promise.resolve(),
    close: () => undefined,
  };
}

/** The store is connected in the background: nothing waits for it. */
function sharedCounting(
  store: RedisBuckets,
  replicas: number,
  { name, machine, log, watcher }: { name: string; machine: Machine; log: Log; watcher: LimitsWatcher },
): Counting {
  const [door, local] = [new LocalBuckets(machine), new LocalBuckets(machine)];
  const tokens = new SharedBuckets({
    store,
    local,
    timers: machine.timers,
    stopwatch: machine.stopwatch,
    replicas,
    watcher: {
      ...watcher,
      lost: (why) => {
        const message = `this replica limits by itself, at 1/${replicas} of each limit; see docs/limits.md`;
        log.error({ event: "limits_store_lost", fault: why, replicas, message });
      },
      found: () => {
        log.info({ event: "limits_store_found" });
      },
    },
  });
  let isClosed = false;
  const pairs = new SharedPairs({
    ...machine,
    store,
    name,
    watcher: {
      failed: (fault) => {
        const message = "other replicas do not know from which addresses callers call; see docs/limits.md";
        // A server that is lost as a whole is reported as lost.
        void tokens.lookAgain().then(() => {
          if (!isClosed && !tokens.isLocal)
            log.error({ event: "known_addresses_not_shared", fault, message });
        });
      },
    },
  });
  const failures = new FailureBudget(machine, replicas, pairs);
  return {
    counted: { door, failures, tokens, areShared: true },
    overflows: () => overflowsOf([door, local], failures),
    isLocal: () => tokens.isLocal,
    async look() {
      await tokens.look();
      // Not awaited: a server that does not answer must not delay the next look.
      if (!tokens.isLocal) void pairs.exchange();
    },
    close: () => {
      isClosed = true;
      store.close();
    },
  };
}
