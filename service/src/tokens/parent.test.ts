import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { anyone } from "../callers/anyone.ts";
import { Impossible } from "../kernel/assert.ts";
import { parseRequestId, type RequestId } from "../kernel/ids.ts";
import { systemTimers } from "../kernel/timers.ts";
import { durableLedger } from "../ledger/ledger.ts";
import { newRevocationId } from "../ledger/revocation/revocation-store.ts";
import { RevocationView } from "../ledger/revocation/revocation-view.ts";
import { LedgerWriter } from "../ledger/writer.ts";
import { memoryLedger } from "../stores/memory/ledger.ts";
import { memoryRecords } from "../stores/memory/records.ts";
import { memoryRevocations } from "../stores/memory/revocations.ts";
import { mintDeps } from "../testing/mint-deps.ts";
import { TestClock } from "../testing/moments.ts";
import { type Identity, RuntimeDouble } from "../testing/runtime-double/runtime-double.ts";
import { NO_POLICY } from "./entitlement.ts";
import { type MintDeps, type MintOutcome, mint } from "./mint.ts";
import { type MintRequest, parseMintRequest } from "./mint-request.ts";
import { ownKeysOf } from "./own-keys.ts";
import { DEPTH_MAX } from "./parent.ts";
import { verify } from "./verify.ts";

// A parent and its child as the runtime reads them, with a real ledger in memory.

const CONTEXT = { policy: undefined, request: { request_id: requestId("r") } };

let deps: MintDeps & { readonly clock: TestClock };
let runtime: RuntimeDouble;
let look: () => Promise<void>;

beforeEach(async () => {
  const clock = new TestClock();
  const stopwatch = { elapsed: () => clock.now() };
  const base = mintDeps({ clock });
  const records = memoryRecords();
  const store = memoryRevocations(records, 3_600, clock);
  const view = new RevocationView({ store, clock, stopwatch });
  const writer = new LedgerWriter({
    store: memoryLedger(records),
    timers: systemTimers,
    stopwatch: { elapsed: () => performance.now() / 1_000 },
    random: base.random,
    nowMs: () => clock.nowMs(),
    writer: {},
  });
  const { keys, random } = base;
  const issuer = base.rules.issuer;
  const own = { clock, issuer, revocations: view, ownKeys: ownKeysOf(keys) };
  const issued = {
    verify: own,
    verifyAgain: (text: string) => verify(own, text),
    revocation: { store, writer, revocations: view, clock, random },
  };
  const ledger = durableLedger({ writer, rejections: { note: () => undefined }, revocations: view });
  deps = { ...base, clock, ledger, issued };
  look = () => view.poll();
  await look();
  const settings = {
    issuer,
    audience: base.rules.audience,
    ttlSeconds: 300,
    graceSeconds: 3_600,
    expLeewaySeconds: 60,
  };
  runtime = new RuntimeDouble(settings, {
    clock,
    stopwatch,
    fetch: () => Promise.resolve(keys.view().jwks?.body ?? ""),
  });
});

async function asked(body: object): Promise<MintOutcome> {
  return mint(deps, anyone(), parsedOf(body), NO_POLICY, undefined, CONTEXT);
}

type Minted = Extract<MintOutcome, { kind: "minted" }>;

async function minted(body: object): Promise<Minted> {
  const outcome = await asked({ sender: "agent://a", ...body });
  if (outcome.kind === "rejected") throw new Error(outcome.refusal.reason);
  return outcome;
}

async function refusalOf(body: object): Promise<object | undefined> {
  const outcome = await asked({ sender: "agent://a", ...body });
  return outcome.kind === "rejected" ? outcome.refusal : undefined;
}

/** Who the bearer is to the runtime. */
async function identityOf({ token }: Minted): Promise<Identity> {
  const verdict = await runtime.check(`Bearer ${token}`);
  if (verdict.kind !== "accepted") throw new Error("the runtime rejects the token");
  return verdict.identity;
}

/** Whether the runtime lets the one do anything that it does not let the other do. */
function hasMore(child: Identity, parent: Identity): boolean {
  const flags = ["can_start_sessions", "can_manage_mode_registry", "is_observer"] as const;
  const { allowed_modes: modes, max_open_sessions: most } = parent;
  const hasModes = modes !== undefined && child.allowed_modes?.every((mode) => modes.includes(mode)) !== true;
  const hasSessions =
    (child.max_open_sessions ?? Number.POSITIVE_INFINITY) > (most ?? Number.POSITIVE_INFINITY);
  return flags.some((flag) => child[flag] && !parent[flag]) || hasModes || hasSessions;
}

