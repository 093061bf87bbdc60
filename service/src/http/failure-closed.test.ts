import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { AuthenticateDeps } from "../callers/authenticate.ts";
import type { CallerEntry } from "../callers/declared/registry.ts";
import { hashSecret } from "../callers/secrets/secret-hash.ts";
import { generateSecret } from "../callers/secrets/secret-text.ts";
import { systemRandom } from "../kernel/random.ts";
import { systemTimers } from "../kernel/timers.ts";
import type { CompiledPolicy } from "../policy/compile-policy.ts";
import {
  authenticateDeps,
  CLUSTER_ISSUER,
  callerEntry,
  type ForeignSigner,
  foreignSigner,
  foreignToken,
  issuerEntry,
  OWN_ISSUER,
} from "../testing/callers.ts";
import { mintDeps } from "../testing/mint-deps.ts";
import { compiledPolicy, ids, testGrant } from "../testing/policies.ts";
import type { MintDeps } from "../tokens/mint.ts";
import type { Access } from "./access.ts";
import type { Listener } from "./listener.ts";
import { proveOperator, VIEWERS } from "./operator.ts";
import { publicServer } from "./public-server.ts";

// A part that fails while a request is looked at: there is no token, whichever part it is.

const NOW = 1_800_000_000;
const random = systemRandom();
const secret = generateSecret(random);
let signer: ForeignSigner;
beforeAll(async () => {
  signer = await foreignSigner();
});

type Proof = "a shared secret" | "a workload JWT" | "private_key_jwt";
const CREDENTIALS: Readonly<Record<Proof, () => Promise<string>>> = {
  "a shared secret": () => Promise.resolve(secret.reveal()),
  "a workload JWT": () =>
    foreignToken(signer, { iss: CLUSTER_ISSUER, sub: "job", aud: OWN_ISSUER, iat: NOW, exp: NOW + 600 }),
  private_key_jwt: () =>
    foreignToken(signer, { iss: "by-key", sub: "by-key", aud: OWN_ISSUER, jti: "a", exp: NOW + 60 }),
};

function rightProofs(members: Partial<CallerEntry> = {}): AuthenticateDeps {
  const review = { reach: "private", url: CLUSTER_ISSUER, caPem: undefined, tokenFile: "t" } as const;
  const deps = authenticateDeps({
    issuers: [issuerEntry("cluster", { issuer: CLUSTER_ISSUER, tokenReview: review })],
    callers: [
      callerEntry("by-secret", { secrets: [hashSecret(random, secret)], ...members }),
      callerEntry("by-token", { workloads: [{ issuer: "cluster", subject: "job", claims: {} }] }),
      callerEntry("by-key", { assertionKeys: [signer.key] }),
    ],
    tokenReviewer: {
      review: () => Promise.resolve({ kind: "authenticated", username: "job", audiences: [OWN_ISSUER] }),
    },
  });
  deps.issuerKeys.keys.set("cluster", [signer.key]);
  return deps;
}

const broken = (): never => {
  throw new Error("a part is broken");
};
/** Whatever is read of it throws. */
const brokenCopy = <T extends object>(of: T): T => new Proxy(of, { get: broken, has: broken });

let listener: Listener | undefined;
afterEach(() => {
  listener?.server.close();
  listener?.server.closeAllConnections();
});

/** The answer to a mint over a listener with these parts, and what was counted. */
async function minted(
  credential: string,
  { access, deps = {} }: { access: Access; deps?: Partial<MintDeps> },
): Promise<{ readonly status: number; readonly text: string; readonly counted: readonly string[] }> {
  const counted: string[] = [];
  listener = publicServer({
    ...mintDeps(deps),
    timers: systemTimers,
    log: pino({ level: "silent" }),
    meter: {
      minted: () => counted.push("minted"),
      rejected: () => counted.push("rejected"),
      jwksServed: () => undefined,
      callerRejected: () => counted.push("caller rejected"),
      wouldReject: () => counted.push("would reject"),
      limitObserved: () => undefined,
      connectionLimited: () => undefined,
      introspected: () => undefined,
      revocationAsked: () => undefined,
      oauthRejected: () => undefined,
      guardFed: () => undefined,
    },
    access,
    jwksMaxAgeSeconds: 60,
    keepAliveSeconds: 65,
  });
  const { server } = listener;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${String(port)}/tokens`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${credential}`,
      "content-type": "application/json",
      // Its own, so that random bytes are needed for the id of a token only.
      "x-request-id": "one-of-the-client",
    },
    body: '{"sender":"agent://planner"}',
  });
  return { status: answer.status, text: await answer.text(), counted };
}

