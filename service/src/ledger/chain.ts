import { hash } from "node:crypto";
import { asciiJson } from "../kernel/ascii.ts";
import type { Branded } from "../kernel/branded.ts";
import type { EpochMs } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { Entry, EntryKind } from "./entry.ts";
import { type EntryIndex, indexOf } from "./entry-index.ts";

/** Names a chain: one writer, of one replica, for one life of its process. 96 random bits, base64url, 16 characters. */
export type ChainName = Branded<string, "ChainName">;
/** The hash of an entry, and of all entries before it in its chain: SHA-256, base64url, 43 characters. */
export type EntryHash = Branded<string, "EntryHash">;

/** The last entry of a chain. */
export interface ChainHead {
  readonly chain: ChainName;
  readonly seq: number;
  readonly hash: EntryHash;
  readonly at: EpochMs;
}

/** An entry in its place: `hash` is over `prev` and `body`. */
export interface LinkedEntry {
  readonly chain: ChainName;
  readonly seq: number;
  readonly at: EpochMs;
  readonly kind: EntryKind;
  /** The hash of the entry before; empty for the first of a chain. */
  readonly prev: EntryHash | "";
  readonly hash: EntryHash;
  readonly body: string;
  readonly index: EntryIndex;
}

/** Where and when an entry stands. */
export interface EntryPlace {
  readonly chain: ChainName;
  /** From 1, without gaps. */
  readonly seq: number;
  readonly at: EpochMs;
}

const FORM = 1;

/** The record of an entry: one JSON object in printable ASCII, which every engine and encoding gives back byte for byte. */
function bodyOf({ chain, seq, at }: EntryPlace, { kind, facts }: Entry): string {
  return asciiJson(JSON.stringify({ v: FORM, chain, seq, at, kind, ...facts }));
}

const CHAIN_BYTES = 12;

/** The name of a new chain. */
export function newChainName(random: Random): ChainName {
  return random.bytes(CHAIN_BYTES).toString("base64url") as ChainName;
}

/** Reads the name of a chain; `undefined` when it is none. */
export function parseChainName(text: string): ChainName | undefined {
  return /^[A-Za-z0-9_-]{16}$/.test(text) ? (text as ChainName) : undefined;
}

/** Reads the hash of an entry; `undefined` when it is none. */
export function parseEntryHash(text: string): EntryHash | undefined {
  return /^[A-Za-z0-9_-]{43}$/.test(text) ? (text as EntryHash) : undefined;
}

/** The hash of an entry with this record that follows the entry with the hash `prev`. */
export function hashOf(prev: EntryHash | "", body: string): EntryHash {
  return hash("sha256", `macp-auth ledger 1\n${prev}\n${body}`, "base64url") as EntryHash;
}

/** The entry that follows `head` in its chain. Its time is never before that of the one before it, even when the clock was set back. */
export function linked(head: ChainHead | ChainName, now: EpochMs, entry: Entry): LinkedEntry {
  const before = typeof head === "string" ? { chain: head, seq: 0, hash: "" as const, at: now } : head;
  const { chain } = before;
  const place = { chain, seq: before.seq + 1, at: before.at > now ? before.at : now };
  const body = bodyOf(place, entry);
  return {
    ...place,
    kind: entry.kind,
    prev: before.hash,
    hash: hashOf(before.hash, body),
    body,
    index: indexOf(entry),
  };
}
