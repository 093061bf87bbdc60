import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Decision, decide } from "../../service/src/policy/decide.ts";
import { type Rights, rightsOf } from "../../service/src/scopes/meaning.ts";
import { compiledPolicy } from "../../service/src/testing/policies.ts";
import { type Case, randomCase } from "../../service/src/testing/policy-oracle/random-policies.ts";
import { privateJwk, signingWith } from "../support/signing-keys.ts";
import { clientAt, describeAtEachDoor } from "./doors/doors.ts";
import { claims, forge } from "./doors/forged-token.ts";
import type { RuntimeClient } from "./doors/runtime-client.ts";
import { DECISION, sessionStart } from "./doors/session-start.ts";
import { endPair, type Pair, startPair } from "./pairs/pair.ts";

// The tokens of random policies at a runtime: what their bearer can do there, tried.

const CASES = 200;
const TASK = "macp.mode.task.v1";
/** The runtime's names in the place of those of the random policies; others are of no mode that it has. */
const MODES: Readonly<Record<string, string>> = { m: DECISION, n: TASK };
/** One more than any random policy gives. */
const SESSIONS_TRIED = 5;
const key = privateJwk("RS256");

type Granted = Extract<Decision, { readonly kind: "granted" }>;

/** Random requests that random policies grant. */
function grantedCases(): readonly (readonly [Case, Granted])[] {
  const seed = Number(process.env["MACP_POLICY_SEED"] ?? 20_261_128);
  return fc
    .sample(randomCase, { numRuns: 3_000, seed })
    .map((one) => [one, decide(compiledPolicy(one.policy), one.caller, one.request)] as const)
    .filter((pair): pair is readonly [Case, Granted] => pair[1].kind === "granted")
    .slice(0, CASES);
}

/** Rights with the runtime's names of modes. */
function atRuntime(rights: Rights | undefined): Rights {
  if (rights === undefined) throw new Error("a runtime would reject the token");
  return { ...rights, allowed_modes: rights.allowed_modes?.map((mode) => MODES[mode] ?? mode) };
}

/** What somebody with these rights can do, of what is tried. */
interface Deeds {
  readonly startsDecision: boolean;
  readonly startsTask: boolean;
  readonly signals: boolean;
  readonly sessions: number;
  readonly observes: boolean;
  readonly changesRegistry: boolean;
}

function expectedDeeds(rights: Rights): Deeds {
  const may = (mode: string) => rights.allowed_modes?.includes(mode) ?? true;
  const most = Math.min(rights.max_open_sessions ?? SESSIONS_TRIED, SESSIONS_TRIED);
  const starts = (mode: string) => rights.can_start_sessions && may(mode) && most > 0;
  return {
    startsDecision: starts(DECISION),
    startsTask: starts(TASK),
    signals: may(""),
    sessions: starts(DECISION) || starts(TASK) ? most : 0,
    observes: rights.is_observer,
    changesRegistry: rights.can_manage_mode_registry,
  };
}

/** Whether nothing is done of the first that cannot be done of the second. */
function isWithin(deeds: Deeds, most: Deeds): boolean {
  return Object.entries(deeds).every(([name, done]) => Number(done) <= Number(most[name as keyof Deeds]));
}

describeAtEachDoor("policy", (door) => {
  let pair: Pair;
  let client: RuntimeClient;
  let othersSession: string;

  beforeAll(async () => {
    pair = await startPair(signingWith("RS256", key));
    client = clientAt(pair.runtime, door);
    othersSession = crypto.randomUUID();
    const { token } = await pair.issuer.mint({ sender: "agent://somebody-else", scopes: {} });
    expect(await client.send(token, sessionStart(othersSession, DECISION))).toBe("ok");
  });
  afterAll(async () => {
    client.close();
    await endPair(pair);
  });

  /** Tries with one sender for each deed that opens sessions, for the runtime counts them by sender. */
  async function deedsOf(scopes: object, name: string): Promise<Deeds> {
    const tokenFor = (deed: string) =>
      forge(key, { payload: claims({ sub: `agent://${name}/${deed}`, macp_scopes: scopes }) });
    const start = async (deed: string, mode: string) =>
      (await client.send(tokenFor(deed), sessionStart(crypto.randomUUID(), mode))) === "ok";
    const startsDecision = await start("decision", DECISION);
    const startsTask = await start("task", TASK);
    let sessions = 0;
    while (sessions < SESSIONS_TRIED && (await start("many", startsDecision ? DECISION : TASK)))
      sessions += 1;
    const own = tokenFor("others");
    const signal = { message_type: "Signal", payload: { name: "a story" } };
    const policy = { policy_id: "policy.none", mode: "*", rules: "{}", schema_version: 1 };
    await client.call("UnregisterPolicy", own, { policy_id: policy.policy_id });
    const registered = await client.call("RegisterPolicy", own, { policy_descriptor: policy });
    return {
      startsDecision,
      startsTask,
      sessions,
      signals: (await client.send(own, signal)) === "ok",
      observes: (await client.call("GetSession", own, { session_id: othersSession })).status === "OK",
      changesRegistry: registered.status === "OK",
    };
  }

  test("a token of each of 200 random policies does at the runtime what the decision says, and never more than was asked for or granted", async () => {
    const cases = grantedCases();
    expect(cases.length).toBe(CASES);
    const seen = new Set<string>();
    for (const [index, [{ policy, request }, decision]] of cases.entries()) {
      const grant = policy.grants.find(({ name }) => name === decision.grant);
      const { allowed_modes: modes, ...others } = decision.scopes;
      const named = Array.isArray(modes) ? modes.map((mode: string) => MODES[mode] ?? mode) : modes;
      const deeds = await deedsOf({ ...others, allowed_modes: named }, `case-${String(index)}`);
      expect([index, deeds]).toEqual([index, expectedDeeds(atRuntime(rightsOf(decision.scopes)))]);
      for (const most of [grant?.scopes, rightsOf(request.scopes)])
        expect([index, isWithin(deeds, expectedDeeds(atRuntime(most)))]).toEqual([index, true]);
      seen.add(JSON.stringify(deeds));
    }
    // Tokens that all do the same would show little.
    expect(seen.size).toBeGreaterThan(20);
  }, 600_000);
});
