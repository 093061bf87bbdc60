import { messageOf } from "../../kernel/faults.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { LedgerStore } from "../../ledger/ledger-store.ts";
import type { LedgerWriter } from "../../ledger/writer.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";

/** Under load these are some hundreds of entries, which are filed in milliseconds; a question files what is left. */
const EVERY_MS = 250;
const FAULTS_EVERY_MS = 10_000;

/** Files what this process writes, and what an earlier one left. */
export function filingLoop(
  store: Pick<LedgerStore, "file">,
  writer: Pick<LedgerWriter, "watch">,
  { log, timers }: { readonly log: Log; readonly timers: Timers },
): UpkeepLoop {
  let isDue = true;
  writer.watch({
    written: () => {
      isDue = true;
    },
    failed: () => undefined,
    lost: () => undefined,
  });
  const ofFaults = seldom(timers, FAULTS_EVERY_MS);
  return {
    name: "ledger filing",
    everyMs: EVERY_MS,
    async run() {
      if (!isDue) return;
      isDue = false;
      try {
        await store.file();
      } catch (thrown) {
        isDue = true;
        ofFaults(() => {
          log.error({ event: "ledger_filing_failed", fault: messageOf(thrown) });
        });
      }
    },
  };
}
