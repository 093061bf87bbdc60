import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { anyone } from "../callers/anyone.ts";
import { LiveKeys } from "../keys/given/live-keys.ts";
import { ringAtBoot } from "../keys/given/plan-file-change.ts";
import { signersFor } from "../keys/given/signers-for.ts";
import { mintDeps, mintRequest } from "../testing/mint-deps.ts";
import { TestClock } from "../testing/moments.ts";
import { testKey } from "../testing/test-keys.ts";
import { NO_POLICY } from "../tokens/entitlement.ts";
import { mint } from "../tokens/mint.ts";
import { type OwnKeys, ownKeysOf } from "../tokens/own-keys.ts";
import { type Verified, type VerifyDeps, verify } from "../tokens/verify.ts";
import { type Room, rememberedVerify } from "./remembered.ts";

/** Two keys, and what each test may change: the time, which keys are served, what is stopped, and whether that is known. */
const [one, other] = [testKey("one"), testKey("other")];
const directoryOf = (...keys: (typeof one)[]): LiveKeys =>
  new LiveKeys(ringAtBoot(keys, clock.now()), signersFor(keys), clock);

let clock: TestClock;
let served: OwnKeys | undefined;
let looks: number;
let stopped: Set<string>;
let isFresh: boolean;
let deps: VerifyDeps;

beforeEach(() => {
  clock = new TestClock();
  served = ownKeysOf(directoryOf(one, other))();
  stopped = new Set();
  isFresh = true;
  deps = {
    clock,
    issuer: "macp-auth-service",
    ownKeys: () => counting(served),
    revocations: {
      isStopped: ({ jti }) => stopped.has(jti),
      freshness: () => ({ ageMs: 0, isFresh }),
    },
  };
  looks = 0;
});

/** The same keys, whose uses for a signature are counted. */
function counting(keys: OwnKeys | undefined): OwnKeys | undefined {
  if (keys !== undefined && !Object.hasOwn(keys, "get"))
    Object.defineProperty(keys, "get", {
      value: (header: string) => {
        looks += 1;
        return Map.prototype.get.call(keys, header) as ReturnType<OwnKeys["get"]>;
      },
    });
  return keys;
}

async function minted(key = one, body: object = {}): Promise<string> {
  const made = await mint(
    mintDeps({ clock, keys: directoryOf(key) }),
    anyone(),
    mintRequest({ sender: "a", ...body }),
    NO_POLICY,
  );
  if (made.kind !== "minted") throw new Error(made.kind);
  return made.token;
}

const outcomeOf = (verified: Verified): string => ("reason" in verified ? verified.reason : verified.kind);
const remembering = (room?: Room) => {
  const remembered = rememberedVerify(deps, room);
  return async (text: string) => outcomeOf(await remembered(text));
};

test("verifies the signature of a token once", async () => {
  const ask = remembering();
  const token = await minted();
  expect([await ask(token), await ask(token), await ask(token), looks]).toEqual(["live", "live", "live", 1]);
});

test("sees on every call that a remembered token was revoked, and when it no longer is", async () => {
  const ask = remembering();
  const token = await minted();
  await ask(token);
  const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
    jti: string;
  };
  stopped.add(jti);
  expect(await ask(token)).toBe("revoked");
  stopped.clear();
  expect(await ask(token)).toBe("live");
});

test("calls no remembered token live while it does not know what was revoked", async () => {
  const ask = remembering();
  const token = await minted();
  await ask(token);
  isFresh = false;
  expect(await ask(token)).toBe("revocations_stale");
});

test("ends a remembered token at the second of its exp", async () => {
  const ask = remembering();
  const token = await minted(one, { ttl_seconds: 60 });
  await ask(token);
  clock.move(59);
  expect(await ask(token)).toBe("live");
  clock.move(1);
  expect([await ask(token), await ask(token)]).toEqual(["expired", "expired"]);
});

test("ends a remembered token with its key, and knows nothing while no key is served", async () => {
  const ask = remembering();
  const token = await minted();
  await ask(token);
  served = ownKeysOf(directoryOf(other))();
  expect(await ask(token)).toBe("header_unknown");
  served = undefined;
  expect(await ask(token)).toBe("no_keys");
});

test("remembers nothing of a text that is no token of ours", async () => {
  const ask = remembering();
  const token = await minted();
  const forged = `${token.slice(0, -4)}AAAA`;
  expect([await ask(forged), await ask(forged), await ask(token), await ask(forged)]).toEqual([
    "signature_invalid",
    "signature_invalid",
    "live",
    "signature_invalid",
  ]);
});

test("remembers at most as many tokens as there is room for, and forgets the one that was not used for longest", async () => {
  const ask = remembering({ tokensMax: 2, charsMax: 1_000_000 });
  const [a, b, c] = [await minted(), await minted(one, { sender: "b" }), await minted(one, { sender: "c" })];
  for (const token of [a, b, a, c]) await ask(token);
  looks = 0;
  await ask(a);
  await ask(c);
  expect(looks).toBe(0);
  await ask(b);
  expect(looks).toBe(1);
});

test("remembers at most as much text as there is room for", async () => {
  const token = await minted();
  const ask = remembering({ tokensMax: 100, charsMax: token.length - 1 });
  await ask(token);
  await ask(token);
  expect(looks).toBe(2);
});

test("answers as if it remembered nothing, whatever happens in whatever order", async () => {
  const tokens = [
    await minted(one, { ttl_seconds: 5 }),
    await minted(other, { sender: "b" }),
    await minted(one, { sender: "c" }),
  ];
  const jtis = tokens.map(
    (token) =>
      (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string }).jti,
  );
  const began = clock.now();
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ ask: fc.nat(2) }) },
    fc.record({ stop: fc.nat(2) }),
    fc.record({ letGo: fc.nat(2) }),
    fc.record({ serve: fc.constantFrom("one", "both", "none") }),
    fc.record({ fresh: fc.boolean() }),
    fc.record({ pass: fc.integer({ min: 1, max: 3 }) }),
  );
  const sets = {
    one: ownKeysOf(directoryOf(one))(),
    both: ownKeysOf(directoryOf(one, other))(),
    none: undefined,
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, tokensMax) => {
        clock.move(began - clock.now());
        stopped.clear();
        isFresh = true;
        served = sets.both;
        const ask = remembering({ tokensMax, charsMax: 10_000 });
        for (const made of steps) {
          if ("ask" in made)
            expect(await ask(tokens[made.ask] ?? "")).toBe(
              outcomeOf(await verify(deps, tokens[made.ask] ?? "")),
            );
          else if ("stop" in made) stopped.add(jtis[made.stop] ?? "");
          else if ("letGo" in made) stopped.delete(jtis[made.letGo] ?? "");
          else if ("serve" in made) served = sets[made.serve];
          else if ("fresh" in made) isFresh = made.fresh;
          else clock.move(made.pass);
        }
      },
    ),
    { numRuns: 200 },
  );
});
