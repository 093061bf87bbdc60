import fc from "fast-check";
import type { PolicyCaller, PolicyRequest } from "../../policy/judge-grant.ts";
import type { Deny, Grant, Policy } from "../../policy/policy.ts";
import { ids, senderOf, TEST_RULES } from "../policies.ts";

/** A policy, and a request that it may well fit: both are made of few words, so that they meet. */
export interface Case {
  readonly policy: Policy;
  readonly caller: PolicyCaller;
  readonly request: PolicyRequest;
}

const CALLERS = ids("a", "b", "c");
const SENDERS = [
  "x",
  "x/y",
  "x/y/z",
  "xx",
  "x/",
  "/x",
  "x/yy",
  "dev/x",
  "dev",
  "x\u200b",
  "x/y\u00a0",
  "x.y",
];
const PATTERNS = [
  ...SENDERS,
  ...["*", "**", "x*", "*x*", "x/*", "x/**", "**/y", "x/**/z", "*/y", "x*/*y", "x?y", "X"],
  ...["{claims.ns}", "{claims.ns}/*", "x/{claims.sa}", "*{claims.ns}", "{claims.ns}*/x", "{claims.no}/**"],
];
const PLAIN_PATTERNS = PATTERNS.filter((pattern) => !pattern.includes("{"));
const VALUES = ["dev", "x", "y", "", "*", "x/y", "{claims.ns}", "y\n"];
const MODES = ["m", "n", "o", "", "*"];
const AUDIENCES = [TEST_RULES.audience, "other", "other/1"];
const AUDIENCE_PATTERNS = [...AUDIENCES, "**", "*", "other*", "macp-*"];

const flag = fc.boolean();
const someOf = <T>(values: readonly T[], maxLength = 3) =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const likely = <T>(value: T, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, other);
const modes = fc.array(fc.constantFrom(...MODES), { maxLength: 4 });

const grant: fc.Arbitrary<Grant> = fc.record({
  name: fc.constant("g"),
  callers: someOf(CALLERS, 2),
  senders: fc.oneof(someOf(PATTERNS), fc.constant(["**"])),
  scopes: fc.record({
    can_start_sessions: flag,
    can_manage_mode_registry: flag,
    is_observer: likely(true, flag),
    allowed_modes: maybe(modes),
    max_open_sessions: maybe(fc.nat(3)),
  }),
  unknownScopes: fc.constantFrom("allow", "deny"),
  maxTtlSeconds: maybe(fc.constantFrom(1, 60, 300, 600, 3_600, 9_999)),
  audiences: maybe(someOf(AUDIENCE_PATTERNS)),
  algorithms: maybe(someOf(["RS256", "ES256"] as const, 2)),
  claims: likely(
    {},
    fc
      .constantFrom("ns", "sa", "no", "toString")
      .chain((name) => someOf(PLAIN_PATTERNS).map((list): Grant["claims"] => ({ [name]: list }))),
  ),
  onExcess: fc.constantFrom("reject", "reject", "narrow"),
});
const deny: fc.Arbitrary<Deny> = fc.record({
  name: fc.constant("d"),
  callers: maybe(someOf(CALLERS, 2)),
  senders: likely<Deny["senders"]>(["x/y/z"], maybe(someOf(PLAIN_PATTERNS, 2))),
  audiences: maybe(someOf(AUDIENCE_PATTERNS, 2)),
});
const named = <Rule extends { readonly name: string }>(rules: readonly Rule[]): readonly Rule[] =>
  rules.map((rule, index) => ({ ...rule, name: `${rule.name}${String(index)}` }));

const readableScopes = fc.record(
  {
    can_start_sessions: fc.option(flag),
    can_manage_mode_registry: fc.option(likely(false, flag)),
    is_observer: fc.option(likely(false, flag)),
    allowed_modes: fc.option(modes),
    max_open_sessions: fc.option(fc.nat(4)),
  },
  { requiredKeys: [] },
);
const oddScopes = fc.record(
  {
    is_observer: fc.constantFrom<unknown>(true, false, "yes", 1),
    allowed_modes: fc.constantFrom<unknown>(["m"], [], "m", [1]),
    max_open_sessions: fc.constantFrom<unknown>(0, 2 ** 40, -1, 2.5),
    tenant: fc.constant({ is_observer: true }),
    Is_Observer: fc.constant(true),
  },
  { requiredKeys: [] },
);
const scopes: fc.Arbitrary<PolicyRequest["scopes"]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: readableScopes },
  { weight: 2, arbitrary: oddScopes },
);

/** Random cases, from nothing granted to everything. */
export const randomCase: fc.Arbitrary<Case> = fc.record({
  policy: fc.record({
    grants: fc.array(grant, { maxLength: 6 }).map(named),
    denies: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(deny, { maxLength: 2 })).map(named),
  }),
  caller: fc.record({
    id: fc.constantFrom(...CALLERS),
    claims: fc.record(
      { ns: fc.constantFrom(...VALUES), sa: fc.constantFrom(...VALUES) },
      { requiredKeys: [] },
    ),
  }),
  request: fc.record({
    sender: fc.constantFrom(...SENDERS).map(senderOf),
    scopes,
    ttlSeconds: maybe(fc.constantFrom(0.5, 59.9, 60, 61, 300, 3_601, 99_999)),
    audience: maybe(fc.constantFrom(...AUDIENCES)),
    alg: fc.constantFrom("RS256", "ES256"),
  }),
});
