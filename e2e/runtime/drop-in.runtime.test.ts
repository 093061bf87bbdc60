import { createHmac, createPublicKey } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { privateJwk, type SigningAlg, signingWith } from "../support/signing-keys.ts";
import { clientAt, describeAtEachDoor, doorsHere } from "./doors/doors.ts";
import { claims, forge, unsigned } from "./doors/forged-token.ts";
import type { RuntimeClient } from "./doors/runtime-client.ts";
import { type Issuer, startIssuer } from "./pairs/issuer.ts";
import { endPair, type Pair, startPair, withPair } from "./pairs/pair.ts";
import { isQuick } from "./pairs/sizes.ts";

const LEEWAY_SECONDS = 60;

describe.each<SigningAlg>(["RS256", "ES256"])("with nothing configured but %s", (alg) => {
  describeAtEachDoor("the runtime", (door) => {
    test("accepts the service's tokens, and their sender as the agent", () =>
      withPair({ MACP_AUTH_SIGNING_ALG: alg }, async ({ issuer, runtime }) => {
        const client = clientAt(runtime, door);
        const { token } = await issuer.mint({ sender: "agent://alice" });
        expect(await client.verdict(token)).toBe("OK");
        expect(await client.send(token, { message_type: "Signal" })).toBe("ok");
        expect(await client.send(token, { message_type: "Signal", sender: "agent://alice" })).toBe("ok");
        expect(await client.send(token, { message_type: "Signal", sender: "agent://bob" })).toBe(
          "UNAUTHENTICATED",
        );
        expect(await client.verdict(undefined)).toBe("UNAUTHENTICATED");
        client.close();
      }));
  });
});

describeAtEachDoor("a runtime that was pointed at the service", (door) => {
  const key = privateJwk("RS256");
  const sameKey = signingWith("RS256", key);
  const others: Issuer[] = [];
  let pair: Pair;
  let client: RuntimeClient;

  beforeAll(async () => {
    pair = await startPair(sameKey);
    client = clientAt(pair.runtime, door);
  });
  afterAll(async () => {
    client.close();
    await Promise.all([endPair(pair), ...others.map((other) => other.service.stop("SIGKILL"))]);
  });

  async function mintElsewhere(env: Readonly<Record<string, string>>): Promise<string> {
    const other = await startIssuer(env);
    others.push(other);
    return (await other.mint()).token;
  }

  /** The runtime's answer to a token, and why. */
  async function refusal(token: string): Promise<string> {
    const before = pair.runtime.refusals().length;
    expect(await client.verdict(token)).toBe("UNAUTHENTICATED");
    await expect.poll(() => pair.runtime.refusals().length).toBe(before + 1);
    return pair.runtime.refusals().at(-1) ?? "";
  }

  test("accepts a token of another instance that has the same key", async () => {
    expect(await client.verdict(await mintElsewhere(sameKey))).toBe("OK");
  });

  test("rejects a token of another key", async () => {
    expect(await refusal(await mintElsewhere({}))).toContain("InvalidSignature");
  });

  test("rejects a token for another audience", async () => {
    expect(
      await refusal(await mintElsewhere({ ...sameKey, MACP_AUTH_AUDIENCE: "another-runtime" })),
    ).toContain("invalid audience");
  });

  test("rejects a token of another issuer", async () => {
    expect(await refusal(await mintElsewhere({ ...sameKey, MACP_AUTH_ISSUER: "another-issuer" }))).toContain(
      "invalid issuer",
    );
  });

  test("rejects an unsigned token, and one signed with the public key as a secret", async () => {
    expect(await refusal(unsigned())).toContain("malformed JWT header");
    const [header = "", payload = ""] = [JSON.stringify({ alg: "HS256" }), claims()].map((text) =>
      Buffer.from(text).toString("base64url"),
    );
    const secret = createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" });
    const signature = createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url");
    expect(await refusal(`${header}.${payload}.${signature}`)).toContain("not in the configured allowlist");
  });

  test("rejects a token of the right key from 60 seconds after its expiry on", async () => {
    const now = Math.floor(Date.now() / 1_000);
    expect(await client.verdict(forge(key, { payload: claims({ exp: now - LEEWAY_SECONDS + 30 }) }))).toBe(
      "OK",
    );
    expect(await refusal(forge(key, { payload: claims({ exp: now - LEEWAY_SECONDS - 5 }) }))).toBe(
      "credential expired",
    );
  });

  test("accepts everything that a published key signed with a subject and an expiry, and checks nothing else", async () => {
    const bare = claims({ iss: undefined, aud: undefined, nbf: 4_000_000_000, iat: 4_000_000_000 });
    expect(
      await client.verdict(forge(key, { header: { typ: "another kind of token" }, payload: bare })),
    ).toBe("OK");
    expect(await client.verdict(forge(key, { payload: claims({ sub: undefined }) }))).toBe("UNAUTHENTICATED");
    expect(await client.verdict(forge(key, { payload: claims({ exp: undefined }) }))).toBe("UNAUTHENTICATED");
  });

  test("tries every key on a kid that it does not know", async () => {
    expect(await client.verdict(forge(key, { header: { kid: "unknown" } }))).toBe("OK");
  });
});

test.skipIf(isQuick())(
  "a token that a runtime accepted is rejected at every door from 60 seconds after its expiry on",
  () =>
    withPair({}, async ({ issuer, runtime }) => {
      const clients = doorsHere().map((door) => clientAt(runtime, door));
      const verdicts = (token: string): Promise<string[]> =>
        Promise.all(clients.map((client) => client.verdict(token)));
      const { token, expMs } = await issuer.mint({ ttl_seconds: 1 });
      expect(await verdicts(token)).toEqual(clients.map(() => "OK"));
      await pause(expMs + (LEEWAY_SECONDS - 3) * 1_000 - Date.now());
      expect(await verdicts(token)).toEqual(clients.map(() => "OK"));
      await pause(expMs + (LEEWAY_SECONDS + 2) * 1_000 - Date.now());
      expect(await verdicts(token)).toEqual(clients.map(() => "UNAUTHENTICATED"));
      expect(runtime.refusals()).toEqual(clients.map(() => "credential expired"));
      for (const client of clients) client.close();
    }),
);
