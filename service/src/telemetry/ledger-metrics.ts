import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { ENTRY_KINDS } from "../ledger/entry.ts";
import type { WriterStatus, WriterWatch } from "../ledger/writer.ts";

/** From a quick disk to the two seconds after which nobody waits any longer. */
const BATCH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];
const BATCH_ENTRIES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** How the writer of the ledger is doing, and for how long what it wrote has waited to be filed. */
export type LedgerFigures = WriterStatus & { readonly filingBehindSeconds: number };

/** The figures of the ledger's writer. `read`: as it is at a scrape; `undefined`: nothing is recorded. */
export function ledgerMetrics(registers: Registry[], read: () => LedgerFigures | undefined): WriterWatch {
  const name = (end: string): string => `macp_auth_ledger_${end}`;
  const entries = new Counter({
    name: name("entries_total"),
    help: "Entries that this replica has written to the ledger, by kind.",
    labelNames: ["kind"],
    registers,
  });
  const lost = new Counter({
    name: name("lost_total"),
    help: "Entries that found no place in memory while the store was away, by kind.",
    labelNames: ["kind"],
    registers,
  });
  // The first loss is one too many: without a 0 before it, Prometheus would see no increase.
  for (const kind of ENTRY_KINDS) lost.inc({ kind }, 0);
  const failures = new Counter({
    name: name("failures_total"),
    help: "Batches of entries that the store did not take, or not in time.",
    registers,
  });
  const seconds = new Histogram({
    name: name("batch_seconds"),
    help: "How long a batch of entries took to be on the disk.",
    buckets: BATCH_SECONDS,
    registers,
  });
  const sizes = new Histogram({
    name: name("batch_entries"),
    help: "How many entries were written together.",
    buckets: BATCH_ENTRIES,
    registers,
  });
  statusGauges(registers, read);
  return {
    written(kinds, took) {
      for (const kind of kinds) entries.inc({ kind });
      seconds.observe(took);
      sizes.observe(kinds.length);
    },
    failed: () => {
      failures.inc();
    },
    lost: (kind) => {
      lost.inc({ kind });
    },
  };
}

/** How far the signed notes are behind. */
export interface NoteFigures {
  /** How long entries have waited for a note. */
  readonly ageSeconds: number;
  /** How many notes the witness has not got; `undefined`: there is none. */
  readonly witnessBehind: number | undefined;
}

/** The figures of the signed notes. `read` as above. */
export function noteMetrics(registers: Registry[], read: () => NoteFigures | undefined): void {
  const gauge = (end: string, help: string, of: (figures: NoteFigures) => number | undefined): void => {
    const made = new Gauge({ name: `macp_auth_ledger_${end}`, help, registers, collect });
    function collect(): void {
      made.remove();
      const figures = read();
      const value = figures && of(figures);
      if (value !== undefined) made.set(value);
    }
  };
  gauge(
    "note_age_seconds",
    "Time that the oldest entry without a signed note has waited for one.",
    ({ ageSeconds }) => ageSeconds,
  );
  gauge("witness_behind", "Signed notes that the witness has not got.", ({ witnessBehind }) => witnessBehind);
}

function statusGauges(registers: Registry[], read: () => LedgerFigures | undefined): void {
  const gauge = (end: string, help: string, of: (status: LedgerFigures) => number | undefined): void => {
    const made = new Gauge({ name: `macp_auth_ledger_${end}`, help, registers, collect });
    function collect(): void {
      // Absent where nothing is recorded: 0 would say that it is.
      made.remove();
      const status = read();
      const value = status && of(status);
      if (value !== undefined) made.set(value);
    }
  };
  gauge("waiting_entries", "Entries that are not on the disk yet.", ({ waiting }) => waiting);
  gauge("failing", "1 while the store does not take entries in time.", ({ isFailing }) =>
    isFailing ? 1 : 0,
  );
  gauge(
    "written_ago_seconds",
    "Time since this replica last wrote to the ledger.",
    ({ writtenAgo }) => writtenAgo,
  );
  gauge(
    "filing_behind_seconds",
    "Time that committed entries of this replica have waited to be filed under what they are found by.",
    ({ filingBehindSeconds }) => filingBehindSeconds,
  );
}
