import { createHmac, createPublicKey } from "node:crypto";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { anyone } from "../callers/anyone.ts";
import { parseJti } from "../kernel/ids.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import { LiveKeys } from "../keys/given/live-keys.ts";
import { ringAtBoot } from "../keys/given/plan-file-change.ts";
import { signersFor } from "../keys/given/signers-for.ts";
import type { ImportedKey } from "../keys/import/import-key.ts";
import type { KeyView } from "../keys/key-view.ts";
import { localSigner } from "../keys/signer.ts";
import type { TokenFacts } from "../ledger/ledger.ts";
import { mintDeps, mintRequest } from "../testing/mint-deps.ts";
import { TestClock } from "../testing/moments.ts";
import { testKey } from "../testing/test-keys.ts";
import { NO_POLICY } from "./entitlement.ts";
import { mint } from "./mint.ts";
import { ownKeysOf } from "./own-keys.ts";
import { TOKEN_BYTES_MAX } from "./token-size.ts";
import { type VerifyDeps, verify } from "./verify.ts";

const JTI = "AAAAAAAAAAAAAAAAAAAAAA";
const encoded = (part: string | object): string =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

/** What each test verifies with: two served keys, and a clock, a fence and a set of stopped tokens that it may change. */
interface World {
  readonly deps: VerifyDeps;
  readonly clock: TestClock;
  readonly stopped: Set<string>;
  readonly asked: TokenFacts[];
  isFresh: boolean;
  view: KeyView;
}

const es = testKey("es");
const rs = testKey("rs", "RS256");

function newWorld(keys: readonly ImportedKey[] = [es, rs]): World {
  const clock = new TestClock();
  const directory = new LiveKeys(ringAtBoot(keys, clock.now()), signersFor(keys), clock);
  const world: World = {
    clock,
    stopped: new Set(),
    asked: [],
    isFresh: true,
    view: directory.view(),
    deps: {
      clock,
      issuer: "macp-auth-service",
      ownKeys: ownKeysOf({ view: () => world.view }),
      revocations: {
        isStopped(token) {
          world.asked.push(token);
          return world.stopped.has(token.jti);
        },
        freshness: () => ({ ageMs: 0, isFresh: world.isFresh }),
      },
    },
  };
  return world;
}

let world: World;
beforeEach(() => {
  world = newWorld();
});

const claims = (): Record<string, unknown> => ({
  macp_scopes: {},
  sub: "agent://a",
  iss: "macp-auth-service",
  aud: "macp-runtime",
  iat: world.clock.now(),
  exp: world.clock.now() + 300,
  jti: JTI,
});

const header = ({ alg, kid }: ImportedKey): object => ({ alg, kid, typ: "JWT" });

async function signedWith(key: ImportedKey, input: string): Promise<string> {
  if (key.privateKey === undefined) throw new Error("a test key signs");
  const signature = await localSigner(key.alg, key.privateKey).sign(Buffer.from(input, "latin1"));
  return `${input}.${signature.toString("base64url")}`;
}

/** A token that the key signed, whatever is in it. */
function token(payload: string | object, key = es, head: string | object = header(key)): Promise<string> {
  return signedWith(key, `${encoded(head)}.${encoded(payload)}`);
}

async function outcomeOf(text: string): Promise<string> {
  const outcome = await verify(world.deps, text);
  return outcome.kind === "live" ? "live" : outcome.reason;
}