const callers = ids("by-secret", "by-token", "by-key");
const policy = (): CompiledPolicy => compiledPolicy({ grants: [testGrant({ callers })] });
const enforcing = (proofs: AuthenticateDeps, own: CompiledPolicy = policy()): Access => ({
  view: () => ({ mode: "enforce", proofs, policy: own, limits: undefined }),
});
const ALL: readonly Proof[] = ["a shared secret", "a workload JWT", "private_key_jwt"];

test.each(ALL)("while nothing fails, %s has a token minted", async (proof) => {
  const answer = await minted(await CREDENTIALS[proof](), { access: enforcing(rightProofs()) });
  expect([answer.status, answer.counted]).toEqual([200, ["minted"]]);
});

describe("no token is minted when there fails", () => {
  test.each<[string, readonly Proof[], () => { access: Access; deps?: Partial<MintDeps> }]>([
    ["the view of what is in force", ALL, () => ({ access: { view: broken } })],
    [
      "the list of callers",
      ALL,
      () => ({ access: enforcing({ ...rightProofs(), directory: brokenCopy(rightProofs().directory) }) }),
    ],
    [
      "the clock of the proofs",
      ALL,
      () => ({ access: enforcing({ ...rightProofs(), clock: { now: broken, nowMs: broken } }) }),
    ],
    [
      "the fetching of keys",
      ["a workload JWT"],
      () => ({
        access: enforcing({
          ...rightProofs(),
          issuerKeys: { find: () => Promise.reject(new Error("down")), generationOf: () => 1 },
        }),
      }),
    ],
    [
      "the question to the cluster",
      ["a workload JWT"],
      () => ({
        access: enforcing({
          ...rightProofs(),
          tokenReviewer: { review: () => Promise.reject(new Error("down")) },
        }),
      }),
    ],
    [
      "the store of used assertions",
      ["private_key_jwt"],
      () => ({
        access: enforcing({
          ...rightProofs(),
          usedAssertions: { insert: () => Promise.reject(new Error("down")) },
        }),
      }),
    ],
    ["the policy", ALL, () => ({ access: enforcing(rightProofs(), brokenCopy(policy())) })],
    [
      "a rule of the policy",
      ALL,
      () => {
        const own = policy();
        const grantsByCaller = new Map(
          [...own.grantsByCaller].map(([id, grants]) => [id, grants.map(brokenCopy)] as const),
        );
        return { access: enforcing(rightProofs(), { ...own, grantsByCaller }) };
      },
    ],
    [
      "the source of token ids",
      ALL,
      () => ({ access: enforcing(rightProofs()), deps: { random: { bytes: broken } } }),
    ],
    ["the keys", ALL, () => ({ access: enforcing(rightProofs()), deps: { keys: { view: broken } } })],
    [
      "the signature",
      ALL,
      () => {
        const { keys } = mintDeps();
        const { signing } = keys.view();
        if (signing === undefined) throw new Error("nothing signs");
        const sign = () => Promise.reject(new Error("no signature"));
        const view = () => ({
          signing: { ...signing, signer: { ...signing.signer, sign } },
          jwks: undefined,
        });
        return { access: enforcing(rightProofs()), deps: { keys: { view } } };
      },
    ],
  ])("%s", async (_part, proofs, parts) => {
    for (const proof of proofs) {
      const { status, text, counted } = await minted(await CREDENTIALS[proof](), parts());
      expect([proof, status, counted]).toEqual([proof, 500, []]);
      expect(text).not.toContain("token");
      expect(text).not.toContain("broken");
    }
  });
});

test("a check of an operator that fails is no proof of one, for the admin listener as for the public one", async () => {
  const presented = {
    rawHeaders: ["authorization", `Bearer ${secret.reveal()}`],
    headers: { host: "localhost" },
    socket: { remoteAddress: "127.0.0.1" },
  };
  const deps = rightProofs({ role: "viewer" });
  expect(await proveOperator(deps, VIEWERS, presented)).toMatchObject({ kind: "operator" });
  for (const part of [{ clock: { now: broken, nowMs: broken } }, { directory: brokenCopy(deps.directory) }])
    await expect(proveOperator({ ...deps, ...part }, VIEWERS, presented)).rejects.toThrow("broken");
});
