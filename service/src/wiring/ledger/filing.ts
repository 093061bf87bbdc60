import type { Stopwatch } from "../../kernel/clock.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { LedgerStore } from "../../ledger/ledger-store.ts";
import type { LedgerWriter } from "../../ledger/writer.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";
import { faultMembers } from "../words/store-fault-words.ts";

/** Under load these are some hundreds of entries, which are filed in milliseconds; a question files what is left. */
const EVERY_MS = 250;
const FAULTS_EVERY_MS = 10_000;

/** The loop, and how it is doing. */
export interface Filing {
  readonly loop: UpkeepLoop;
  /** For how long the oldest entry of this process has waited to be filed; 0: all are. */
  behindSeconds(): number;
}

/** Files what this process writes, and what an earlier one left. */
export function openFiling(
  store: Pick<LedgerStore, "file">,
  writer: Pick<LedgerWriter, "watch">,
  { log, timers, stopwatch }: { readonly log: Log; readonly timers: Timers; readonly stopwatch: Stopwatch },
): Filing {
  let dueSince: number | undefined = stopwatch.elapsed();
  /** While a round runs: since when it has been due. */
  let underWaySince: number | undefined;
  writer.watch({
    written: () => {
      dueSince ??= stopwatch.elapsed();
    },
    failed: () => undefined,
    lost: () => undefined,
  });
  const ofFaults = seldom(timers, FAULTS_EVERY_MS);
  const loop: UpkeepLoop = {
    name: "ledger filing",
    everyMs: EVERY_MS,
    async run() {
      if (dueSince === undefined) return;
      underWaySince = dueSince;
      dueSince = undefined;
      try {
        await store.file();
      } catch (thrown) {
        dueSince = underWaySince;
        ofFaults(() => {
          log.error({ event: "ledger_filing_failed", ...faultMembers(thrown) });
        });
      } finally {
        underWaySince = undefined;
      }
    },
  };
  return {
    loop,
    behindSeconds() {
      const since = underWaySince ?? dueSince;
      return since === undefined ? 0 : stopwatch.elapsed() - since;
    },
  };
}
