import fc from "fast-check";
import { compactVerify, decodeJwt, importJWK, type JWK } from "jose";
import { expect, test } from "vitest";
import { anyone } from "../callers/anyone.ts";
import { Impossible } from "../kernel/assert.ts";
import { after, type EpochSeconds } from "../kernel/clock.ts";
import { requestIds } from "../kernel/ids.ts";
import { LiveKeys } from "../keys/given/live-keys.ts";
import { ringAtBoot } from "../keys/given/plan-file-change.ts";
import type { KeyDirectory, KeyUsage } from "../keys/key-directory.ts";
import { checkedSigner, localSigner } from "../keys/signer.ts";
import type { MintFacts } from "../ledger/entry.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { claimsWith } from "../testing/forged.ts";
import { countingRandom, mintDeps, mintRequest } from "../testing/mint-deps.ts";
import { TestClock } from "../testing/moments.ts";
import { testKey } from "../testing/test-keys.ts";
import { TestTimers } from "../testing/test-timers.ts";
import { type Claims, checkClaims } from "./claims.ts";
import { NO_POLICY } from "./entitlement.ts";
import { type MintOutcome, mint } from "./mint.ts";
import { parseMintRequest } from "./mint-request.ts";
import { TOKEN_BYTES_MAX } from "./token-size.ts";

async function mintFrom(body: object, deps = mintDeps()): Promise<MintOutcome> {
  return mint(deps, anyone(), mintRequest(body), NO_POLICY);
}

function minted(outcome: MintOutcome): Extract<MintOutcome, { kind: "minted" }> {
  if (outcome.kind === "rejected") throw new Error(outcome.refusal.reason);
  return outcome;
}

test("a token carries the sender, one issuer, one audience, whole-second times and an id of 128 bits, signed by the served key", async () => {
  const deps = mintDeps();
  const { token } = minted(
    await mintFrom({ sender: " agent://é😀 ", scopes: { is_observer: true, custom: [1] } }, deps),
  );
  const { keys } = JSON.parse(deps.keys.view().jwks?.body ?? "") as { keys: [JWK] };
  const { payload, protectedHeader } = await compactVerify(token, await importJWK(keys[0]));
  expect(protectedHeader).toEqual({ alg: "ES256", kid: "signing", typ: "JWT" });
  expect(JSON.parse(Buffer.from(payload).toString())).toEqual({
    macp_scopes: { is_observer: true, custom: [1] },
    sub: " agent://é😀 ",
    iss: "macp-auth-service",
    aud: "macp-runtime",
    iat: deps.clock.now(),
    exp: deps.clock.now() + 300,
    jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) as string,
  });
});

test("minting asks for the evidence of a caller, which only a proof makes", () => {
  const call = () => {
    // @ts-expect-error: without a caller
    void mint(mintDeps(), mintRequest({ sender: "a" }), NO_POLICY);
    // @ts-expect-error: with one that nothing proved
    void mint(mintDeps(), { kind: "anyone" }, mintRequest({ sender: "a" }), NO_POLICY);
    const named = {
      kind: "declared",
      id: "ci",
      proof: "shared_secret",
      claims: {},
      role: undefined,
    } as const;
    // @ts-expect-error: with the facts of one
    void mint(mintDeps(), named, mintRequest({ sender: "a" }), NO_POLICY);
  };
  expect(call).toBeTypeOf("function");
});

test.each([
  [undefined, 300],
  [null, 300],
  [60, 60],
  [3600, 3600],
  [9999, 3600],
  [1e308, 3600],
  [59.5, 59],
  [1.5, 1],
  [0.4, 1],
  [1e-7, 1],
])("a requested TTL of %s seconds is granted as %s", async (requested, granted) => {
  const { claims } = minted(await mintFrom({ sender: "a", ttl_seconds: requested }));
  expect(claims.exp - claims.iat).toBe(granted);
});

