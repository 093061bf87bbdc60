import { createHash } from "node:crypto";
import { type EpochMs, epochMs } from "../../kernel/clock.ts";
import { type ChainHead, type ChainName, type EntryHash, parseChainName, parseEntryHash } from "../chain.ts";

/** Where a chain ended when a note was signed. */
export type NotedHead = Pick<ChainHead, "chain" | "seq" | "hash">;

/** What a note says: where every chain of the ledger ends. */
export interface HeadsNote {
  /** The name of the ledger, which is that of the key as well. */
  readonly origin: string;
  /** From 1, without gaps. */
  readonly number: number;
  readonly at: EpochMs;
  /** The hash of the text of the note before; `undefined` for the first. */
  readonly before: NoteHash | undefined;
  /** Sorted by the name of the chain. */
  readonly heads: readonly NotedHead[];
}

/** SHA-256 of the text of a note, base64url. */
export type NoteHash = string;

const DAY_MS = 86_400_000;
const NAMES_ALL_EVERY = 100;
const FIRST = "-";
const FORM = /^(\S+)\nnote ([1-9][0-9]{0,14})\ntime (\S+)\nbefore (-|[A-Za-z0-9_-]{43})\n((?:chain .*\n)*)$/;

/** The name of the ledger of an issuer: its URL without the scheme, in what the name of a note key may hold. */
export function ledgerName(issuer: string): string {
  const bare = issuer.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  const name = bare.replace(/[^A-Za-z0-9._~:/[\]@-]/gu, (character) => encodeURIComponent(character));
  return `${name.replace(/[^\x21-\x2a\x2c-\x7e]/g, "_")}/ledger`;
}

/**
 * The heads that the note of this number names: of all chains, save those without an entry for a day, which only every hundredth note
 * names again. Each note holds the hash of the one before, so a head stays bound by the last note that names it.
 */
export function headsToName(heads: readonly ChainHead[], number: number, at: EpochMs): readonly NotedHead[] {
  return heads
    .filter((head) => namesAll(number) || !isIdle(head, at))
    .map(({ chain, seq, hash }) => ({ chain, seq, hash }))
    .toSorted((one, other) => (one.chain < other.chain ? -1 : 1));
}

/** Whether a note of this time may leave the chain out. */
export function isIdle(head: { readonly at: number }, at: EpochMs): boolean {
  return head.at < at - DAY_MS;
}

/** Whether the note of this number names every chain. */
export function namesAll(number: number): boolean {
  return number === 1 || number % NAMES_ALL_EVERY === 0;
}

/** The text that is signed. */
export function noteText({ origin, number, at, before, heads }: HeadsNote): string {
  const lines = [
    origin,
    `note ${String(number)}`,
    `time ${new Date(at).toISOString()}`,
    `before ${before ?? FIRST}`,
    ...heads.map(({ chain, seq, hash }) => `chain ${chain} ${String(seq)} ${hash}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** Reads the text of a note; `undefined` when it is not one that `noteText` writes. */
export function parseNoteText(text: string): HeadsNote | undefined {
  const [, origin = "", number, time = "", before, chains = ""] = FORM.exec(text) ?? [];
  const at = Date.parse(time);
  const heads = chains.split("\n").slice(0, -1).map(headIn);
  if (number === undefined || Number.isNaN(at)) return undefined;
  const note: HeadsNote = {
    origin,
    number: Number(number),
    at: epochMs(at),
    before: before === FIRST ? undefined : before,
    heads: heads.filter((head) => head !== undefined),
  };
  // Only one text means the same.
  return noteText(note) === text ? note : undefined;
}

function headIn(line: string): NotedHead | undefined {
  const [word, name = "", seq = "", text = "", ...more] = line.split(" ");
  const chain: ChainName | undefined = parseChainName(name);
  const hash: EntryHash | undefined = parseEntryHash(text);
  if (word !== "chain" || more.length > 0 || chain === undefined || hash === undefined) return undefined;
  return /^[1-9][0-9]{0,15}$/.test(seq) ? { chain, seq: Number(seq), hash } : undefined;
}

/** What the next note holds of the one with this text. */
export function hashOfNote(text: string): NoteHash {
  return createHash("sha256").update(text).digest("base64url");
}
