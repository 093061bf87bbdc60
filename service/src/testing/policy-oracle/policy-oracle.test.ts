import { sign } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Decision, decide, REJECTION_REASONS } from "../../policy/decide.ts";
import { type Rights, rightsOf } from "../../scopes/meaning.ts";
import { TestClock } from "../moments.ts";
import { compiledPolicy, TEST_RULES } from "../policies.ts";
import { RuntimeDouble } from "../runtime-double/runtime-double.ts";
import { testKey } from "../test-keys.ts";
import { oracle } from "./oracle.ts";
import { type Case, randomCase } from "./random-policies.ts";

/** `MACP_POLICY_RUNS=100000` for the long form; `MACP_POLICY_SEED` repeats one. */
const RUNS = Number(process.env["MACP_POLICY_RUNS"] ?? 4_000);
const SEED = process.env["MACP_POLICY_SEED"];

const key = testKey("a");
const clock = new TestClock(1_800_000_000);
const runtime = new RuntimeDouble(
  { issuer: "us", audience: TEST_RULES.audience, ttlSeconds: 9e9, graceSeconds: 0, expLeewaySeconds: 60 },
  {
    clock,
    stopwatch: { elapsed: () => 0 },
    fetch: () => Promise.resolve(JSON.stringify({ keys: [key.publicJwk] })),
  },
);

/** What the runtime lets the bearer of a token with these scopes do. */
async function rightsAtRuntime(scopes: unknown): Promise<Rights | undefined> {
  if (key.privateKey === undefined) throw new Error("the key cannot sign");
  const claims = {
    sub: "x",
    iss: "us",
    aud: TEST_RULES.audience,
    exp: clock.now() + 60,
    macp_scopes: scopes,
  };
  const input = [{ alg: key.alg, kid: key.kid }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  const verdict = await runtime.check(`Bearer ${input}.${signature.toString("base64url")}`);
  return verdict.kind === "accepted" ? verdict.identity : undefined;
}

function isWithin(rights: Rights, most: Rights): boolean {
  return (
    (most.can_start_sessions || !rights.can_start_sessions) &&
    (most.can_manage_mode_registry || !rights.can_manage_mode_registry) &&
    (most.is_observer || !rights.is_observer) &&
    (most.allowed_modes === undefined ||
      rights.allowed_modes?.every((mode) => most.allowed_modes?.includes(mode)) === true) &&
    (rights.max_open_sessions ?? Number.POSITIVE_INFINITY) <=
      (most.max_open_sessions ?? Number.POSITIVE_INFINITY)
  );
}

/** A decision without what the oracle does not work out: which rule missed, and by what. */
function outline(decision: Decision): object {
  return decision.kind === "granted" ? decision : { kind: decision.kind, reason: decision.reason };
}

async function checkSubset({ policy, request }: Case, decision: Decision): Promise<void> {
  if (decision.kind === "rejected") return;
  const grant = policy.grants.find(({ name }) => name === decision.grant);
  const asked = rightsOf(request.scopes);
  if (grant === undefined || asked === undefined) throw new Error("a grant that is none, or of nothing");
  for (const rights of [rightsOf(decision.scopes), await rightsAtRuntime(decision.scopes)]) {
    if (rights === undefined) throw new Error("the runtime rejects the token");
    expect(isWithin(rights, grant.scopes) && isWithin(rights, asked)).toBe(true);
  }
  expect(decision.ttlSeconds).toBeLessThanOrEqual(grant.maxTtlSeconds ?? TEST_RULES.maxTtlSeconds);
  for (const field of ["can_start_sessions", "can_manage_mode_registry", "is_observer"])
    expect(decision.scopes).toHaveProperty(field, expect.any(Boolean));
  for (const field of ["allowed_modes", "max_open_sessions"]) expect(decision.scopes).toHaveProperty(field);
}

test("the naive policy has at most forty lines, and has nothing of the policy but types", () => {
  const lines = readFileSync(new URL("oracle.ts", import.meta.url), "utf8").split("\n");
  const code = lines.filter((line) => !/^\s*(?:$|\/[/*]|\*|import )/.test(line));
  expect(code.length).toBeLessThanOrEqual(40);
  const ofPolicy = lines.filter((line) => line.includes('"../../policy/'));
  expect(ofPolicy.filter((line) => !line.startsWith("import type "))).toEqual([]);
});

test("a naive policy of forty lines decides the same, and a token never gives more than was asked for or granted", async () => {
  const outcomes = new Map<string, number>();
  const count = (what: string) => outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(randomCase, async (one) => {
      const decision = decide(compiledPolicy(one.policy), one.caller, one.request);
      expect(outline(decision)).toEqual(oracle(one.policy, TEST_RULES, one.caller, one.request));
      await checkSubset(one, decision);
      count(
        decision.kind === "granted"
          ? decision.narrowed.length > 0
            ? "narrowed"
            : "granted"
          : decision.reason,
      );
    }),
    { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
  );
  // Agreement on cases that never occur would prove nothing.
  for (const outcome of ["granted", "narrowed", ...REJECTION_REASONS])
    expect([outcome, (outcomes.get(outcome) ?? 0) > RUNS / 1_000]).toEqual([outcome, true]);
}, 900_000);
