import type { Settings } from "../../config/settings.ts";
import type { Machine } from "../../kernel/machine.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { LEEWAY_SECONDS } from "../../ledger/revocation/revocation-store.ts";
import { IndexSupply, type StatusSupply } from "../../status-lists/index-supply.ts";
import { LOOK_EVERY_MS, StatusListView } from "../../status-lists/status-list-view.ts";
import { ledgerQuestions } from "../../stores/ledger.ts";
import { revocationStore } from "../../stores/revocations.ts";
import { statusListStore } from "../../stores/status-lists.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { KeyUpkeep, UpkeepLoop } from "../key-upkeep.ts";
import { openPurposeKeys } from "../open-purpose-keys.ts";
import { faultMembers } from "../words/store-fault-words.ts";

/** The status lists of a running service. */
export interface OpenStatusLists {
  readonly supply: StatusSupply;
  readonly view: StatusListView;
  readonly loops: readonly UpkeepLoop[];
  /** Reads what is stopped and reserves indexes, before the service listens. Never rejects for the store. */
  load(): Promise<void>;
}

const FAULTS_EVERY_MS = 10_000;
const PRUNE_EVERY_MS = 3_600_000;

/** Opens the status lists of the settings in the database of the process; `undefined`: tokens have no status. */
export function openStatusLists(
  { statusLists, tokens }: Pick<Settings, "statusLists" | "tokens">,
  { database, sealing, directory }: Pick<KeyUpkeep, "database" | "sealing" | "directory">,
  { clock, stopwatch, timers, random }: Machine,
  log: Log,
): OpenStatusLists | undefined {
  const { publicUrl, ttlSeconds } = statusLists ?? {};
  if (publicUrl === undefined || ttlSeconds === undefined) return undefined;
  if (database?.kind !== "sql" || sealing === undefined) return undefined;
  const store = statusListStore(database);
  const { issuer, maxTtlSeconds } = tokens;
  const nowMs = () => clock.nowMs();
  const sealed = { database, sealing };
  const view = new StatusListView({
    store,
    keys: {
      lists: openPurposeKeys("status-lists", sealed, nowMs),
      ids: openPurposeKeys("status-ids", sealed, nowMs),
    },
    revocations: revocationStore(database, maxTtlSeconds, clock),
    questions: ledgerQuestions(database),
    clock,
    stopwatch,
    issuer,
    publicUrl,
    ttlSeconds,
  });
  const lifeSeconds = maxTtlSeconds + LEEWAY_SECONDS;
  const supply = new IndexSupply({ store, ids: () => view.ids, random, clock, publicUrl, lifeSeconds });
  const atTimes = seldom(timers, FAULTS_EVERY_MS);
  const withStore = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof StoreUnavailable)) throw thrown;
      atTimes(() => {
        log.error({ event: "status_lists_unread", ...faultMembers(thrown) });
      });
    }
  };
  const look = (): Promise<void> => withStore(() => view.look());
  const refill = (): Promise<void> =>
    withStore(async () => {
      const { signing } = directory.view();
      if (signing !== undefined) await supply.refill(signing.kid);
    });
  return {
    supply,
    view,
    loops: [
      { name: "status_lists", everyMs: LOOK_EVERY_MS, run: look },
      { name: "status_list_indexes", everyMs: LOOK_EVERY_MS, run: refill },
      { name: "old_status_lists", everyMs: PRUNE_EVERY_MS, run: () => withStore(() => store.prune()) },
    ],
    async load() {
      // The first list is there then when the first look is made.
      await refill();
      await look();
    },
  };
}