test("a token that could not reach the runtime is rejected with its size, and one byte less is minted", async () => {
  const sizeFor = async (length: number): Promise<MintOutcome> => mintFrom({ sender: "a".repeat(length) });
  let length = 8_000;
  while ((await sizeFor(length)).kind === "minted") length += 1;
  const { token } = minted(await sizeFor(length - 1));
  expect(token.length).toBeLessThanOrEqual(TOKEN_BYTES_MAX);
  const outcome = await sizeFor(length);
  expect(outcome).toMatchObject({ refusal: { reason: "token_too_large", bytesMax: TOKEN_BYTES_MAX } });
});

test.each(["1", "1e1", "1e400", "12345678901234567890", '"\\u00e9"'])(
  "scopes that fit into no token are rejected for their size, whatever they hold: 10,000 times %s",
  async (value) => {
    const text = `{"sender":"a","y":1e1,"scopes":{"x":[${Array.from({ length: 10_000 }, () => value).join(",")}]}}`;
    const parsed = parseMintRequest(JSON.parse(text), text, "ignored");
    if (parsed.kind === "invalid") throw new Error(parsed.invalid.reason);
    const least = JSON.stringify(parsed.request.scopes).length;
    const outcome = await mint(mintDeps(), anyone(), parsed.request, NO_POLICY);
    expect(outcome).toMatchObject({ refusal: { reason: "token_too_large", bytesMax: TOKEN_BYTES_MAX } });
    const { bytes } = (outcome as { refusal: { bytes: number } }).refusal;
    expect(bytes).toBeGreaterThan(least);
  },
);

test("without a key that may sign no token is made", async () => {
  expect(
    await mintFrom({ sender: "a" }, mintDeps({ keys: new LiveKeys([], new Map(), new TestClock()) })),
  ).toEqual({
    kind: "rejected",
    refusal: { reason: "no_signing_key" },
  });
});

test("a signer whose key is not the served one is found at its first signature, before a token leaves", async () => {
  const [served, other] = [testKey("served"), testKey("other")];
  if (other.privateKey === undefined) throw new Error("no private key");
  const clock = new TestClock();
  const keys = new LiveKeys(
    ringAtBoot([served], clock.now()),
    new Map([[served.kid, checkedSigner(localSigner("ES256", other.privateKey), served.publicKey)]]),
    clock,
  );
  await expect(mintFrom({ sender: "a" }, mintDeps({ clock, keys }))).rejects.toThrow(Impossible);
});

test("claims that break a promise are never signed, whatever code built them", () => {
  const { rules } = mintDeps();
  const valid: Record<keyof Claims, unknown> = {
    macp_scopes: {},
    sub: "a",
    iss: rules.issuer,
    aud: rules.audience,
    iat: 1_000,
    exp: 1_300,
    jti: "A".repeat(22),
    status: undefined,
  };
  const broken: Partial<Record<keyof Claims, unknown>>[] = [
    { exp: 1_000 },
    { exp: 999 },
    { exp: 1_000 + 3_601 },
    { exp: Number.NaN },
    { iat: 1_000.5 },
    { sub: " " },
    { iss: "other" },
    { aud: "other" },
    { jti: "short" },
    { status: { status_list: { idx: -1, uri: "https://a/statuslists/0" } } },
  ];
  expect(() => checkClaims(claimsWith(valid), rules)).not.toThrow();
  for (const change of broken)
    expect(() => checkClaims(claimsWith({ ...valid, ...change }), rules), JSON.stringify(change)).toThrow(
      Impossible,
    );
});

test("any scopes reach the token with the meaning that they had in the request, whatever their names", async () => {
  const deps = mintDeps();
  const names = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("__proto__", "constructor", "toJSON", "hasOwnProperty"),
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 }), async (scopes) => {
      const text = JSON.stringify({ sender: "a", scopes });
      const parsed = parseMintRequest(JSON.parse(text), text, "ignored");
      if (parsed.kind === "invalid") return;
      const { token } = minted(await mint(deps, anyone(), parsed.request, NO_POLICY));
      const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
      expect(payload).toContain(JSON.stringify((JSON.parse(text) as { scopes: object }).scopes));
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
      expect(decodeJwt(token).sub).toBe("a");
    }),
    { numRuns: 300 },
  );
});

test("a sender that is not blank comes back byte for byte", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 200 }), async (sender) => {
      fc.pre(sender.trim() !== "" && sender.isWellFormed());
      expect(minted(await mintFrom({ sender })).claims.sub as string).toBe(sender);
    }),
    { numRuns: 300 },
  );
});

