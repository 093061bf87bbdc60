import type { Decision } from "../../policy/decide.ts";
import type { DecisionChange, PolicyDiff } from "../../policy/review/diff-policies.ts";
import { SCOPE_FIELDS } from "../../scopes/scopes.ts";
import { counted } from "../terminal/count.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { decisionDocument } from "../words/decision-words.ts";

type Granted = Extract<Decision, { readonly kind: "granted" }>;
type Member = (typeof SCOPE_FIELDS)[number] | "ttl_seconds" | "audience";

/** The changes, the same ones once with how often they occur; the callers; and how many requests do not change. */
export function diffText({ same, changes, callers }: PolicyDiff): string {
  const unchanged = `${counted(same, "request")} unchanged\n`;
  if (changes.length === 0) return unchanged;
  const times = new Map<string, { readonly row: readonly string[]; count: number }>();
  for (const one of changes) {
    const row = rowOf(one);
    const known = times.get(row.join("\0"));
    if (known === undefined) times.set(row.join("\0"), { row, count: 1 });
    else known.count += 1;
  }
  const rows = [...times.values()].map(({ row, count }) => [
    ...row.slice(0, 3),
    String(count),
    ...row.slice(3),
  ]);
  const totals = callers.map(({ caller, gained, lost, different }) => [
    caller,
    String(gained),
    String(lost),
    String(different),
  ]);
  return [
    table([["CHANGE", "CALLER", "SENDER", "TIMES", "BEFORE", "AFTER", "DIFFERENCE"], ...rows]),
    `\n${table([["CALLER", "GAINED", "LOST", "DIFFERENT"], ...totals])}`,
    `\n${unchanged}`,
  ].join("");
}

function rowOf(one: DecisionChange): readonly string[] {
  const { change, caller, request, before, after } = one;
  const difference = membersOf(one).map(
    (member) => `${member} ${textOf(memberIn(before, member))} → ${textOf(memberIn(after, member))}`,
  );
  return [change, caller.id, shown(request.sender), ruleText(before), ruleText(after), difference.join(", ")];
}

/** The members of the token that differ, where both policies give one. */
function membersOf({ before, after }: DecisionChange): readonly Member[] {
  if (before.kind === "rejected" || after.kind === "rejected") return [];
  const members: readonly Member[] = [...SCOPE_FIELDS, "ttl_seconds", "audience"];
  return members.filter((member) => textOf(memberIn(before, member)) !== textOf(memberIn(after, member)));
}

function memberIn(decision: Decision, member: Member): unknown {
  return decision.kind === "granted" ? tokenOf(decision)[member] : undefined;
}

function tokenOf({ scopes, ttlSeconds, audience }: Granted): Readonly<Record<string, unknown>> {
  return { ...scopes, ttl_seconds: ttlSeconds, audience };
}

function textOf(value: unknown): string {
  return value === null ? "no limit" : shown(JSON.stringify(value));
}

function ruleText(decision: Decision): string {
  return decision.kind === "granted" ? decision.grant : `rejected (${decision.reason})`;
}

/** Whether a caller has less by this change: no token any more, or one that gives less. */
export function isLoss({ change, before, after }: DecisionChange): boolean {
  if (before.kind === "rejected" || after.kind === "rejected") return change === "lost";
  const [was, is] = [before.scopes, after.scopes];
  const isLower = (["can_start_sessions", "can_manage_mode_registry", "is_observer"] as const).some(
    (field) => was[field] === true && is[field] !== true,
  );
  return (
    isLower ||
    after.ttlSeconds < before.ttlSeconds ||
    hasFewerModes(was["allowed_modes"], is["allowed_modes"]) ||
    limitOf(is["max_open_sessions"]) < limitOf(was["max_open_sessions"])
  );
}

/** A decision writes a list, or null for every mode. */
function hasFewerModes(was: unknown, is: unknown): boolean {
  if (!Array.isArray(is)) return false;
  return !Array.isArray(was) || was.some((mode) => !is.includes(mode));
}

function limitOf(sessions: unknown): number {
  return typeof sessions === "number" ? sessions : Number.POSITIVE_INFINITY;
}

/** The same for a program. */
export function diffDocument({ same, changes, callers }: PolicyDiff, leftOut: number): object {
  return {
    same,
    left_out: leftOut,
    callers,
    changes: changes.map((one) => ({
      index: one.index,
      change: one.change,
      is_loss: isLoss(one),
      caller: one.caller.id,
      sender: one.request.sender,
      before: decisionDocument(one.before),
      after: decisionDocument(one.after),
    })),
  };
}
