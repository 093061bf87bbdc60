import { createHash } from "node:crypto";
import { hashOf } from "../chain.ts";
import { ENTRY_KINDS } from "../entry.ts";
import { type EntryIndex, indexOf } from "../entry-index.ts";
import type { StoredEntry } from "../ledger-store.ts";

/** An entry with all its columns, as the store gives it back. */
export interface AuditedEntry extends StoredEntry {
  readonly hour: number;
}

/** An entry, judged by itself. */
export interface JudgedEntry {
  readonly entry: AuditedEntry;
  /** What its record says of its place; `undefined`: it is no record. */
  readonly own: OwnPlace | undefined;
  /** Whether its hash is over its record and the hash before. */
  readonly isWhole: boolean;
  /** The columns that repeat the record and differ from it, but for its chain and number. */
  readonly differing: readonly string[];
  /** The members of the record that other entries and notes are checked with; `undefined`: none of interest. */
  readonly facts: object | undefined;
}

/** Where a record says that it stands. */
export interface OwnPlace {
  readonly chain: string;
  readonly seq: number;
}

const HOUR_MS = 3_600_000;
/** The kinds whose members an audit reads. */
const READ_KINDS: ReadonlySet<string> = new Set(["start", "pruned", "reanchor"]);
const KINDS: ReadonlySet<string> = new Set(ENTRY_KINDS);

/** Compares the columns of an entry with its record, and its hash with both. Pure: the same entry has the same judgement. */
export function judgeEntry(entry: AuditedEntry): JudgedEntry {
  const record = recordOf(entry.body);
  const isWhole = hashOf(entry.prev as Parameters<typeof hashOf>[0], entry.body) === entry.hash;
  if (record === undefined) return { entry, own: undefined, isWhole, differing: ["body"], facts: undefined };
  const { chain, seq, at, kind } = record;
  const isNoted = typeof kind === "string" && READ_KINDS.has(kind);
  return {
    entry,
    own: typeof chain === "string" && typeof seq === "number" ? { chain, seq } : undefined,
    isWhole,
    differing: differing(entry, { at, kind, facts: record }),
    facts: isNoted ? record : undefined,
  };
}

/** A digest of all that an entry holds, so that a known break is known only as long as nothing of it changes. */
export function digestOf({ chain, seq, at, hour, kind, prev, hash, body, index }: AuditedEntry): string {
  const columns = Object.entries(index).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return digestOfText(JSON.stringify([chain, seq, at, hour, kind, prev, hash, body, columns]));
}

/** SHA-256 of a text, base64url. */
export function digestOfText(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

type JsonRecord = Readonly<Record<string, unknown>>;

function recordOf(body: string): JsonRecord | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as JsonRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

function differing(
  entry: AuditedEntry,
  { at, kind, facts }: { readonly at: unknown; readonly kind: unknown; readonly facts: JsonRecord },
): readonly string[] {
  const names: string[] = [];
  if (entry.at !== at) names.push("at_ms");
  if (entry.hour !== Math.floor(entry.at / HOUR_MS)) names.push("hour");
  if (entry.kind !== kind || !KINDS.has(entry.kind)) names.push("kind");
  const index: EntryIndex = indexOf({ kind: kind as StoredKind, facts });
  for (const name of Object.keys(index) as (keyof EntryIndex)[])
    if (entry.index[name] !== index[name]) names.push(name);
  return names;
}

type StoredKind = Parameters<typeof indexOf>[0]["kind"];
