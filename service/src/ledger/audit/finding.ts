/**
 * What an audit finds that is not as it was written. `seq` is the row; `observed` a digest of what stands there, so that a break that
 * was looked into is known only as long as nothing changes again.
 */
export type Finding =
  /** Columns of the row differ from its record, or its hash is not over its record (`record`). */
  | InRow<"edited", { readonly columns: readonly string[] }>
  /** The row is whole by itself, and the one after it follows another one. */
  | InRow<"rewritten">
  /** The row stands between two that follow each other. */
  | InRow<"inserted">
  /** The row holds the record of another place. */
  | InRow<"misplaced", { readonly belongs: { readonly chain: string; readonly seq: number } }>
  /** Rows that are no longer there: `seq` is the first, `to` the last. */
  | { readonly kind: "missing"; readonly chain: string; readonly seq: number; readonly to: number }
  /** `ledger_chains` names another end of the chain than its last row. */
  | InRow<"head_differs">
  /** `ledger_chains` does not name the chain. */
  | InRow<"head_missing">
  /** Rows after the one that `ledger_chains` names as the last. */
  | InRow<"beyond_head">
  /** A chain that `by` names, and of which nothing is left. `seq`: how far it was named. */
  | { readonly kind: "lost"; readonly chain: string; readonly seq: number; readonly by: string }
  /** Some of the rows after `after`, up to `seq`, are others than when `by` named the last of them. */
  | {
      readonly kind: "replaced";
      readonly chain: string;
      readonly after: number;
      readonly seq: number;
      readonly by: string;
      readonly observed: string;
    }
  /** Rows up to this one were removed as if for their age, and no entry of the ledger says so. */
  | { readonly kind: "prune_unrecorded"; readonly chain: string; readonly seq: number }
  | NoteFinding;

/** What is wrong with a note. */
export type NoteFinding =
  /** It is not a signed note of this ledger. */
  | OfNote<"note_malformed">
  /** None of the known keys signed it. */
  | OfNote<"note_unknown_key">
  | OfNote<"note_bad_signature">
  /** Its text has another number or time than its row. */
  | OfNote<"note_misplaced">
  /** Notes that are no longer there: `number` is the first, `to` the last. */
  | { readonly kind: "note_missing"; readonly number: number; readonly to: number }
  /** It does not hold the hash of the note before. */
  | OfNote<"note_unlinked">
  /** Two notes were signed with this number, and each is whole. */
  | OfNote<"note_twice">;

interface OfNote<Kind> {
  readonly kind: Kind;
  readonly number: number;
  readonly observed: string;
}

type InRow<Kind, More = unknown> = {
  readonly kind: Kind;
  readonly chain: string;
  readonly seq: number;
  readonly observed: string;
} & More;
