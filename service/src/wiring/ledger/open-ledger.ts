import type { Settings } from "../../config/settings.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Timers } from "../../kernel/timers.ts";
import { asyncLedger, durableLedger, type Ledger, type LedgerMode } from "../../ledger/ledger.ts";
import type { AskDeps } from "../../ledger/questions/ask.ts";
import { RejectionEntries } from "../../ledger/rejections.ts";
import type { RevokeDeps } from "../../ledger/revocation/revoke.ts";
import { LedgerWriter, type WriterStatus, type WriterWatch } from "../../ledger/writer.ts";
import { ledgerQuestions, ledgerStore } from "../../stores/ledger.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { KeyUpkeep, UpkeepLoop } from "../key-upkeep.ts";
import { faultMembers } from "../words/store-fault-words.ts";
import { openFiling } from "./filing.ts";
import { type OpenNotes, openNotes } from "./open-notes.ts";
import { type KnownRevocations, openRevocation } from "./open-revocation.ts";
import { type OpenStatusLists, openStatusLists } from "./open-status-lists.ts";
import { partitionLoop, retentionLoops } from "./retention.ts";

/** How the ledger is doing, how it records, and for how long what this process wrote has waited to be filed. */
export type LedgerStatus = WriterStatus & {
  readonly mode: LedgerMode;
  readonly filingBehindSeconds: number;
};

/** The ledger of a running service. */
export interface OpenLedger {
  /** `undefined`: nothing is recorded. */
  readonly ledger: Ledger | undefined;
  /** What revoking takes; `undefined` as above. */
  readonly revocation: RevokeDeps | undefined;
  /** What answers questions to it; `undefined` as above. */
  readonly reading: AskDeps | undefined;
  /** The signed notes; `undefined` as above. */
  readonly notes: OpenNotes | undefined;
  /** `undefined`: tokens have no status. */
  readonly statusLists: OpenStatusLists | undefined;
  readonly loops: readonly UpkeepLoop[];
  /** Reads what is revoked, before the service listens. Never rejects. */
  load(): Promise<void>;
  /** `undefined` as above. */
  status(): LedgerStatus | undefined;
  /** What this replica knows of what is revoked; `undefined` as above. */
  revocations(): KnownRevocations | undefined;
  /** Adds one that is notified of what is written. */
  watch(watch: WriterWatch): void;
  /** Ends the chain of this process once nothing waits to be written. Never rejects. */
  close(): Promise<void>;
}

const NO_LEDGER: OpenLedger = {
  ledger: undefined,
  revocation: undefined,
  reading: undefined,
  notes: undefined,
  statusLists: undefined,
  loops: [],
  load: () => Promise.resolve(),
  status: () => undefined,
  revocations: () => undefined,
  watch: () => undefined,
  close: () => Promise.resolve(),
};
const FAULTS_EVERY_MS = 10_000;
const COUNTS_EVERY_MS = 10_000;
/** How long a shutdown waits for the store. */
const CLOSE_MS_MAX = 900;

/** Opens the ledger of the settings in the database of the process, and the status lists that follow from it. */
export function openLedger(
  settings: Settings,
  upkeep: Pick<KeyUpkeep, "database" | "sealing" | "directory">,
  machine: Machine,
  about: { readonly log: Log; readonly version: string },
): OpenLedger {
  const opened = openedLedger(settings, upkeep, machine, about);
  const statusLists = openStatusLists(settings, upkeep, machine, about.log);
  if (statusLists === undefined) return opened;
  return {
    ...opened,
    statusLists,
    loops: [...opened.loops, ...statusLists.loops],
    async load() {
      await opened.load();
      await statusLists.load();
    },
  };
}

function openedLedger(
  { ledger, tokens }: Settings,
  { database, sealing }: Pick<KeyUpkeep, "database" | "sealing">,
  machine: Machine,
  { log, version }: { readonly log: Log; readonly version: string },
): OpenLedger {
  const { mode } = ledger;
  const { clock, timers, random, stopwatch } = machine;
  if (mode === "off" || database?.kind !== "sql" || sealing === undefined) return NO_LEDGER;
  const store = ledgerStore(database, (rows) => {
    log.error({ event: "ledger_chains_unreadable", rows });
  });
  const writer = new LedgerWriter({
    store,
    timers,
    stopwatch,
    random,
    nowMs: () => clock.nowMs(),
    writer: { version, issuer: tokens.issuer, mode },
    forked: (chain) => {
      log.error({ event: "ledger_forked", chain });
    },
  });
  writer.watch(loggingWatch(log, timers));
  const rejections = new RejectionEntries(writer, stopwatch);
  const revocation = openRevocation(database, { writer, lifeSecondsMax: tokens.maxTtlSeconds }, machine, log);
  const filing = openFiling(store, writer, { log, timers, stopwatch });
  const parts = { writer, rejections, revocations: revocation.view };
  const notes = openNotes({ ledger, issuer: tokens.issuer }, { database, sealing }, machine, log);
  return {
    notes,
    statusLists: undefined,
    ledger: mode === "async" ? asyncLedger(parts) : durableLedger(parts),
    revocation: revocation.deps,
    reading: { questions: ledgerQuestions(database), revocations: revocation.view, clock },
    load: () => revocation.load(),
    loops: [
      filing.loop,
      ...notes.loops,
      partitionLoop({ ledger }, database, clock, log),
      ...retentionLoops(
        { ledger, tokens },
        database,
        { ledger: store, keys: notes.deps.keys, writer },
        clock,
        log,
      ),
      ...revocation.loops,
      countingLoop(rejections),
    ],
    status: () => ({ mode, ...writer.status, filingBehindSeconds: filing.behindSeconds() }),
    revocations: () => revocation.known(),
    watch: (watch) => {
      writer.watch(watch);
    },
    close: () => closed(writer, rejections, { log, timers }),
  };
}

/** Records how many rejections have no entry of their own. */
function countingLoop(rejections: RejectionEntries): UpkeepLoop {
  return {
    name: "ledger",
    everyMs: COUNTS_EVERY_MS,
    run: () => {
      rejections.count();
      return Promise.resolve();
    },
  };
}

/** Writes what waits and the end of the chain, as far as the store lets it in time. */
async function closed(
  writer: LedgerWriter,
  rejections: RejectionEntries,
  { log, timers }: { readonly log: Log; readonly timers: Timers },
): Promise<void> {
  const patience = timers.delay(CLOSE_MS_MAX);
  rejections.count();
  const ended = async (): Promise<void> => {
    await writer.idle();
    if (writer.head !== undefined) await writer.record({ kind: "end", facts: {} });
  };
  await Promise.race([ended(), patience.over]);
  patience.cancel();
  const { waiting } = writer.status;
  if (waiting > 0) log.error({ event: "ledger_lost", entries: waiting });
}

/** Reports a store that fails, and entries that are lost, at most every ten seconds. */
function loggingWatch(log: Log, timers: Timers): WriterWatch {
  const [ofFaults, ofLosses] = [seldom(timers, FAULTS_EVERY_MS), seldom(timers, FAULTS_EVERY_MS)];
  return {
    written: () => undefined,
    failed: (thrown, entries) => {
      ofFaults(() => {
        log.error({ event: "ledger_unavailable", entries, ...faultMembers(thrown) });
      });
    },
    lost: (kind) => {
      ofLosses(() => {
        log.error({ event: "ledger_entry_lost", kind });
      });
    },
  };
}
