import { type HeadsNote, hashOfNote, parseNoteText } from "../notes/heads-note.ts";
import type { StoredNote } from "../notes/note-store.ts";
import { type NoteVerifier, type OpenedNote, openNote } from "../notes/signed-note.ts";
import type { AuditStore } from "./audit-store.ts";
import type { Finding } from "./finding.ts";
import { digestOfText } from "./judge-entry.ts";
import type { NamedHeads } from "./named-heads.ts";

/** Opens a note with the keys that are trusted. */
export type OpenNote = (note: string) => OpenedNote;

/** What an audit knows of the notes. */
export interface NotesRead {
  readonly notes: number;
  /** The newest one that is whole. */
  readonly last: HeadsNote | undefined;
}

const PAGE = 200;

/** Opens notes with these keys. */
export function opensWith(verifiers: readonly NoteVerifier[]): OpenNote {
  return (note) => openNote(note, verifiers);
}

/** What the notes are compared with, and where faults go. */
export interface NoteAudit {
  readonly store: Pick<AuditStore, "notesAfter">;
  readonly open: OpenNote;
  /** The last note that was removed for its age. */
  readonly prunedTo: number;
  readonly named: NamedHeads;
  readonly report: (finding: Finding) => void;
}

/**
 * Follows the notes of the store: each is signed by a known key, has its number, and holds the hash of the one before. Compares what
 * they name with the rows.
 */
export async function auditNotes(audit: NoteAudit): Promise<NotesRead> {
  const { store, prunedTo, named } = audit;
  let before: NoteBefore = { number: prunedTo, text: undefined };
  let last: HeadsNote | undefined;
  let notes = 0;
  for (let after = 0; ; ) {
    const page = await store.notesAfter(after, PAGE);
    for (const stored of page) {
      const { text, note } = readNote(stored, audit);
      judgeLink(stored, note, before, audit);
      if (note !== undefined) await named.compare(note.heads, byNote(note));
      last = note ?? last;
      before = { number: stored.number, text: note && text };
    }
    notes += page.length;
    after = before.number;
    if (page.length < PAGE) break;
  }
  await named.flush();
  return { notes, last };
}

interface NoteBefore {
  readonly number: number;
  /** `undefined`: it is not known. */
  readonly text: string | undefined;
}

/** Whether a note follows the one before. */
function judgeLink(
  { number, note: signed }: StoredNote,
  note: HeadsNote | undefined,
  before: NoteBefore,
  { report }: NoteAudit,
): void {
  if (number > before.number + 1) report({ kind: "note_missing", number: before.number + 1, to: number - 1 });
  if (note === undefined) return;
  const isKnown = number === before.number + 1 && before.text !== undefined;
  const expected = isKnown ? hashOfNote(before.text) : undefined;
  const isUnlinked = isKnown || number === 1 ? note.before !== expected : false;
  if (isUnlinked) report({ kind: "note_unlinked", number, observed: digestOfText(signed) });
}

/** How a finding says who named a row. */
function byNote({ number }: HeadsNote): string {
  return `note ${String(number)}`;
}

/**
 * Compares notes that were kept elsewhere with those of the store, and what they name with the rows. A whole note that the store has
 * with another text was signed twice; one that the store does not have was removed from it.
 */
export async function auditOutsideNotes(
  audit: NoteAudit,
  outside: AsyncIterable<string>,
): Promise<NotesRead> {
  const { store, open, named, report } = audit;
  let last: HeadsNote | undefined;
  let notes = 0;
  let page: readonly StoredNote[] = [];
  for await (const text of outside) {
    notes += 1;
    const opened = open(text);
    const note = opened.kind === "opened" ? parseNoteText(opened.text) : undefined;
    if (note === undefined) {
      const kind = opened.kind === "opened" ? "note_malformed" : NOT_OPENED[opened.kind];
      report({ kind, number: claimedNumber(text), observed: digestOfText(text) });
      continue;
    }
    const isInPage = page.some(({ number }) => number === note.number);
    if (!isInPage) page = await store.notesAfter(note.number - 1, PAGE);
    compareStored(note.number, text, page, audit);
    await named.compare(note.heads, byNote(note));
    if (note.number > (last?.number ?? 0)) last = note;
  }
  await named.flush();
  return { notes, last };
}

/** Compares a whole note that was kept elsewhere with the one of the store. */
function compareStored(
  number: number,
  text: string,
  page: readonly StoredNote[],
  { open, prunedTo, report }: NoteAudit,
): void {
  const stored = page.find((one) => one.number === number);
  if (stored === undefined) {
    if (number > prunedTo) report({ kind: "note_missing", number, to: number });
  } else if (stored.note !== text && isWhole(stored.note, open))
    report({ kind: "note_twice", number, observed: digestOfText(stored.note) });
}

const NOT_OPENED = {
  malformed: "note_malformed",
  unknown_key: "note_unknown_key",
  bad_signature: "note_bad_signature",
} as const;

function readNote(
  { number, at, note: signed }: StoredNote,
  { open, report }: NoteAudit,
): { readonly text: string; readonly note: HeadsNote | undefined } {
  const opened = open(signed);
  const observed = digestOfText(signed);
  if (opened.kind !== "opened") {
    report({ kind: NOT_OPENED[opened.kind], number, observed });
    return { text: "", note: undefined };
  }
  const note = parseNoteText(opened.text);
  if (note === undefined) report({ kind: "note_malformed", number, observed });
  else if (note.number !== number || note.at !== at) {
    report({ kind: "note_misplaced", number, observed });
    return { text: opened.text, note: undefined };
  }
  return { text: opened.text, note };
}

function isWhole(note: string, open: OpenNote): boolean {
  const opened = open(note);
  return opened.kind === "opened" && parseNoteText(opened.text) !== undefined;
}

/** The number that a note claims to have; 0 when it claims none. */
function claimedNumber(note: string): number {
  return Number(/^note ([1-9][0-9]{0,15})$/m.exec(note)?.[1] ?? 0);
}
