import type {
  CountsAnswer,
  EntriesAnswer,
  EntryAnswer,
  LineageAnswer,
  LiveAnswer,
  TokensAnswer,
} from "../../ledger/questions/answers.ts";
import { counted } from "../terminal/count.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { utc, utcAndDistance } from "../terminal/time.ts";

/** A caller and a run that hold live tokens of an agent. */
export interface HolderLine {
  readonly caller: string;
  readonly run: string | null;
  readonly tokens: number;
  /** When the last of them expires. */
  readonly until: number;
}

/** A page of entries as a table, and how to get the next one. */
export function entriesText({ entries, next }: EntriesAnswer): string {
  const rows = entries.map((entry) => [
    moment(entry),
    kindText(entry),
    text(entry, "caller"),
    text(entry, "sender"),
    text(entry, "run"),
    text(entry, "jti"),
    text(entry, "reason"),
  ]);
  const head = ["AT", "KIND", "CALLER", "SENDER", "RUN", "JTI", "REASON"];
  return (entries.length === 0 ? nothing("entries", next) : table([head, ...rows])) + nextLine(next);
}

export function liveText({ tokens, next, now }: LiveAnswer): string {
  const rows = tokens.map((entry) => [
    text(entry, "jti"),
    text(entry, "sender"),
    text(entry, "caller"),
    text(entry, "run"),
    expiry(entry, now),
  ]);
  const head = ["JTI", "SENDER", "CALLER", "RUN", "EXPIRES"];
  return (tokens.length === 0 ? nothing("live tokens", next) : table([head, ...rows])) + nextLine(next);
}

/** Who holds these tokens, those with the most first. */
export function holdersOf(tokens: readonly EntryAnswer[]): readonly HolderLine[] {
  const holders = new Map<string, HolderLine>();
  for (const { record } of tokens) {
    const caller = typeof record["caller"] === "string" ? record["caller"] : "";
    const run = typeof record["run"] === "string" ? record["run"] : null;
    const exp = typeof record["exp"] === "number" ? record["exp"] : 0;
    const key = JSON.stringify([caller, run]);
    const known = holders.get(key) ?? { caller, run, tokens: 0, until: 0 };
    holders.set(key, { ...known, tokens: known.tokens + 1, until: Math.max(known.until, exp) });
  }
  return [...holders.values()].toSorted((one, other) => other.tokens - one.tokens);
}

export function holdersText(holders: readonly HolderLine[], now: number, isCut: boolean): string {
  const rows = holders.map(({ caller, run, tokens, until }) => [
    shown(caller),
    run === null ? "-" : shown(run),
    String(tokens),
    utcAndDistance(until, now),
  ]);
  const total = holders.reduce((sum, { tokens }) => sum + tokens, 0);
  return [
    holders.length === 0 ? "" : table([["CALLER", "RUN", "TOKENS", "LAST EXPIRES"], ...rows]),
    `${counted(total, "live token")}${isCut ? ", and more that were not counted" : ""}\n`,
  ].join("");
}

export function lineageText({ jti, tokens, now, cut }: LineageAnswer): string {
  const rows = tokens.map(({ jti: id, depth, state, stopped_by, hidden, entry }) => [
    `${"  ".repeat(depth)}${shown(id)}${id === jti ? " *" : ""}`,
    state === null ? "not recorded any more" : stateText(state, stopped_by),
    entry === null ? "-" : text(entry, "sender"),
    entry === null ? "-" : text(entry, "caller"),
    entry === null ? "-" : expiry(entry, now),
    hidden === 0 ? "" : `${String(hidden)} more under it`,
  ]);
  return [
    table([["JTI", "STATE", "SENDER", "CALLER", "EXPIRES", ""], ...rows]),
    cut ? "there are more tokens than are shown\n" : "",
  ].join("");
}

export function tokensText({ tokens, now }: TokensAnswer): string {
  if (tokens.length === 0) return "this service did not issue it, or its entry was removed for its age\n";
  const rows = tokens.map(({ state, stopped_by, entry }) => [
    text(entry, "jti"),
    stateText(state, stopped_by),
    text(entry, "sender"),
    text(entry, "caller"),
    text(entry, "run"),
    moment(entry),
    expiry(entry, now),
  ]);
  return table([["JTI", "STATE", "SENDER", "CALLER", "RUN", "ISSUED", "EXPIRES"], ...rows]);
}

export function countsText({ by, counts }: CountsAnswer): string {
  if (counts.length === 0) return "no entries in this time\n";
  const hasCallers = counts.some(({ caller }) => caller !== null);
  const rows = counts.map(({ from, kind, caller, entries }) => [
    utc(from),
    shown(kind),
    ...(hasCallers ? [caller === null || caller === "" ? "-" : shown(caller)] : []),
    String(entries),
  ]);
  return table([[by.toUpperCase(), "KIND", ...(hasCallers ? ["CALLER"] : []), "ENTRIES"], ...rows]);
}

/** A revocation says by what it stops: a table has no column for a caller or a key that was revoked. */
function kindText({ kind, record }: EntryAnswer): string {
  const { door, subject } = record;
  if (typeof door !== "string" || typeof subject !== "string") return shown(kind);
  const what = door === "caller" || door === "kid" ? `${door} ${shown(subject, 60)}` : shown(door);
  return `${shown(kind)} of ${what}`;
}

function stateText(state: string, stoppedBy: number | null): string {
  return stoppedBy === null ? state : `${state} by ${String(stoppedBy)}`;
}

function moment({ at }: EntryAnswer): string {
  return utc(Math.floor(at / 1_000));
}

function text({ record }: EntryAnswer, member: string): string {
  const value = record[member];
  return typeof value === "string" ? shown(value, 60) : "-";
}

function expiry({ record: { exp } }: EntryAnswer, now: number): string {
  return typeof exp === "number" ? utcAndDistance(exp, now) : "-";
}

/** A page may be empty and yet not be the last. */
function nothing(what: string, next: string | null): string {
  return next === null ? `no ${what}\n` : `no ${what} on this page\n`;
}

function nextLine(next: string | null): string {
  return next === null ? "" : `\nmore: --after ${next}\n`;
}