const modes = fc.subarray(["", "plan", "vote", "rule", "*"]);
const scopes = fc.record(
  {
    can_start_sessions: fc.constantFrom(true, false, null),
    can_manage_mode_registry: fc.constantFrom(true, false, null),
    is_observer: fc.constantFrom(true, false, null),
    allowed_modes: fc.oneof(fc.constant(null), modes),
    max_open_sessions: fc.oneof(fc.constant(null), fc.nat(5)),
    tier: fc.constantFrom("gold", { level: 1 }, null),
  },
  { requiredKeys: [] },
);
const request = fc.record({ scopes, ttl_seconds: fc.option(fc.integer({ min: 1, max: 5_000 })) });

test("a token under another one is never more to the runtime, and never lives longer, in chains of any requests", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: DEPTH_MAX + 1 }), async (requests) => {
      await look();
      let above: Minted | undefined;
      for (const body of requests) {
        const next: Minted = await minted({ ...body, parent: above?.token });
        if (above !== undefined) {
          expect(hasMore(await identityOf(next), await identityOf(above))).toBe(false);
          expect(next.claims.exp).toBeLessThanOrEqual(above.claims.exp);
          // What the runtime does not know may be a right to somebody else.
          const [own, its] = [next.claims.macp_scopes["tier"], above.claims.macp_scopes["tier"]];
          if (own !== undefined) expect(own).toEqual(its);
        }
        above = next;
      }
    }),
    { numRuns: 150 },
  );
});

describe("a parent", () => {
  test("is a live token: one that expired, that was stopped, or that is something else, is none", async () => {
    const { token } = await minted({ ttl_seconds: 60 });
    const [stopped, kept] = [await minted({}), await minted({})];
    await deps.issued?.revocation.store.revoke(
      { kind: "jti", jti: stopped.claims.jti },
      { id: newRevocationId(deps.random), by: "ops", reason: "test" },
    );
    await look();
    const none = { reason: "parent_invalid", why: "not_live" };
    expect(await refusalOf({ parent: stopped.token })).toEqual(none);
    expect(await refusalOf({ parent: `${token}x` })).toEqual(none);
    expect(await refusalOf({ parent: "x" })).toEqual(none);
    expect(await refusalOf({ parent: kept.token })).toBeUndefined();
    deps.clock.move(60);
    await look();
    expect(await refusalOf({ parent: token })).toEqual(none);
  });

  test("is rejected while it is not known what was revoked lately", async () => {
    const { token } = await minted({});
    deps.clock.move(2);
    expect(await refusalOf({ parent: token })).toEqual({ reason: "revocations_stale" });
    await look();
    expect(await refusalOf({ parent: token })).toBeUndefined();
  });

  test("that the ledger does not know is rejected: what stops it could not stop what is under it", async () => {
    const outcome = await mint(
      { ...deps, ledger: undefined },
      anyone(),
      parsedOf({ sender: "agent://a" }),
      NO_POLICY,
    );
    if (outcome.kind === "rejected") throw new Error(outcome.refusal.reason);
    expect(await refusalOf({ parent: outcome.token })).toEqual({
      reason: "parent_invalid",
      why: "not_recorded",
    });
  });

  test("gives its run, and no other", async () => {
    const { token } = await minted({ run: "one" });
    const child = await minted({ parent: token, run: "one" });
    expect(await refusalOf({ parent: child.token, run: "two" })).toMatchObject({ reason: "run_invalid" });
    const store = deps.issued?.revocation.store;
    expect(await store?.issuanceOf(child.claims.jti)).toMatchObject({
      run: "one",
      depth: 1,
    });
  });
});

function parsedOf(body: object): MintRequest {
  const text = JSON.stringify(body);
  const parsed = parseMintRequest(JSON.parse(text), text, "ignored", true);
  if (parsed.kind === "invalid") throw new Error(parsed.invalid.reason);
  return parsed.request;
}

function requestId(text: string): RequestId {
  const id = parseRequestId(text);
  if (id === undefined) throw new Impossible("a request id is not valid");
  return id;
}