describe("a token that this service minted", () => {
  test.each<[string, Algorithm]>([
    ["ES256", "ES256"],
    ["RS256", "RS256"],
  ])("is live, with its own claims and the key that signed it: %s", async (_, alg) => {
    const key = testKey("only", alg);
    world = newWorld([key]);
    const { deps, clock } = world;
    const keys = new LiveKeys(ringAtBoot([key], clock.now()), signersFor([key]), clock);
    const outcome = await mint(
      mintDeps({ clock, keys }),
      anyone(),
      mintRequest({ sender: " agent://é😀 ", scopes: { is_observer: true, own: [1] } }),
      NO_POLICY,
    );
    if (outcome.kind === "rejected") throw new Error(outcome.refusal.reason);
    expect(await verify(deps, outcome.token)).toEqual({
      kind: "live",
      token: { claims: outcome.claims, kid: "only" },
    });
  });

  test("is live to the second before its exp, and not at it", async () => {
    const text = await token(claims());
    world.clock.move(299);
    expect(await outcomeOf(text)).toBe("live");
    world.clock.move(1);
    expect(await outcomeOf(text)).toBe("expired");
  });

  test("is not live once its key is no longer served", async () => {
    const text = await token(claims());
    expect(await outcomeOf(text)).toBe("live");
    const [keys, { clock }] = [[rs], world];
    world.view = new LiveKeys(ringAtBoot(keys, clock.now()), signersFor(keys), clock).view();
    expect(await outcomeOf(text)).toBe("header_unknown");
  });

  test("is not live once it is stopped, by what its own claims say of it", async () => {
    const text = await token(claims());
    world.stopped.add(JTI);
    expect(await outcomeOf(text)).toBe("revoked");
    const { iat, sub } = claims();
    expect(world.asked).toEqual([{ jti: parseJti(JTI), sub, iat, kid: "es" }]);
  });

  test("is for any audience: the audience is compared by the code that asks", async () => {
    expect(await outcomeOf(await token({ ...claims(), aud: "another-runtime" }))).toBe("live");
  });
});

describe("whether a token is live is not known", () => {
  test("while the revocations of this replica are older than their bound; what is stopped already remains so", async () => {
    const text = await token(claims());
    world.isFresh = false;
    expect(await verify(world.deps, text)).toEqual({ kind: "unavailable", reason: "revocations_stale" });
    world.stopped.add(JTI);
    expect(await outcomeOf(text)).toBe("revoked");
  });

  test("while no key is served", async () => {
    const text = await token(claims());
    world.view = { signing: undefined, jwks: undefined };
    expect(await verify(world.deps, text)).toEqual({ kind: "unavailable", reason: "no_keys" });
  });

  test("and a view that grows stale while the signature is checked does not count", async () => {
    const outcome = verify(world.deps, await token(claims()));
    world.isFresh = false;
    expect(await outcome).toEqual({ kind: "unavailable", reason: "revocations_stale" });
  });
});

describe("a text in another form is no token", () => {
  const parts = async (): Promise<[string, string, string]> =>
    (await token(claims())).split(".") as [string, string, string];

  test.each<[string, (head: string, body: string, signature: string) => string]>([
    ["nothing", () => ""],
    ["one part", (head) => head],
    ["two parts", (head, body) => `${head}.${body}`],
    ["an empty signature", (head, body) => `${head}.${body}.`],
    ["an empty payload", (head, _, signature) => `${head}..${signature}`],
    ["the five parts of a JWE", (head, body, signature) => `${head}.${body}.${signature}.AA.AA`],
    ["a signature more", (head, body, signature) => `${head}.${body}.${signature}.${signature}`],
    ["padding", (head, body, signature) => `${head}.${body}.${signature}==`],
    ["characters of base64", (head, body, signature) => `${head}.${body}.+/${signature.slice(2)}`],
    ["a line break at its end", (head, body, signature) => `${head}.${body}.${signature}\n`],
    ["a line break in it", (head, body, signature) => `${head}.${body}\n.${signature}`],
    [
      "the JSON form",
      (head, body, signature) => JSON.stringify({ payload: body, protected: head, signature }),
    ],
  ])("%s", async (_, write) => {
    expect(await outcomeOf(write(...(await parts())))).toBe("not_compact");
  });

  test("another spelling of the same signature", async () => {
    // Of the last of 86 characters only two bits count.
    const [head, body, signature] = await parts();
    const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = ALPHABET.indexOf(signature.at(-1) ?? "");
    const respelled = `${signature.slice(0, -1)}${ALPHABET[last + 1] ?? ""}`;
    expect(Buffer.from(respelled, "base64url")).toEqual(Buffer.from(signature, "base64url"));
    expect(await outcomeOf(`${head}.${body}.${respelled}`)).toBe("not_compact");
  });

  test("more than a token may hold, before anything of it is read", async () => {
    expect(await outcomeOf("x".repeat(TOKEN_BYTES_MAX + 1))).toBe("too_large");
    expect(await outcomeOf(await token({ ...claims(), aud: "x".repeat(TOKEN_BYTES_MAX) }))).toBe("too_large");
  });
});

