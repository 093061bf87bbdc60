import { printable } from "../../kernel/printable.ts";
import type {
  KeyLine,
  KeysReport,
  OperationAnswer,
  UntrackedLine,
  VerifierLine,
} from "../../keys/managed/operator-shapes.ts";
import { AGENTS_PER_ADDRESS_MAX, VERIFIERS_MAX } from "../../keys/managed/verifier-sightings.ts";
import { spanOf } from "./span.ts";

/** The keys as a table that a person can read: what each does, since when, and what happens to it next. */
export function timeline(report: KeysReport): string {
  const rows = report.keys.map((key) => [
    printable(key.kid),
    key.alg,
    key.state,
    key.signs ? "signs" : "",
    key.served ? "served" : "",
    `since ${moment(sinceOf(key), report.now)}`,
    nextWords(key, report.now),
  ]);
  const head = `key set version ${String(report.version)}, ${counted(report.keys.filter((key) => key.served).length, "key")} in the JWKS\n\n`;
  const behind = report.verifiers.filter((verifier) => !verifier.up_to_date);
  const seen =
    report.verifiers.length === 0
      ? ""
      : `\n${counted(report.verifiers.length, "verifier")} seen, ${String(behind.length)} not yet with this set\n${verifierLines(behind, report.now)}`;
  return (
    head +
    table([["KID", "ALG", "STATE", "", "", "", "NEXT"], ...rows]) +
    seen +
    slowNotice(report) +
    untrackedNotice(report)
  );
}

/** Verifiers that seem to keep the JWKS longer than was declared: if they do, a new key signs before they know it. */
function slowNotice({ verifiers, now }: KeysReport): string {
  const slow = verifiers.filter((verifier) => verifier.slower_than_declared);
  if (slow.length === 0) return "";
  return [
    `\n${counted(slow.length, "verifier")} never fetched as soon as the declared cache time ends. Little traffic explains that, or a longer`,
    "cache time: compare MACP_AUTH_JWKS_TTL_SECS there with MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS here.",
    verifierLines(slow, now),
  ].join("\n");
}

/** Verifiers that are not tracked: whether each of them has the newest key is not known. */
function untrackedNotice({ untracked, now }: KeysReport): string {
  if (untracked.length === 0) return "";
  return [
    `\nMore verifiers fetched than are tracked (${String(AGENTS_PER_ADDRESS_MAX)} User-Agents per address, ${String(VERIFIERS_MAX)} in all). Until B2 after such a fetch, the gate counts`,
    "it as a verifier that lacks every key published later:",
    untrackedLines(untracked, now),
  ].join("\n");
}

function untrackedLines(untracked: readonly UntrackedLine[], now: number | undefined): string {
  return table(
    untracked.map(({ version, address, seen_at, fetches }) => [
      "",
      counted(fetches, "fetch", "fetches"),
      `of version ${String(version)}`,
      `the last from ${printable(address)}`,
      now === undefined ? iso(seen_at) : moment(seen_at, now),
    ]),
  );
}

/** What a revocation means in plain words, or nothing for any other operation. */
export function deathNotice({
  dies,
  verifiers_not_seen_since: behind,
  untracked_since: untracked = [],
}: OperationAnswer): string {
  if (dies === undefined) return "";
  const lines = [
    `Its tokens die within ${spanOf(dies.refreshing_seconds)} at every verifier that can fetch the JWKS,`,
    `and within ${spanOf(dies.in_grace_seconds)} at one that cannot. Streams that are open already live on until they end.`,
  ];
  if (untracked.length > 0)
    lines.push("Untracked verifiers may hold the old set:", untrackedLines(untracked, undefined).trimEnd());
  if (behind === undefined || behind.length === 0) lines.push("No known verifier still holds the old set.");
  else
    lines.push(
      behind.length === 1
        ? "1 verifier has not fetched since; restart it if it must not wait:"
        : `${String(behind.length)} verifiers have not fetched since; restart those that must not wait:`,
      verifierLines(behind, undefined).trimEnd(),
    );
  return `${lines.join("\n")}\n`;
}

function sinceOf(key: KeyLine): number {
  return key.gone_from ?? key.retiring_from ?? key.signing_from ?? key.published_from;
}

function nextWords(key: KeyLine, now: number): string {
  const { what, at } = key.next;
  return at === null ? what : `${what} ${moment(at, now)}`;
}

function verifierLines(verifiers: readonly VerifierLine[], now: number | undefined): string {
  return table(
    verifiers.map((verifier) => [
      "",
      printable(verifier.address),
      printable(verifier.user_agent),
      now === undefined
        ? `last fetch ${iso(verifier.seen_at)}`
        : `last fetch ${moment(verifier.seen_at, now)}`,
      `has version ${String(verifier.version)}`,
      verifier.min_interval_seconds === null
        ? ""
        : `fetches after ${spanOf(verifier.min_interval_seconds)} at the soonest`,
    ]),
  );
}

/** How many there are of something, in the singular for one. */
function counted(count: number, noun: string, several = `${noun}s`): string {
  return `${String(count)} ${count === 1 ? noun : several}`;
}

/** A moment as UTC and as a distance. */
function moment(at: number, now: number): string {
  const distance = at > now ? `in ${spanOf(at - now)}` : at === now ? "now" : `${spanOf(now - at)} ago`;
  return `${iso(at)} (${distance})`;
}

function iso(seconds: number): string {
  const formatted = new Intl.DateTimeFormat("sv-SE", {
    dateStyle: "short",
    timeStyle: "medium",
    timeZone: "UTC",
  }).format(seconds * 1000);
  return `${formatted.replace(" ", "T")}Z`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
