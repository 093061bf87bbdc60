import { claimsIn, parsePattern } from "../../kernel/patterns/pattern.ts";
import type { CompiledPolicy } from "../../policy/compile-policy.ts";
import type { Decision } from "../../policy/decide.ts";
import type { RecordedRequest } from "../../policy/review/diff-policies.ts";
import type { ExplainedGrant, Explanation } from "../../policy/review/explain.ts";
import { SCOPE_FIELDS } from "../../scopes/scopes.ts";
import { counted } from "../terminal/count.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { decisionDocument, missDocument, missText, rejectionText } from "../words/decision-words.ts";
import type { CallerState } from "./caller-state.ts";

/** What a policy says of a request, and the caller's own state. */
export interface ExplainOutcome {
  readonly isAllowed: boolean;
  readonly state: CallerState;
  readonly asked: RecordedRequest;
  readonly explanation: Explanation;
  readonly policy: CompiledPolicy;
}

const INDENT = "  ";

/** The verdict, the token or the nearest misses, and the policy's hash. */
export function explanationText(outcome: ExplainOutcome): string {
  const { explanation, isAllowed } = outcome;
  const { decision, hash } = explanation;
  return [
    `${isAllowed ? "allowed" : "rejected"}: ${whyText(outcome)}\n`,
    decision.kind === "granted" && isAllowed ? `\n${tokenTable(decision)}` : missesText(outcome),
    `\npolicy ${hash}\n`,
  ].join("");
}

function whyText({ state, asked, explanation: { decision } }: ExplainOutcome): string {
  const ofPolicy =
    decision.kind === "granted"
      ? `the grant ${decision.grant} gives ${decision.narrowed.length > 0 ? "less than requested" : "it"}`
      : rejectionText(decision);
  return state === "active" ? ofPolicy : `the caller ${asked.caller.id} is ${state}; otherwise: ${ofPolicy}`;
}

/** What the token says. */
function tokenTable({
  scopes,
  ttlSeconds,
  audience,
  narrowed,
}: Extract<Decision, { readonly kind: "granted" }>): string {
  const note = (field: (typeof narrowed)[number]): string =>
    narrowed.includes(field) ? "less than requested" : "";
  const passed = Object.keys(scopes).filter((field) => !SCOPE_FIELDS.some((known) => known === field));
  return table(
    [
      ...SCOPE_FIELDS.map((field) => [field, valueText(scopes[field]), note(field)]),
      ...passed.map((field) => [shown(field), valueText(scopes[field]), "unknown to the runtime"]),
      ["ttl_seconds", String(ttlSeconds), note("ttl_seconds")],
      ["audience", shown(audience), ""],
    ],
    INDENT,
  );
}

function valueText(value: unknown): string {
  return value === null ? "no limit" : shown(JSON.stringify(value));
}

/** The grants that missed nearest, and how many others there are. */
function missesText({ explanation, policy, asked }: ExplainOutcome): string {
  const { grants, nearest, decision } = explanation;
  if (decision.kind === "granted" || decision.reason === "denied" || nearest.length === 0) return "";
  const rows = nearest.flatMap((name) => {
    const found = grants.find(({ grant }) => grant === name);
    return found?.outcome === "misses" ? [[name, missText(found.miss) + hintOf(found, policy, asked)]] : [];
  });
  const others = grants.length - rows.length;
  return [
    `\n${table([["NEAREST", "WHY NOT"], ...rows], INDENT)}`,
    others > 0 ? `${INDENT}and ${counted(others, "other grant")} of the caller; --json lists all\n` : "",
  ].join("");
}

/** Senders that name a claim match nobody whose proof does not have it. */
function hintOf({ grant }: ExplainedGrant, policy: CompiledPolicy, { caller }: RecordedRequest): string {
  const senders =
    policy.grantsByCaller.get(caller.id)?.find((one) => one.grant.name === grant)?.grant.senders ?? [];
  const needed = senders.flatMap((sender) => {
    const parsed = parsePattern(sender);
    return parsed.kind === "pattern" ? claimsIn(parsed.pattern) : [];
  });
  const missing = [...new Set(needed)].filter((claim) => !Object.hasOwn(caller.claims, claim));
  return missing.length === 0
    ? ""
    : `; they name claims of the proof: ${missing.map((claim) => `--claim ${claim}=VALUE`).join(" ")}`;
}

/** The same for a program, with every rule of the caller. */
export function explanationDocument({ isAllowed, state, asked, explanation }: ExplainOutcome): object {
  const { hash, decision, denies, grants, nearest } = explanation;
  return {
    allowed: isAllowed,
    caller: { id: asked.caller.id, state, claims: asked.caller.claims },
    decision: decisionDocument(decision),
    denies,
    grants: grants.map((one) => (one.outcome === "misses" ? { ...one, miss: missDocument(one.miss) } : one)),
    nearest,
    policy: hash,
  };
}
