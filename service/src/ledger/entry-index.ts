import { createHash } from "node:crypto";
import { toAscii } from "../kernel/ascii.ts";
import type { Entry } from "./entry.ts";

/** What a store finds entries by. Each repeats a member of the record, so that a change of either is noticed. */
export interface EntryIndex {
  readonly jti: string | null;
  readonly digest: string | null;
  readonly sender: string | null;
  readonly caller: string | null;
  readonly run: string | null;
  readonly parent: string | null;
  readonly root: string | null;
  readonly exp: number | null;
}

/** The index of an entry, from its facts; of a record that was read back, from its members. */
export function indexOf({ kind, facts }: Pick<Entry, "kind"> & { readonly facts: Members }): EntryIndex {
  const jti = textOf(facts.jti);
  return {
    jti,
    digest: textOf(facts.digest),
    sender: keyOf(facts.sender),
    caller: keyOf(facts.caller),
    run: keyOf(facts.run),
    parent: textOf(facts.parent),
    // Every token has one, so that a whole tree is found by one name.
    root: kind === "mint" ? (textOf(facts.root) ?? jti) : null,
    exp: Number.isSafeInteger(facts.exp) ? (facts.exp as number) : null,
  };
}

/** The members of a record that entries are found by, whatever they are. */
type Members = { readonly [Name in keyof EntryIndex]?: unknown };

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function keyOf(value: unknown): string | null {
  return typeof value === "string" ? indexKey(value) : null;
}

/** More would not fit into an index of PostgreSQL. */
const KEY_CHARS_MAX = 200;

/** A text of any length and alphabet as a store finds it: printable ASCII, long ones by their digest. Two texts have never the same key. */
export function indexKey(text: string): string {
  const ascii = toAscii(text);
  if (ascii.length <= KEY_CHARS_MAX && !ascii.startsWith("sha256:")) return ascii;
  return `sha256:${createHash("sha256").update(ascii).digest("base64url")}`;
}
