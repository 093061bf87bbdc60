import { type EpochMs, epochMs } from "../../kernel/clock.ts";
import type { ChainHead, ChainName } from "../chain.ts";
import type { LedgerStore } from "../ledger-store.ts";
import type { EntryPlaces } from "./entry-places.ts";
import { type HeadsNote, hashOfNote, headsToName, isIdle, noteText, parseNoteText } from "./heads-note.ts";
import type { NoteKeys } from "./note-keys.ts";
import type { NoteStore, StoredNote } from "./note-store.ts";
import { type NoteSigner, openNote, signedNote } from "./signed-note.ts";

export interface SignHeadsDeps {
  readonly ledger: Pick<LedgerStore, "heads">;
  readonly places: EntryPlaces;
  readonly notes: NoteStore;
  readonly keys: NoteKeys;
  readonly nowMs: () => EpochMs;
}

/** When a note is signed: this number of new entries, or, when there is any, this long after the last note. */
const ENTRIES_EACH = 1_000;
const MS_EACH = 10_000;
const PLACES_MAX = 100;

export type SignedHeads =
  | { readonly kind: "signed"; readonly number: number; readonly note: string; readonly heads: number }
  /** Nothing new, or too soon. `since`: the time of the last note, while entries came after it. */
  | { readonly kind: "not_due"; readonly since: EpochMs | undefined }
  /** Another replica was faster. */
  | { readonly kind: "taken" }
  /** The ledger does not continue what the last note says: it was changed, and nothing is signed that would cover it. */
  | { readonly kind: "inconsistent"; readonly number: number; readonly broken: Broken };

/** What does not continue the last note. */
export type Broken =
  | { readonly what: "note"; readonly number: number }
  | { readonly what: "chain"; readonly chain: ChainName; readonly seq: number };

/** When a note is signed: `due` when one is due, `now` also before, `anew` also when the ledger does not continue the last note. */
export type SignWhen = "due" | "now" | "anew";

/** Signs where the chains end, if a note is due. Never signs two notes with one number, or a note that contradicts the last one. */
export async function signHeads(deps: SignHeadsDeps, when: SignWhen = "due"): Promise<SignedHeads> {
  // The last note first: a head that is read after it is at least as far.
  const stored = await deps.notes.last();
  const seen: Seen = { stored, heads: await deps.ledger.heads(), now: deps.nowMs() };
  const due = dueness(seen);
  if (when === "due" && due !== "due") return { kind: "not_due", since: due };
  const signer = await deps.keys.signer();
  if (stored !== undefined && when !== "anew") {
    const broken = await firstBroken(deps, stored, seen.heads);
    if (broken !== undefined) return { kind: "inconsistent", number: stored.number, broken };
  }
  return addNote(deps.notes, signer, seen);
}

/** What a decision about the next note rests on. */
interface Seen {
  readonly stored: StoredNote | undefined;
  readonly heads: readonly ChainHead[];
  readonly now: EpochMs;
}

async function addNote(
  notes: NoteStore,
  signer: NoteSigner,
  { stored, heads, now }: Seen,
): Promise<SignedHeads> {
  const number = (stored?.number ?? 0) + 1;
  const at = epochMs(Math.max(now, stored?.at ?? 0));
  const named = headsToName(heads, number, at);
  const before = stored && hashOfNote(textOf(stored.note));
  const text = noteText({ origin: signer.name, number, at, before, heads: named });
  const note = signedNote(text, signer);
  const added = await notes.add({ number, at, note });
  return added === "taken" ? { kind: "taken" } : { kind: "signed", number, note, heads: named.length };
}

/** The note, when it is of one of our keys and in its place. */
async function readNote({ number, note }: StoredNote, keys: NoteKeys): Promise<HeadsNote | undefined> {
  const opened = openNote(note, await keys.verifiers());
  const read = opened.kind === "opened" ? parseNoteText(opened.text) : undefined;
  return read?.number === number ? read : undefined;
}

/** The text of a signed note, whatever it is. */
function textOf(note: string): string {
  return note.slice(0, note.lastIndexOf("\n\n") + 1);
}

/**
 * Whether there are as many entries since the last note, or any and as much time; also when that note cannot be read. Else the time of
 * the last note, when entries came after it.
 */
function dueness({ stored, heads, now }: Seen): "due" | EpochMs | undefined {
  if (stored === undefined) return heads.length > 0 ? "due" : undefined;
  const claimed = parseNoteText(textOf(stored.note));
  if (claimed === undefined) return "due";
  const entries = entriesSince(claimed, heads);
  if (entries >= ENTRIES_EACH || (entries > 0 && now >= claimed.at + MS_EACH)) return "due";
  return entries > 0 ? claimed.at : undefined;
}

function entriesSince(last: HeadsNote, heads: readonly ChainHead[]): number {
  const named = new Map(last.heads.map(({ chain, seq }) => [chain, seq]));
  return heads
    .filter((head) => named.has(head.chain) || !isIdle(head, last.at))
    .reduce((sum, { chain, seq }) => sum + Math.max(0, seq - (named.get(chain) ?? 0)), 0);
}

/** Whether the stored note is ours, and else the first chain that does not continue where it says that it ended. */
async function firstBroken(
  { keys, places }: Pick<SignHeadsDeps, "keys" | "places">,
  stored: StoredNote,
  heads: readonly ChainHead[],
): Promise<Broken | undefined> {
  const note = await readNote(stored, keys);
  if (note === undefined) return { what: "note", number: stored.number };
  const now = new Map(heads.map((head) => [head.chain, head]));
  const moved = note.heads.filter(({ chain, hash }) => now.get(chain)?.hash !== hash);
  if (moved.length === 0) return undefined;
  const pruned = new Map((await places.pruned()).map((one) => [one.chain, one.seq]));
  const kept = moved.filter(({ chain, seq }) => seq > (pruned.get(chain) ?? 0));
  for (let from = 0; from < kept.length; from += PLACES_MAX) {
    const slice = kept.slice(from, from + PLACES_MAX);
    const hashes = await places.hashesAt(slice);
    const broken = slice.find(({ hash }, index) => hashes[index] !== hash);
    if (broken !== undefined) return { what: "chain", chain: broken.chain, seq: broken.seq };
  }
  return undefined;
}
