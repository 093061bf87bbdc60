import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashSecret } from "../../callers/secrets/secret-hash.ts";
import { generateSecret } from "../../callers/secrets/secret-text.ts";
import { systemRandom } from "../../kernel/random.ts";
import { systemTimers } from "../../kernel/timers.ts";
import type { MintFacts, RejectionFacts } from "../../ledger/entry.ts";
import type { Release } from "../../ledger/ledger.ts";
import { noMeter } from "../../telemetry/meter.ts";
import { authenticateDeps, callerEntry } from "../../testing/callers.ts";
import { mintDeps } from "../../testing/mint-deps.ts";
import { compiledPolicy, ids, testGrant } from "../../testing/policies.ts";
import type { Listener } from "../listener.ts";
import { publicServer } from "../public-server.ts";

const random = systemRandom();
const secret = generateSecret(random);
const policy = compiledPolicy({ grants: [testGrant({ callers: ids("ci") })] });

let listener: Listener;
let mints: MintFacts[];
let rejections: RejectionFacts[];
let release: Release;

beforeEach(async () => {
  [mints, rejections, release] = [[], [], "released"];
  const proofs = authenticateDeps({
    callers: [
      callerEntry("ci", { secrets: [hashSecret(random, secret)] }),
      callerEntry("idle", { secrets: [] }),
    ],
  });
  listener = publicServer({
    ...mintDeps({
      ledger: {
        revocations: {
          epoch: 0,
          freshness: () => ({ ageMs: 0, isFresh: true }),
          catchUp: () => Promise.resolve(),
          isStopped: () => false,
          firstFreeSecond: () => undefined,
        },
        recordMint(facts) {
          mints.push(facts);
          return Promise.resolve(release);
        },
        recordRejection: (facts) => {
          rejections.push(facts);
        },
      },
    }),
    timers: systemTimers,
    log: pino({ level: "silent" }),
    meter: noMeter,
    access: { view: () => ({ mode: "enforce", proofs, policy, limits: undefined }) },
    jwksMaxAgeSeconds: 60,
    keepAliveSeconds: 65,
  });
  await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  listener.server.close();
  listener.server.closeAllConnections();
});

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

async function post(body: string, credential: string | undefined = secret.reveal()): Promise<number> {
  const { port } = listener.server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${String(port)}/tokens`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-request-id": "r-1",
      traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
      ...(credential !== "" && { authorization: `Bearer ${credential}` }),
    },
    body,
  });
  await answer.text();
  return answer.status;
}

const REQUEST = { request_id: "r-1", trace_id: TRACE, address: "127.0.0.1" };

test("a token's entry has who asked for what and got what, through which policy, and never the token (N23)", async () => {
  expect(await post('{"sender":"agent://planner","ttl_seconds":60,"scopes":{"is_observer":false}}')).toBe(
    200,
  );
  expect(mints).toEqual([
    expect.objectContaining({
      ...REQUEST,
      caller: "ci",
      proof: "shared_secret",
      sender: "agent://planner",
      scopes_asked: { is_observer: false },
      ttl_asked: 60,
      policy: policy.hash,
      digest: expect.stringMatching(/^[\w-]{43}$/) as string,
      audience: "macp-runtime",
      exp: (mints[0]?.iat ?? 0) + 60,
    }),
  ]);
  expect(JSON.stringify(mints)).not.toContain("eyJ");
});

test.each<[string, number, string, string | undefined, object]>([
  [
    "without a credential",
    401,
    '{"sender":"agent://planner"}',
    "",
    { reason: "credential_missing", caller: undefined },
  ],
  [
    "with an unknown one",
    401,
    '{"sender":"agent://planner"}',
    generateSecret(random).reveal(),
    { reason: "credential_unknown" },
  ],
  ["with broken JSON", 400, "{", undefined, { reason: "json_invalid", caller: "ci", proof: "shared_secret" }],
  ["without a sender", 400, "{}", undefined, { reason: "sender_required", caller: "ci" }],
  [
    "that the policy does not allow",
    403,
    '{"sender":"someone-else","ttl_seconds":60,"scopes":{"can_start_sessions":true}}',
    undefined,
    {
      reason: "not_allowed",
      caller: "ci",
      sender: "someone-else",
      ttl_asked: 60,
      scopes_asked: { can_start_sessions: true },
      policy: policy.hash,
      decision: expect.any(String) as string,
    },
  ],
])(
  "a request %s has an entry that says who asked, for what, and why it got no token",
  async (_what, status, body, credential, facts) => {
    expect(await post(body, credential)).toBe(status);
    expect(rejections).toEqual([expect.objectContaining({ ...REQUEST, status, ...facts })]);
    expect(mints).toEqual([]);
  },
);

test.each<[Release, number]>([
  ["unavailable", 503],
  ["busy", 503],
  ["stopped", 403],
])("a token whose entry is %s does not leave (R24)", async (became, status) => {
  release = became;
  expect(await post('{"sender":"agent://planner"}')).toBe(status);
  expect(rejections).toHaveLength(1);
});
