import type { Settings } from "../../config/settings.ts";
import type { Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/faults.ts";
import { type PruneDeps, pruneLedger } from "../../ledger/prune/prune-ledger.ts";
import { pruneStore } from "../../stores/ledger-notes.ts";
import type { Log } from "../../telemetry/log.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";
import type { SqlDatabase } from "./open-notes.ts";

const EVERY_MS = 3_600_000;
/** What verifiers tolerate past the expiry of a token: the runtime 60 s. */
const LEEWAY_SECONDS = 120;

/** How long a token may be accepted at most. */
export function tokenLifeSeconds({ tokens }: Pick<Settings, "tokens">): number {
  return tokens.maxTtlSeconds + LEEWAY_SECONDS;
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
          log.error({ event: "ledger_prune_failed", fault: messageOf(thrown) });
        }),
    },
  ];
}
