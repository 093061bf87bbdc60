import { steadyClock } from "../../kernel/clock.ts";
import type { Machine } from "../../kernel/machine.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { Freshness } from "../../ledger/ledger.ts";
import { POLL_EVERY_MS, RevocationView } from "../../ledger/revocation/revocation-view.ts";
import type { RevokeDeps } from "../../ledger/revocation/revoke.ts";
import type { OpenDatabase } from "../../stores/open.ts";
import { revocationStore } from "../../stores/revocations.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";
import { faultMembers } from "../words/store-fault-words.ts";

/** What a replica knows of what is revoked: the last number, how many subjects are stopped, and how old its look is. */
export type KnownRevocations = Freshness & { readonly epoch: number; readonly size: number };

/** What is revoked, as a running service knows it and changes it. */
export interface OpenRevocation {
  readonly deps: RevokeDeps;
  readonly view: RevocationView;
  known(): KnownRevocations;
  readonly loops: readonly UpkeepLoop[];
  /** Reads all that stands, as far as the store lets it in time. Never rejects. */
  load(): Promise<void>;
}

const FAULTS_EVERY_MS = 10_000;
const PRUNE_EVERY_MS = 60_000;
/** How long a start waits to know a million of revocations; it goes on to read them afterwards. */
const LOAD_MS_MAX = 15_000;

/** Opens the revocations of a database. `lifeSecondsMax`: of the tokens that this process issues. */
export function openRevocation(
  database: OpenDatabase,
  { writer, lifeSecondsMax }: Pick<RevokeDeps, "writer"> & { readonly lifeSecondsMax: number },
  { clock, stopwatch, timers, random }: Machine,
  log: Log,
): OpenRevocation {
  const store = revocationStore(database, lifeSecondsMax, clock);
  const view = new RevocationView({ store, clock, stopwatch });
  // What a clock that is ahead made leave the list is there again when it is set back, so the store's word alone removes nothing.
  const steady = steadyClock(clock, stopwatch);
  const atTimes = seldom(timers, FAULTS_EVERY_MS);
  let logged = -1;
  const poll = async (): Promise<void> => {
    try {
      await view.poll();
      // Each replica says when it stops what another one was asked to stop.
      if (view.epoch > Math.max(logged, 0)) log.info({ event: "revocations_known", epoch: view.epoch });
      logged = view.epoch;
    } catch (thrown) {
      if (!(thrown instanceof StoreUnavailable)) throw thrown;
      atTimes(() => {
        log.error({ event: "revocations_unread", epoch: view.epoch, ...faultMembers(thrown) });
      });
    }
  };
  return {
    deps: { store, writer, revocations: view, clock, random },
    view,
    known: () => ({ epoch: view.epoch, size: view.size, ...view.freshness() }),
    loops: [
      { name: "revocations", everyMs: POLL_EVERY_MS, run: poll },
      {
        name: "revoked_tokens",
        everyMs: PRUNE_EVERY_MS,
        run: async () => {
          await store.prune(steady.now()).catch((thrown: unknown) => {
            // The polls report a store that fails.
            if (!(thrown instanceof StoreUnavailable)) throw thrown;
          });
        },
      },
    ],
    async load() {
      const patience = timers.delay(LOAD_MS_MAX);
      await Promise.race([poll().catch(() => undefined), patience.over]);
      patience.cancel();
    },
  };
}
