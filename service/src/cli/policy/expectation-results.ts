import type { Decision } from "../../policy/decide.ts";
import type { ExpectationResult, ExpectedDecision } from "../../policy/review/check-expectations.ts";
import { counted } from "../terminal/count.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { decisionDocument, rejectionText } from "../words/decision-words.ts";

/** What became of one expectation, and where it stands. */
export interface NamedResult extends ExpectationResult {
  /** `FILE:LINE:COLUMN`. */
  readonly at: string;
  readonly title: string;
}

const MEMBERS: Readonly<Record<string, string>> = { kind: "decision", ttlSeconds: "ttl_seconds" };

/** A line for each expectation that does not hold, and a line that counts them. */
export function resultsText(results: readonly NamedResult[]): string {
  const wrong = results.filter(({ differs }) => differs.length > 0);
  const rows = wrong.map(({ at, title, expected, decision, differs }) => [
    "fail",
    shown(at),
    shown(title),
    `expected ${expectedText(expected)}; ${actualText(decision, differs)}`,
  ]);
  return [
    table(rows),
    wrong.length > 0 ? "\n" : "",
    `${counted(results.length - wrong.length, "expectation holds", "expectations hold")}, ${counted(wrong.length, "fails", "fail")}\n`,
  ].join("");
}

function expectedText(expected: ExpectedDecision): string {
  if (expected.kind === "rejected")
    return expected.reason === undefined ? "rejected" : `rejected (${expected.reason})`;
  return expected.grant === undefined ? "allowed" : `allowed by ${shown(expected.grant)}`;
}

function actualText(decision: Decision, differs: readonly string[]): string {
  if (decision.kind === "rejected") return `it is rejected (${decision.reason}): ${rejectionText(decision)}`;
  const members: Readonly<Record<string, unknown>> = { ...decision };
  const different = differs
    .filter((member) => member !== "kind" && member !== "grant")
    .map((member) => `${MEMBERS[member] ?? member} is ${memberIn(members, member)}`);
  return [`it is allowed by ${decision.grant}`, ...different].join(", ");
}

function memberIn(members: Readonly<Record<string, unknown>>, member: string): string {
  const [outer = "", inner] = member.split(/\.(.*)/s);
  const value = members[outer];
  const found =
    inner !== undefined && typeof value === "object" && value !== null
      ? (value as Readonly<Record<string, unknown>>)[inner]
      : value;
  return shown(JSON.stringify(found ?? null));
}

/** The same for a program. */
export function resultsDocument(results: readonly NamedResult[]): object {
  return {
    ok: results.every(({ differs }) => differs.length === 0),
    results: results.map(({ at, title, decision, differs }) => ({
      at,
      title,
      holds: differs.length === 0,
      differs: differs.map((member) => MEMBERS[member] ?? member),
      decision: decisionDocument(decision),
    })),
  };
}
