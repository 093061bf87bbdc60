import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { privateJwk, publicHalf } from "../support/signing-keys.ts";
import { forge } from "./doors/forged-token.ts";
import { type RuntimeClient, runtimeClient } from "./doors/runtime-client.ts";
import { freePort, type RunningRuntime, startRuntime } from "./doors/runtime-process.ts";
import { startIssuer } from "./pairs/issuer.ts";

/** T, and a pause after which every set is older than T. */
const TTL_SECONDS = 1;
const PAST_TTL_MS = 1_500;

test("a runtime continues to accept tokens while the service is down, and accepts new ones as soon as it is up", async () => {
  const port = await freePort();
  const runtime = await startRuntime({
    jwksUrl: `http://127.0.0.1:${String(port)}/.well-known/jwks.json`,
    jwksTtlSeconds: TTL_SECONDS,
  });
  const client = runtimeClient(runtime.address);
  const env = { PORT: String(port) };
  try {
    const early = await startIssuer();
    expect(await client.verdict((await early.mint()).token)).toBe("UNAUTHENTICATED");
    await early.service.stop("SIGKILL");

    const issuer = await startIssuer(env);
    const { token } = await issuer.mint();
    expect(await client.verdict(token)).toBe("OK");
    await issuer.service.stop("SIGKILL");
    await pause(PAST_TTL_MS);
    expect(await client.verdict(token)).toBe("OK");

    const restarted = await startIssuer(env);
    expect(await client.verdict((await restarted.mint()).token)).toBe("OK");
    expect(await client.verdict(token)).toBe("UNAUTHENTICATED");
    await restarted.service.stop("SIGKILL");
  } finally {
    client.close();
    await runtime.stop();
  }
});

describe("what a runtime makes of a JWKS answer", () => {
  const [known, other] = [privateJwk("RS256"), privateJwk("RS256")];
  const set = (...keys: (typeof known)[]): string => JSON.stringify({ keys: keys.map(publicHalf) });
  const KNOWN = set(known);
  let answer = { status: 200, body: KNOWN };
  let fetches = 0;
  const server = createServer((_, response) => {
    fetches += 1;
    response.writeHead(answer.status).end(answer.body);
  });
  let runtime: RunningRuntime;
  let client: RuntimeClient;

  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    runtime = await startRuntime({
      jwksUrl: `http://127.0.0.1:${String(port)}/`,
      jwksTtlSeconds: TTL_SECONDS,
    });
    client = runtimeClient(runtime.address);
  });
  afterAll(async () => {
    client.close();
    await runtime.stop();
    server.close();
  });

  /** What it says to a token of the known and of another key after it has asked for the keys again. */
  async function verdictsAfter(status: number, body: string): Promise<{ known: string; other: string }> {
    answer = { status: 200, body: KNOWN };
    await pause(PAST_TTL_MS);
    expect(await client.verdict(forge(known))).toBe("OK");
    answer = { status, body };
    await pause(PAST_TTL_MS);
    return { known: await client.verdict(forge(known)), other: await client.verdict(forge(other)) };
  }

  test("another key in place of the known one: the known key is not accepted any more", async () => {
    expect(await verdictsAfter(200, set(other))).toEqual({ known: "UNAUTHENTICATED", other: "OK" });
  });

  test.each([
    [200, '{"keys":[]}'],
    [503, '{"error":"no signing key is available"}'],
    [404, "not found"],
    [200, "<html>"],
  ])("%i %s: the known key is still accepted", async (status, body) => {
    expect(await verdictsAfter(status, body)).toEqual({ known: "OK", other: "UNAUTHENTICATED" });
  });

  test("the status is ignored: keys in an error page are keys", async () => {
    expect(await verdictsAfter(500, set(other))).toEqual({ known: "UNAUTHENTICATED", other: "OK" });
  });

  test("it fetches once in T however many tokens arrive, and an unknown key does not make it fetch earlier", async () => {
    await verdictsAfter(200, KNOWN);
    await pause(PAST_TTL_MS);
    const before = fetches;
    const begun = performance.now();
    const stranger = forge(other, { header: { kid: "unknown" } });
    while (performance.now() - begun < 3_000)
      await Promise.all([forge(known), stranger].map((token) => client.verdict(token)));
    expect(fetches - before).toBeGreaterThan(1);
    expect(fetches - before).toBeLessThanOrEqual(4);
  });
});