describe("a token whose header is not exactly ours is none, though our key signed it", () => {
  const ours = header(es);
  test.each<[string, string | object]>([
    ["no algorithm", { ...ours, alg: undefined }],
    ["the algorithm none", { ...ours, alg: "none" }],
    ["none in other letters", { ...ours, alg: "nOnE" }],
    ["an HMAC", { ...ours, alg: "HS256" }],
    ["the algorithm of another key", { ...ours, alg: "RS256" }],
    ["another algorithm of its key's type", { ...ours, alg: "ES384" }],
    ["its algorithm in other letters", { ...ours, alg: "es256" }],
    ["no kid", { ...ours, kid: undefined }],
    ["the kid of another key", { ...ours, kid: "rs" }],
    ["an unknown kid", { ...ours, kid: "../es" }],
    ["a kid that is no text", { ...ours, kid: ["es"] }],
    ["no type", { ...ours, typ: undefined }],
    ["the type of an access token", { ...ours, typ: "at+jwt" }],
    ["the type of a status list", { ...ours, typ: "statuslist+jwt" }],
    ["the type of an introspection answer", { ...ours, typ: "token-introspection+jwt" }],
    ["the type of a client assertion", { ...ours, typ: "client-authentication+jwt" }],
    ["its type in other letters", { ...ours, typ: "jwt" }],
    ["a critical extension", { ...ours, crit: ["exp"] }],
    ["b64", { ...ours, b64: true }],
    ["compression", { ...ours, zip: "DEF" }],
    ["a key of its own", { ...ours, jwk: es.publicJwk }],
    ["the address of a key", { ...ours, jku: "http://127.0.0.1/keys" }],
    ["a certificate", { ...ours, x5c: ["MIIB"] }],
    ["a member twice", '{"alg":"none","alg":"ES256","kid":"es","typ":"JWT"}'],
    ["its members in another order", { typ: "JWT", ...ours }],
    ["spaces", '{"alg": "ES256","kid":"es","typ":"JWT"}'],
    ["no JSON", "es"],
    ["a list", [ours]],
  ])("%s", async (_, head) => {
    expect(await outcomeOf(await token(claims(), es, head))).toBe("header_unknown");
  });
});

describe("a token that a served key did not sign is none", () => {
  test("with the key of another service under our kid", async () => {
    expect(await outcomeOf(await token(claims(), testKey("es")))).toBe("signature_invalid");
  });

  test("with any part of another token", async () => {
    const [one, other] = [await token(claims()), await token({ ...claims(), sub: "agent://root" })];
    const [[head, , signature], [, body]] = [one.split("."), other.split(".")];
    expect(await outcomeOf([head, body, signature].join("."))).toBe("signature_invalid");
  });

  test("with an HMAC made of a public key, or a DER signature, or zeros", async () => {
    const input = `${encoded(header(rs))}.${encoded(claims())}`;
    const pem = createPublicKey({ key: rs.publicJwk, format: "jwk" }).export({ type: "spki", format: "pem" });
    const hmac = createHmac("sha256", pem).update(input).digest("base64url");
    expect(await outcomeOf(`${input}.${hmac}`)).toBe("signature_invalid");
    const ofEs = `${encoded(header(es))}.${encoded(claims())}`;
    for (const bytes of [
      Buffer.alloc(64),
      Buffer.alloc(63),
      Buffer.alloc(65),
      Buffer.from("3006020101020101", "hex"),
    ])
      expect(await outcomeOf(`${ofEs}.${bytes.toString("base64url")}`)).toBe("signature_invalid");
  });

  test("with any bit of it changed, and it never throws", async () => {
    const text = await token(claims());
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.integer({ min: 1, max: 127 }), async (at, flip) => {
        const changed = `${text.slice(0, at)}${String.fromCharCode(text.charCodeAt(at) ^ flip)}${text.slice(at + 1)}`;
        expect((await verify(world.deps, changed)).kind).toBe("not_live");
      }),
      { numRuns: 300 },
    );
  });

  test("nor is any other text", async () => {
    const like = fc.stringMatching(/^[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,90}$/);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), like), async (text) => {
        expect((await verify(world.deps, text)).kind).toBe("not_live");
      }),
    );
  });
});

