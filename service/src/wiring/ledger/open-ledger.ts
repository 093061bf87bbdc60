import type { Settings } from "../../config/settings.ts";
import { messageOf } from "../../kernel/faults.ts";
import type { Machine } from "../../kernel/machine.ts";
import { durableLedger, type Ledger, type Revocations } from "../../ledger/ledger.ts";
import type { RevokeDeps } from "../../ledger/revocation/revoke.ts";
import { LedgerWriter } from "../../ledger/writer.ts";
import { ledgerStore } from "../../stores/ledger.ts";
import type { OpenDatabase } from "../../stores/open.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";

/** The ledger of a running service. */
export interface OpenLedger {
  /** `undefined`: nothing is recorded. */
  readonly ledger: Ledger | undefined;
  /** What revoking takes; `undefined` as above. */
  readonly revocation: RevokeDeps | undefined;
  readonly loops: readonly UpkeepLoop[];
  /** Ends the chain of this process once nothing waits to be written. Never rejects. */
  close(): Promise<void>;
}

const NO_LEDGER: OpenLedger = {
  ledger: undefined,
  revocation: undefined,
  loops: [],
  close: () => Promise.resolve(),
};
const FAULTS_EVERY_MS = 10_000;

/** Opens the ledger of the settings in the database of the process. */
export function openLedger(
  { ledger: { mode }, tokens }: Settings,
  database: OpenDatabase | undefined,
  { clock, timers, random }: Machine,
  { log, version }: { readonly log: Log; readonly version: string },
): OpenLedger {
  if (mode === "off" || database === undefined) return NO_LEDGER;
  const atTimes = seldom(timers, FAULTS_EVERY_MS);
  const writer = new LedgerWriter({
    store: ledgerStore(database),
    timers,
    random,
    nowMs: () => clock.nowMs(),
    writer: { version, issuer: tokens.issuer, mode },
    failed: (thrown, entries) => {
      atTimes(() => {
        log.error({ event: "ledger_unavailable", entries, fault: messageOf(thrown) });
      });
    },
  });
  return {
    ledger: durableLedger(writer, NOTHING_REVOKED),
    revocation: undefined,
    loops: [],
    async close() {
      await writer.idle();
      if (writer.head !== undefined) await writer.record({ kind: "end", facts: {} });
    },
  };
}

const NOTHING_REVOKED: Revocations = {
  epoch: 0,
  freshness: () => ({ ageMs: 0, isFresh: true }),
  catchUp: () => Promise.resolve(),
  isStopped: () => false,
  firstFreeSecond: () => undefined,
};
