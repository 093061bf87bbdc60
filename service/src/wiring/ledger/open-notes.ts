import type { LedgerSettings } from "../../config/ledger-settings.ts";
import { type EpochMs, epochMs } from "../../kernel/clock.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Sealing } from "../../keys/custody/sealing.ts";
import { ledgerName } from "../../ledger/notes/heads-note.ts";
import { type NoteKeys, noteKeys } from "../../ledger/notes/note-keys.ts";
import { type SignedHeads, type SignHeadsDeps, signHeads } from "../../ledger/notes/sign-heads.ts";
import { ledgerStore } from "../../stores/ledger.ts";
import { notedLedger } from "../../stores/ledger-notes.ts";
import type { OpenDatabase } from "../../stores/open.ts";
import type { NoteFigures } from "../../telemetry/ledger-metrics.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";
import { faultMembers } from "../words/store-fault-words.ts";
import { openWitness, type Witness } from "./witness.ts";

/** The signed notes of a running service. */
export interface OpenNotes {
  readonly loops: readonly UpkeepLoop[];
  /** What signing takes. */
  readonly deps: SignHeadsDeps & { readonly keys: NoteKeys };
  figures(): NoteFigures;
}

/** The database of a ledger that has notes. */
export type SqlDatabase = Extract<OpenDatabase, { readonly kind: "sql" }>;

const LOOK_MS = 1_000;
const FAULTS_EVERY_MS = 10_000;

/** Signs notes while the service runs, and gives them to the log and to the witness of the settings. */
export function openNotes(
  { ledger, issuer }: { readonly ledger: Pick<LedgerSettings, "witness">; readonly issuer: string },
  stored: { readonly database: SqlDatabase; readonly sealing: Sealing },
  machine: Machine,
  log: Log,
): OpenNotes {
  const { clock, timers } = machine;
  const deps = noteDeps(issuer, stored, () => clock.nowMs());
  const witness = ledger.witness && openWitness(ledger.witness, deps.notes, machine, log);
  const faults = seldom(timers, FAULTS_EVERY_MS);
  let waitingSince: EpochMs | undefined;
  let isResealed = false;
  const round = async (): Promise<void> => {
    if (!isResealed) await deps.keys.reseal();
    isResealed = true;
    const signed = await signHeads(deps);
    waitingSince = waitingAfter(signed, waitingSince, clock.nowMs());
    reportSigned(signed, log, faults);
  };
  const signing = {
    name: "ledger notes",
    everyMs: LOOK_MS,
    run: () =>
      round().catch((thrown: unknown) => {
        faults(() => {
          log.error({ event: "ledger_note_failed", ...faultMembers(thrown) });
        });
      }),
  };
  return {
    deps,
    loops: [signing, ...witnessLoop(witness)],
    figures: () => ({
      ageSeconds: waitingSince === undefined ? 0 : Math.max(0, clock.nowMs() - waitingSince) / 1_000,
      witnessBehind: witness?.behind(),
    }),
  };
}

/** What signing takes, over the database of a ledger. */
export function noteDeps(
  issuer: string,
  { database, sealing }: { readonly database: SqlDatabase; readonly sealing: Sealing },
  nowMs: () => EpochMs,
): SignHeadsDeps & { readonly keys: NoteKeys } {
  const { notes, places } = notedLedger(database);
  const keys = noteKeys({ store: notes, sealing, name: ledgerName(issuer), nowMs });
  return { ledger: ledgerStore(database), places, notes, keys, nowMs };
}

function witnessLoop(witness: Witness | undefined): readonly UpkeepLoop[] {
  return witness === undefined
    ? []
    : [{ name: "ledger witness", everyMs: LOOK_MS, run: () => witness.deliver() }];
}

/** Since when entries wait for a note. */
function waitingAfter(signed: SignedHeads, before: EpochMs | undefined, now: EpochMs): EpochMs | undefined {
  if (signed.kind === "not_due") return signed.since;
  return signed.kind === "inconsistent" ? (before ?? epochMs(now)) : undefined;
}

function reportSigned(signed: SignedHeads, log: Log, faults: (run: () => void) => void): void {
  if (signed.kind === "signed") {
    const { number, note } = signed;
    log.info({ event: "ledger_note", number, note });
  }
  if (signed.kind === "inconsistent") {
    const { number, broken } = signed;
    const place = broken.what === "note" ? {} : { chain: broken.chain, seq: broken.seq };
    const message =
      "the ledger does not continue what its last note says, so no note is signed; run: macp-auth ledger verify";
    faults(() => {
      log.error({ event: "ledger_note_withheld", number, ...place, message });
    });
  }
}
