import type { Settings } from "../../config/settings.ts";
import { type Clock, epochMs } from "../../kernel/clock.ts";
import { type PruneDeps, pruneLedger } from "../../ledger/prune/prune-ledger.ts";
import { pruneStore } from "../../stores/ledger-notes.ts";
import { keepPartitions } from "../../stores/sql/ledger/partitions.ts";
import type { Log } from "../../telemetry/log.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";
import { faultMembers } from "../words/store-fault-words.ts";
import type { SqlDatabase } from "./open-notes.ts";

const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** What verifiers tolerate past the expiry of a token: the runtime 60 s. */
const LEEWAY_SECONDS = 120;

/** How long a token may be accepted at most. */
export function tokenLifeSeconds({ tokens }: Pick<Settings, "tokens">): number {
  return tokens.maxTtlSeconds + LEEWAY_SECONDS;
}

/** Makes the partitions of PostgreSQL that entries will go to, and drops those that are empty and of no use any longer. */
export function partitionLoop(
  { ledger: { retentionDays } }: Pick<Settings, "ledger">,
  database: SqlDatabase,
  clock: Clock,
  log: Log,
): UpkeepLoop {
  const round = async (): Promise<void> => {
    const now = clock.nowMs();
    const keptFrom = retentionDays === undefined ? undefined : epochMs(now - retentionDays * DAY_MS);
    const { made, dropped } = await keepPartitions(database, now, keptFrom);
    if (made + dropped > 0) log.info({ event: "ledger_partitions", made, dropped });
  };
  return {
    name: "ledger partitions",
    everyMs: EVERY_MS,
    run: () =>
      round().catch((thrown: unknown) => {
        log.warn({ event: "ledger_partitions_failed", ...faultMembers(thrown) });
      }),
  };
}

/** Removes entries for their age, every hour; none where the settings give no age. */
export function retentionLoops(
  { ledger, tokens }: Pick<Settings, "ledger" | "tokens">,
  database: SqlDatabase,
  deps: Omit<PruneDeps, "store">,
  clock: Clock,
  log: Log,
): readonly UpkeepLoop[] {
  const { retentionDays } = ledger;
  if (retentionDays === undefined) return [];
  const store = pruneStore(database);
  const request = {
    olderThanDays: retentionDays,
    lifeSeconds: tokenLifeSeconds({ tokens }),
    by: "retention",
  };
  const round = async (): Promise<void> => {
    const pruned = await pruneLedger({ ...deps, store }, { ...request, now: clock.nowMs() });
    if (pruned.kind === "unavailable") log.error({ event: "ledger_prune_failed", fault: "not_recorded" });
    if (pruned.kind !== "pruned") return;
    const { entries, chains, notes } = pruned;
    log.info({ event: "ledger_pruned", entries, chains, notes });
  };
  return [
    {
      name: "ledger retention",
      everyMs: EVERY_MS,
      run: () =>
        round().catch((thrown: unknown) => {
          log.error({ event: "ledger_prune_failed", ...faultMembers(thrown) });
        }),
    },
  ];
}
