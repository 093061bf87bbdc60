import { printable } from "../../kernel/printable.ts";
import type { OperationAnswer } from "../../keys/managed/operator-shapes.ts";
import { answeredNo, couldNot } from "../terminal/command-end.ts";
import { counted } from "../terminal/count.ts";
import { printJson } from "../terminal/json.ts";
import { harmlessLine } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { duration } from "../terminal/time.ts";
import type { World } from "../terminal/world.ts";
import { untrackedTable, verifierTable } from "./list-text.ts";

/** Prints what an operation did. Throws `CommandEnd` with exit code 1 when it did nothing. */
export function printAnswer(world: World, { json }: { readonly json?: true }, answer: OperationAnswer): void {
  if (json) {
    printJson(world, answer);
    if (!answer.done) throw answeredNo();
    return;
  }
  const { rejected } = answer;
  if (rejected !== undefined)
    throw couldNot(
      `rejected: ${harmlessLine(rejected.outage)}${rejected.accept === undefined ? "" : `; to accept that: --accept-${harmlessLine(rejected.accept)}`}`,
    );
  world.out(
    table(
      (answer.changes ?? []).map(({ change, kid }) => [
        `${WORDS[change] ?? harmlessLine(change)}:`,
        printable(kid),
      ]),
    ),
  );
  world.out(revocationText(answer));
}

/** What became of a key. */
const WORDS: Readonly<Record<string, string>> = {
  publish: "published",
  activate: "signs now",
  deactivate: "stopped signing",
  taint: "tainted",
  revoke: "revoked",
  retire: "retired",
};

/** How long verifiers may still accept the tokens of a revoked key; nothing for any other operation. */
export function revocationText({
  still_accepted: stillAccepted,
  verifiers_not_seen_since: behind = [],
  untracked_since: untracked = [],
}: OperationAnswer): string {
  if (stillAccepted === undefined) return "";
  return [
    `Verifiers that can fetch the JWKS reject its tokens within ${duration(stillAccepted.refreshing_seconds)}, all others within ${duration(stillAccepted.in_grace_seconds)}.\n`,
    "Streams that are open stay open.\n",
    untracked.length === 0
      ? ""
      : `Untracked verifiers may still have the old key set:\n${untrackedTable(untracked)}`,
    behind.length === 0
      ? "No tracked verifier still has the old key set.\n"
      : `${counted(behind.length, "verifier has", "verifiers have")} not fetched the new key set; restart those that must not wait:\n${verifierTable(behind)}`,
  ].join("");
}
