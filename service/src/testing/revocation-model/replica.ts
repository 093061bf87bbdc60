import { rememberedVerify } from "../../guard/remembered.ts";
import type { Kid } from "../../kernel/ids.ts";
import { systemRandom } from "../../kernel/random.ts";
import { LiveKeys } from "../../keys/given/live-keys.ts";
import { ringAtBoot } from "../../keys/given/plan-file-change.ts";
import { signersFor } from "../../keys/given/signers-for.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import { durableLedger, type Ledger, type Revocations } from "../../ledger/ledger.ts";
import type { LedgerStore } from "../../ledger/ledger-store.ts";
import type { RevocationStore } from "../../ledger/revocation/revocation-store.ts";
import { RevocationView } from "../../ledger/revocation/revocation-view.ts";
import type { RevokeDeps } from "../../ledger/revocation/revoke.ts";
import { LedgerWriter } from "../../ledger/writer.ts";
import type { MintDeps } from "../../tokens/mint.ts";
import { ownKeysOf } from "../../tokens/own-keys.ts";
import type { VerifyDeps } from "../../tokens/verify.ts";
import { testKey } from "../test-keys.ts";
import { Link, type NoteRecorded, type SharedStores } from "./link.ts";
import { type ModelTime, WRITER_TIMERS } from "./time.ts";

export const LIFE_SECONDS_MAX = 600;
export const RULES = {
  issuer: "issuer",
  audience: "audience",
  defaultTtlSeconds: 300,
  maxTtlSeconds: LIFE_SECONDS_MAX,
};
const KEYS = ["k1", "k2", "k3"].map((kid) => testKey(kid));
export const KIDS = KEYS.map(({ kid }) => kid);
const random = systemRandom();

/** What a replica knows of revocations, and how it learns. */
export type View = Revocations & Pick<RevocationView, "poll">;

/** Small faults of the code of one replica. An empty one is the code as it is. */
export interface Mutation {
  ledgerStore?(store: LedgerStore): LedgerStore;
  revocationStore?(store: RevocationStore): RevocationStore;
  /** `stopwatch`: of the replica. */
  view?(view: View, stopwatch: ModelTime["stopwatch"]): View;
  ledger?(ledger: Ledger): Ledger;
}

/** Makes the faults of a replica that begins a life. */
export type Mutate = (replica: Pick<Replica, "name" | "now">) => Mutation;

/** The keys of all replicas of a world: the first that is not revoked signs, all are served. */
export class ModelKeys implements KeyDirectory {
  readonly #directories: readonly LiveKeys[];
  readonly #revoked = new Set<Kid>();

  constructor(time: ModelTime) {
    const clock = time.clock();
    this.#directories = KEYS.map((first) => {
      const keys = [first, ...KEYS.filter((key) => key !== first)];
      return new LiveKeys(ringAtBoot(keys, clock.now()), signersFor(keys), clock);
    });
  }

  view(): ReturnType<KeyDirectory["view"]> {
    const place = KIDS.findIndex((kid) => !this.#revoked.has(kid));
    return (this.#directories[Math.max(place, 0)] as LiveKeys).view();
  }

  /** A key that is revoked signs no more, and never again. */
  revoke(kid: Kid): void {
    this.#revoked.add(kid);
  }
}

/** A process of the service, from its store to the answers that it gives. */
export class Replica {
  readonly name: string;
  readonly link: Link;
  #life: Life;
  readonly #begin: () => Life;

  constructor(name: string, world: ReplicaWorld, aheadSeconds: number) {
    this.name = name;
    const clock = world.time.clock(aheadSeconds);
    this.now = () => clock.now();
    this.link = new Link(world.time, world.stores, world.recorded);
    this.#begin = () => newLife(world, clock, this.link, world.mutate(this));
    this.#life = this.#begin();
  }

  readonly now: () => number;

  get life(): Life {
    return this.#life;
  }

  /** Ends this life and begins another, which knows nothing yet. */
  restart(): void {
    this.link.look = undefined;
    this.#life = this.#begin();
  }
}

interface ReplicaWorld {
  readonly time: ModelTime;
  readonly keys: ModelKeys;
  readonly stores: SharedStores;
  readonly recorded: NoteRecorded;
  readonly mutate: Mutate;
}

/** The parts of a process, put together as `wiring/` does it. */
interface Life {
  readonly view: View;
  readonly mint: MintDeps;
  readonly verify: VerifyDeps;
  readonly revocation: RevokeDeps;
}

function newLife(
  { time, keys }: ReplicaWorld,
  clock: ReturnType<ModelTime["clock"]>,
  link: Link,
  mutation: Mutation,
): Life {
  const { stopwatch } = time;
  const ledgerStore = mutation.ledgerStore?.(link.ledger) ?? link.ledger;
  const store = mutation.revocationStore?.(link.revocations) ?? link.revocations;
  const trueView = new RevocationView({ store, clock, stopwatch });
  const view = mutation.view?.(trueView, stopwatch) ?? trueView;
  const writer = new LedgerWriter({
    store: ledgerStore,
    timers: WRITER_TIMERS,
    stopwatch,
    random,
    nowMs: () => clock.nowMs(),
    writer: {},
  });
  const parts = { writer, rejections: { note: () => undefined }, revocations: view };
  const trueLedger = durableLedger(parts);
  const ledger = mutation.ledger?.(trueLedger) ?? trueLedger;
  const verify = { clock, issuer: RULES.issuer, revocations: view, ownKeys: ownKeysOf(keys) };
  const revocation = { store, writer, revocations: view, clock, random };
  const mint = { clock, random, keys, usage: undefined, rules: RULES, timers: time.passing, ledger };
  const issued = { verify, verifyAgain: rememberedVerify(verify), revocation };
  return { view, verify, revocation, mint: { ...mint, issued } };
}
