import { Command, Option } from "commander";
import { linesOfFile } from "../../files/lines.ts";
import { type AuditReport, auditLedger, type KnownFinding } from "../../ledger/audit/audit-ledger.ts";
import { opensWith } from "../../ledger/audit/audit-notes.ts";
import { type NoteVerifier, parseVerifierKey } from "../../ledger/notes/signed-note.ts";
import { answeredNo, wrongCall } from "../terminal/command-end.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import { findingWords } from "../words/finding-words.ts";
import { type LedgerParts, withLedger } from "./with-ledger.ts";

interface VerifyOptions {
  readonly notes?: string;
  readonly key: readonly string[];
  readonly json?: true;
}

const PROGRESS_EACH = 50_000;

/** `macp-auth ledger verify`: whether the ledger is as it was written. */
export function ledgerVerifyCommand(world: World): Command {
  return new Command("verify")
    .description("check that no entry was changed, removed, added or exchanged; exit code 1 when one was")
    .addOption(
      new Option(
        "--notes <FILE>",
        "also compare with signed notes that were kept elsewhere: the file of the witness, log lines, or an export",
      ),
    )
    .addOption(
      new Option(
        "--key <KEY>",
        "accept only notes of this key, as `ledger keys` prints it; may be repeated; default: the keys of the store",
      )
        .argParser((key: string, keys: string[]) => [...keys, key])
        .default([], "none"),
    )
    .addOption(jsonOption())
    .action(async ({ notes, key, json }: VerifyOptions) => {
      const keys = key.map(verifierIn);
      const report = await withLedger(world, "look", (parts) => verifyLedger(parts, keys, notes, world));
      const isIntact = report.unlisted === 0 && report.findings.every(({ known }) => known !== undefined);
      if (json) printJson(world, documentOf(report, isIntact));
      else world.out(textOf(report, isIntact));
      if (!isIntact) throw answeredNo();
    });
}

/** Audits the ledger of a store, with the keys that are given, else with its own. */
export async function verifyLedger(
  { audit, notes }: LedgerParts,
  keys: readonly NoteVerifier[],
  outside: string | undefined,
  world: World,
): Promise<AuditReport> {
  const verifiers = keys.length > 0 ? keys : await notes.keys.verifiers();
  const progress = progressOn(world);
  const report = await auditLedger({
    store: audit,
    open: opensWith(verifiers),
    outside: outside === undefined ? undefined : notesIn(outside),
    progress: progress.show,
  });
  progress.end();
  return report;
}

function verifierIn(text: string): NoteVerifier {
  const verifier = parseVerifierKey(text.trim());
  if (verifier === undefined)
    throw wrongCall(
      `${shown(text)} is no key for signed notes; macp-auth ledger keys prints those of the store`,
    );
  return verifier;
}

/** The notes in the lines of a file: each line is JSON with the note as `note`; others are left out. */
async function* notesIn(path: string): AsyncGenerator<string> {
  for await (const line of linesOfFile(path)) {
    if (!line.includes('"note"')) continue;
    const note = noteOf(line);
    if (note !== undefined) yield note;
  }
}

function noteOf(line: string): string | undefined {
  try {
    const parsed = JSON.parse(line) as { readonly note?: unknown } | null;
    return typeof parsed?.note === "string" ? parsed.note : undefined;
  } catch {
    return undefined;
  }
}

/** Shows on a terminal how many entries were read. */
function progressOn(world: World): {
  readonly show: ((entries: number) => void) | undefined;
  end(): void;
} {
  if (!world.stdoutIsTerminal) return { show: undefined, end: () => undefined };
  let shownAt = 0;
  return {
    show: (entries) => {
      if (entries < shownAt + PROGRESS_EACH) return;
      shownAt = entries;
      world.err(`\r${String(entries)} entries read`);
    },
    end: () => {
      if (shownAt > 0) world.err("\r\u001b[K");
    },
  };
}

function textOf(report: AuditReport, isIntact: boolean): string {
  const { chains, entries, notes, outsideNotes, lastNote, afterLastNote, findings, unlisted } = report;
  const outside = outsideNotes === 0 ? "" : `, and ${counted(outsideNotes, "note")} kept elsewhere`;
  const lines = [
    `read ${counted(entries, "entry", "entries")} of ${counted(chains, "chain")}, ${counted(notes, "signed note")}${outside}`,
    ...findings.map(findingLine),
    ...(unlisted > 0 ? [`and ${String(unlisted)} more`] : []),
    ...(isIntact ? [findings.length === 0 ? "nothing was changed" : "nothing else was changed"] : []),
    lastNote === undefined
      ? "no note covers the entries: anyone who holds the database can write all of them anew"
      : `the last note is ${String(lastNote.number)}, of ${new Date(lastNote.at).toISOString()}; ${counted(afterLastNote, "entry", "entries")} came after it`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function findingLine({ finding, known }: KnownFinding): string {
  const words = findingWords(finding);
  return known === undefined
    ? `CHANGED: ${words}`
    : `known: ${words} (row ${String(known.seq)} of chain ${shown(known.chain)}: ${shown(known.reason)})`;
}

function documentOf(report: AuditReport, isIntact: boolean): object {
  const { chains, entries, notes, outsideNotes, lastNote, afterLastNote, findings, unlisted } = report;
  return {
    intact: isIntact,
    chains,
    entries,
    notes,
    outside_notes: outsideNotes,
    last_note: lastNote && { number: lastNote.number, time: new Date(lastNote.at).toISOString() },
    entries_after_last_note: afterLastNote,
    findings: findings.map(({ id, finding, known }) => ({
      id,
      ...finding,
      message: findingWords(finding),
      known: known ?? null,
    })),
    findings_unlisted: unlisted,
  };
}
