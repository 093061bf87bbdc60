import type { Finding } from "../../ledger/audit/finding.ts";
import { shown } from "../terminal/shown.ts";

/** What an audit found, for a person: the place first. */
export function findingWords(finding: Finding): string {
  return "chain" in finding ? `chain ${shown(finding.chain)}, ${rowWords(finding)}` : noteWords(finding);
}

type RowFinding = Extract<Finding, { readonly chain: string }>;

function rowWords(finding: RowFinding): string {
  const row = `row ${String(finding.seq)}`;
  if (finding.kind === "missing") return rangeWords("row", finding.seq, finding.to);
  if (finding.kind === "edited")
    return `${row} was edited: ${finding.columns.map((name) => COLUMNS[name] ?? shown(name)).join(", ")}`;
  if (finding.kind === "misplaced")
    return `${row} holds the record of row ${String(finding.belongs.seq)} of chain ${shown(finding.belongs.chain)}`;
  if (finding.kind === "lost")
    return `which ${byWords(finding.by)} names up to row ${String(finding.seq)}, is gone`;
  if (finding.kind === "replaced")
    return `rows after ${String(finding.after)} were rewritten: row ${String(finding.seq)} is not the one that ${byWords(finding.by)} names`;
  return `${row} ${ROWS[finding.kind]}`;
}

const ROWS = {
  rewritten: "was rewritten: the row after it follows another one",
  inserted: "was inserted: no row follows it",
  head_differs: "is not the end that ledger_chains names",
  head_missing: "is the last, and ledger_chains does not name the chain",
  beyond_head: "comes after the end that ledger_chains names",
  prune_unrecorded: "and all before it are missing as if for their age, and no signed entry says so",
} as const;

function noteWords(finding: Exclude<Finding, RowFinding>): string {
  if (finding.kind === "note_missing") return rangeWords("note", finding.number, finding.to);
  return `note ${String(finding.number)} ${NOTES[finding.kind]}`;
}

const NOTES = {
  note_malformed: "is no signed note of a ledger",
  note_unknown_key: "is not signed by a known key",
  note_bad_signature: "was edited: its signature is not of its text",
  note_misplaced: "has another number or time in its text",
  note_unlinked: "follows another note than the one before it",
  note_twice: "was signed twice, with two texts",
} as const;

function rangeWords(what: string, from: number, to: number): string {
  return to > from
    ? `${what}s ${String(from)} to ${String(to)} are missing`
    : `${what} ${String(from)} is missing`;
}

const COLUMNS: Readonly<Record<string, string>> = { record: "its hash is not over its record" };

function byWords(by: string): string {
  return by === "start" ? "the first entry of another chain" : by;
}
