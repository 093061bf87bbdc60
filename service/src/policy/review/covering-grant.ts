import { segmented } from "../../kernel/patterns/match-pattern.ts";
import { parsePattern } from "../../kernel/patterns/pattern.ts";
import { holds, textSetOf } from "../../kernel/patterns/text-set.ts";
import { isSeenWhole } from "../../kernel/printable.ts";
import { exceededFields, maximumOf } from "../../scopes/bound.ts";
import type { Rights } from "../../scopes/meaning.ts";
import type { Grant } from "../policy.ts";

/** An earlier grant behind which a grant decides nothing: it gives at least as much, to all of its callers, on no other condition. */
export function coveringGrant(grant: Grant, earlier: readonly Grant[]): Grant | undefined {
  return earlier.find((other) => appliesWherever(other, grant) && givesAll(other, grant));
}

/** Whether every text of the second list is surely in the first one; patterns are compared as far as that is certain. */
export function holdsEvery(list: readonly string[], others: readonly string[]): boolean {
  const { set } = textSetOf(list);
  return others.every((other) => {
    if (list.includes(other)) return true;
    if (parsePattern(other).kind === "exact" && isSeenWhole(other)) return holds(set, segmented(other));
    return list.some((one) => isRunOver(one, other));
  });
}

/** Whether one pattern is text that ends in `/**`, or `**` alone, and the other begins with that text. */
function isRunOver(one: string, other: string): boolean {
  const lead = one.slice(0, -"**".length);
  const isRun = one === "**" || (one.endsWith("/**") && !/[*{]/.test(lead));
  return isRun && other.startsWith(lead) && isSeenWhole(other);
}

function appliesWherever(other: Grant, grant: Grant): boolean {
  return (
    grant.callers.every((caller) => other.callers.includes(caller)) &&
    holdsEvery(other.senders, grant.senders) &&
    Object.entries(other.claims).every(([name, values]) => {
      const required = Object.hasOwn(grant.claims, name) ? grant.claims[name] : undefined;
      return required !== undefined && holdsEvery(values, required);
    }) &&
    coversAudiences(other.audiences, grant.audiences) &&
    coversAlgorithms(other.algorithms, grant.algorithms)
  );
}

function coversAudiences(other: Grant["audiences"], own: Grant["audiences"]): boolean {
  return other === undefined ? own === undefined : own !== undefined && holdsEvery(other, own);
}

function coversAlgorithms(other: Grant["algorithms"], own: Grant["algorithms"]): boolean {
  return other === undefined || own?.every((alg) => other.includes(alg)) === true;
}

/** A grant that narrows decides where an earlier one rejects an excess. */
function givesAll(other: Grant, grant: Grant): boolean {
  return (
    (other.onExcess === "narrow" || grant.onExcess === "reject") &&
    (other.unknownScopes === "allow" || grant.unknownScopes === "deny") &&
    (other.maxTtlSeconds ?? Number.POSITIVE_INFINITY) >= (grant.maxTtlSeconds ?? Number.POSITIVE_INFINITY) &&
    isAtMost(grant.scopes, other.scopes)
  );
}

function isAtMost(rights: Rights, most: Rights): boolean {
  return (
    exceededFields(rights, maximumOf(most)).length === 0 &&
    (rights.allowed_modes !== undefined || most.allowed_modes === undefined) &&
    (rights.max_open_sessions !== undefined || most.max_open_sessions === undefined)
  );
}