describe("a token with claims that are not exactly ours is none, though our key signed it", () => {
  test.each<[string, (all: Record<string, unknown>) => string | object]>([
    ...["macp_scopes", "sub", "iss", "aud", "iat", "exp", "jti"].map(
      (name): [string, (all: Record<string, unknown>) => object] => [
        `no ${name}`,
        (all) => ({ ...all, [name]: undefined }),
      ],
    ),
    ["an actor", (all) => ({ ...all, act: { sub: "agent://b" } })],
    ["who may act", (all) => ({ ...all, may_act: { sub: "agent://b" } })],
    ["a confirmation key", (all) => ({ ...all, cnf: { jkt: "x" } })],
    ["a moment from which it is valid", (all) => ({ ...all, nbf: 1 })],
    ["a client", (all) => ({ ...all, client_id: "ci" })],
    ["the answer of an introspection in it", (all) => ({ ...all, token_introspection: { active: true } })],
    ["a status list in it", (all) => ({ ...all, status_list: { bits: 1, lst: "" } })],
    ["several audiences", (all) => ({ ...all, aud: ["macp-runtime"] })],
    ["a blank sender", (all) => ({ ...all, sub: " " })],
    [
      "a sender of half a surrogate pair",
      (all) => JSON.stringify({ ...all, sub: "X" }).replace("X", "\\ud800"),
    ],
    ["an end that is text", (all) => ({ ...all, exp: "9999999999" })],
    ["an end that is no whole number", (all) => ({ ...all, exp: 1e10 + 0.5 })],
    [
      "an end beyond all numbers",
      (all) => JSON.stringify({ ...all, exp: 0 }).replace('"exp":0', '"exp":1e400'),
    ],
    ["a beginning before 1970", (all) => ({ ...all, iat: -1 })],
    ["an id of another length", (all) => ({ ...all, jti: "A" })],
    ["an id of other characters", (all) => ({ ...all, jti: `${"A".repeat(21)}=` })],
    ["scopes that are a list", (all) => ({ ...all, macp_scopes: [] })],
    ["scopes that are null", (all) => ({ ...all, macp_scopes: null })],
    ["a claim twice", (all) => JSON.stringify(all).replace("{", '{"sub":"agent://root",')],
    ["a list", (all) => [all]],
    ["no JSON", () => "x"],
    ["a byte order mark", (all) => `\ufeff${JSON.stringify(all)}`],
  ])("%s", async (_, payloadOf) => {
    expect(await outcomeOf(await token(payloadOf(claims())))).toBe("claims_unknown");
  });

  test("bytes that are not UTF-8", async () => {
    const bytes = Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    const input = `${encoded(header(es))}.${bytes.toString("base64url")}`;
    expect(await outcomeOf(await signedWith(es, input))).toBe("claims_unknown");
  });

  test("another issuer, compared byte for byte", async () => {
    for (const iss of ["macp-auth-service/", "MACP-auth-service", ""])
      expect(await outcomeOf(await token({ ...claims(), iss }))).toBe("issuer_other");
  });
});