/** A directory of one key that records its calls, in their order. */
function watched(notAfterSeconds: number) {
  const deps = mintDeps();
  const now = deps.clock.now();
  const { signing } = deps.keys.view();
  if (signing === undefined) throw new Error("nothing signs");
  const seen: string[] = [];
  const sign = (input: Buffer): Promise<Buffer> => {
    seen.push("signed");
    return signing.signer.sign(input);
  };
  const keys: KeyDirectory = {
    view: () => ({
      signing: { ...signing, signer: { ...signing.signer, sign }, notAfter: after(now, notAfterSeconds) },
      jwks: undefined,
    }),
  };
  const usage: KeyUsage = {
    noteSigned: (kid, exp) => seen.push(`noted ${kid} to ${String(exp - now)}`),
    noteFetch: () => undefined,
  };
  return { deps: { ...deps, keys, usage }, seen };
}

test("a signature is reported before it is made, so that rotation waits for every token that exists", async () => {
  const { deps, seen } = watched(10_000);
  minted(await mintFrom({ sender: "a", ttl_seconds: 600 }, deps));
  expect(seen).toEqual(["noted signing to 600", "signed"]);
});

test.each([
  [1, { kind: "minted" }],
  [0, { kind: "rejected", refusal: { reason: "no_signing_key" } }],
  [-1, { kind: "rejected", refusal: { reason: "no_signing_key" } }],
])("a key whose end is %i s away has the outcome %j", async (seconds, outcome) => {
  const { deps, seen } = watched(seconds);
  expect(await mintFrom({ sender: "a" }, deps)).toMatchObject(outcome);
  expect(seen).toEqual(seconds > 0 ? ["noted signing to 1", "signed"] : []);
});

test("the claims are checked before each signature: with an id that is too short nothing is signed", async () => {
  const { deps, seen } = watched(10_000);
  const random = { bytes: () => Buffer.alloc(15) };
  await expect(mintFrom({ sender: "a" }, { ...deps, random })).rejects.toThrow(Impossible);
  expect(seen).toEqual([]);
});

/** A ledger in which this sender was revoked until a second, and which notes what it records. */
function ledgerAfterRevocation(cutOff: EpochSeconds): { ledger: Ledger; recorded: MintFacts[] } {
  const recorded: MintFacts[] = [];
  return {
    recorded,
    ledger: {
      revocations: {
        epoch: 1,
        catchUp: () => Promise.resolve(),
        freshness: () => ({ ageMs: 0, isFresh: true }),
        isStopped: ({ iat }) => iat <= cutOff,
        firstFreeSecond: () => after(cutOff, 1),
      },
      recordMint: (facts) => {
        recorded.push(facts);
        return Promise.resolve(facts.iat <= cutOff ? "stopped" : "released");
      },
      recordRejection: () => undefined,
    },
  };
}

const CONTEXT = { request: { request_id: requestIds(countingRandom())() }, policy: undefined };

test("a token for a sender that was revoked in this second waits for the next one, and is valid", async () => {
  const [clock, timers] = [new TestClock(), new TestTimers()];
  const { ledger, recorded } = ledgerAfterRevocation(clock.now());
  const deps = mintDeps({ clock, timers, ledger });
  const minting = mint(deps, anyone(), mintRequest({ sender: "a" }), NO_POLICY, undefined, CONTEXT);
  await timers.move(999);
  expect(recorded).toEqual([]);
  clock.move(1);
  await timers.move(1);
  expect(minted(await minting).claims.iat).toBe(clock.now());
});

test("a token waits two seconds at most, then the caller is asked to come again", async () => {
  const clock = new TestClock();
  const { ledger, recorded } = ledgerAfterRevocation(after(clock.now(), 2));
  const deps = mintDeps({ clock, ledger });
  const outcome = await mint(deps, anyone(), mintRequest({ sender: "a" }), NO_POLICY, undefined, CONTEXT);
  expect(outcome).toEqual({ kind: "rejected", refusal: { reason: "revoked_lately" } });
  expect(recorded).toEqual([]);
});
