import { printable } from "../../kernel/printable.ts";
import type { KeyLine, KeysReport, UntrackedLine, VerifierLine } from "../../keys/managed/operator-shapes.ts";
import { AGENTS_PER_ADDRESS_MAX, VERIFIERS_MAX } from "../../keys/managed/verifier-sightings.ts";
import { counted } from "../terminal/count.ts";
import { harmlessLine } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { duration, utc, utcAndDistance } from "../terminal/time.ts";

const INDENT = "  ";

/** The keys and the verifiers as tables: what each key does, since when, and what happens to it next. */
export function listText(report: KeysReport): string {
  const { version, keys, now } = report;
  const served = keys.filter((key) => key.served).length;
  return [
    `key set version ${String(version)}, ${counted(served, "key")} in the JWKS\n\n`,
    table([["KID", "ALG", "STATE", "SINCE", "NEXT", "AT"], ...keys.map((key) => keyRow(key, now))]),
    verifiersBehind(report),
    slowVerifiers(report),
    untrackedVerifiers(report),
  ].join("");
}

function keyRow(key: KeyLine, now: number): readonly string[] {
  const since = key.gone_from ?? key.retiring_from ?? key.signing_from ?? key.published_from;
  const { what, at } = key.next;
  return [
    printable(key.kid),
    printable(key.alg),
    key.state,
    utcAndDistance(since, now),
    harmlessLine(what),
    at === null ? "" : utcAndDistance(at, now),
  ];
}

function verifiersBehind({ verifiers, now }: KeysReport): string {
  if (verifiers.length === 0) return "";
  const behind = verifiers.filter((verifier) => !verifier.up_to_date);
  const head = `\n${counted(verifiers.length, "verifier")} seen, ${String(behind.length)} without this key set\n`;
  return head + verifierTable(behind, now);
}

/** Verifiers that seem to cache the JWKS longer than declared: if they do, a new key signs before they know it. */
function slowVerifiers({ verifiers, now }: KeysReport): string {
  const slow = verifiers.filter((verifier) => verifier.slower_than_declared);
  if (slow.length === 0) return "";
  return [
    `\n${counted(slow.length, "verifier")} always fetched later than the declared cache time. The cause is little traffic, or a longer cache time:`,
    "compare MACP_AUTH_JWKS_TTL_SECS there with MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS here.",
    verifierTable(slow, now),
  ].join("\n");
}

/** Verifiers that are not tracked: whether each of them has the newest key is not known. */
function untrackedVerifiers({ untracked, now }: KeysReport): string {
  if (untracked.length === 0) return "";
  return [
    `\nMore verifiers fetched than are tracked (${String(AGENTS_PER_ADDRESS_MAX)} User-Agents per address, ${String(VERIFIERS_MAX)} in all). The gate counts`,
    "each such fetch as a verifier without the keys published since, for B2 (docs/rotation.md):",
    untrackedTable(untracked, now),
  ].join("\n");
}

/** Fetches by untracked verifiers; moments with their distance where `now` is given. */
export function untrackedTable(untracked: readonly UntrackedLine[], now?: number): string {
  const rows = untracked.map(({ version, address, seen_at, fetches }) => [
    String(fetches),
    String(version),
    printable(address),
    momentOf(seen_at, now),
  ]);
  return table([["FETCHES", "VERSION", "LAST FROM", "LAST FETCH"], ...rows], INDENT);
}

/** Tracked verifiers; moments with their distance where `now` is given. Nothing for none. */
export function verifierTable(verifiers: readonly VerifierLine[], now?: number): string {
  if (verifiers.length === 0) return "";
  const rows = verifiers.map(({ address, user_agent, seen_at, version, min_interval_seconds: least }) => [
    printable(address),
    printable(user_agent),
    momentOf(seen_at, now),
    String(version),
    least === null ? "" : duration(least),
  ]);
  return table([["ADDRESS", "USER AGENT", "LAST FETCH", "VERSION", "SHORTEST INTERVAL"], ...rows], INDENT);
}

function momentOf(at: number, now: number | undefined): string {
  return now === undefined ? utc(at) : utcAndDistance(at, now);
}
