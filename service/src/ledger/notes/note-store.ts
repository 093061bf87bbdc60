import type { EpochMs } from "../../kernel/clock.ts";
import type { VerifierKey } from "./signed-note.ts";

/** A signed note as the store gives it back: nothing of it is known to be as it was signed. */
export interface StoredNote {
  readonly number: number;
  readonly at: number;
  /** The whole signed note. */
  readonly note: string;
}

/** A note key as the store holds it. */
export interface StoredNoteKey {
  /** The text of the verifier key; a text of the store, until `sealed` confirms it. */
  readonly key: string;
  /** Whether it signs. At most one does. */
  readonly isSigning: boolean;
  /** The private key of the one that signs, else the public key, encrypted. */
  readonly sealed: string;
  readonly madeAt: number;
}

/** A key that takes the place of the one that signs. */
export interface NoteKeyChange {
  /** The one that signs so far, with its public key sealed; `undefined`: there is none. */
  readonly retired: { readonly key: string; readonly sealed: string } | undefined;
  readonly made: { readonly key: VerifierKey; readonly sealed: string; readonly madeAt: EpochMs };
}

/**
 * Port. The signed notes and their keys. Every adapter passes `testing/contracts/note-store-contract.ts`. Each method is one
 * transaction and rejects with `StoreUnavailable`.
 */
export interface NoteStore {
  /** The keys, the newest first. */
  keys(): Promise<readonly StoredNoteKey[]>;
  /** Of several that do so at once, one replaces the key. `taken`: another key signs than the one that was to retire. */
  replaceKey(change: NoteKeyChange): Promise<"replaced" | "taken">;
  /** Puts another sealed form in the place of one. Nothing happens when that one is no longer there. */
  reseal(key: string, before: string, sealed: string): Promise<void>;
  /** The note with the highest number. */
  last(): Promise<StoredNote | undefined>;
  /** The notes after this number, in their order, at most `limit`. */
  notesAfter(number: number, limit: number): Promise<readonly StoredNote[]>;
  /** Of several notes with one number, one is added. */
  add(note: StoredNote): Promise<"added" | "taken">;
}
