import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemTimers } from "../kernel/timers.ts";
import type { KeyDirectory, KeyUsage } from "../keys/key-directory.ts";
import { mintDeps } from "../testing/mint-deps.ts";
import { OPEN_ACCESS } from "./access.ts";
import type { Listener } from "./listener.ts";
import { publicServer } from "./public-server.ts";

const JWKS = "/.well-known/jwks.json";

describe("the public listener", () => {
  let fenced: boolean;
  let listener: Listener;
  let counted: string[];
  let fetches: unknown[][];

  beforeEach(async () => {
    fenced = false;
    counted = [];
    fetches = [];
    const deps = mintDeps();
    const keys: KeyDirectory = {
      view: () => (fenced ? { signing: undefined, jwks: undefined } : deps.keys.view()),
    };
    const usage: KeyUsage = {
      noteSigned: () => undefined,
      noteFetch: (...fetch) => fetches.push(fetch),
    };
    listener = publicServer({
      ...deps,
      timers: systemTimers,
      keys,
      usage,
      log: pino({ level: "silent" }),
      meter: {
        minted: (kid) => counted.push(`minted with ${kid}`),
        rejected: (reason) => counted.push(`rejected: ${reason}`),
        jwksServed: (status) => counted.push(`jwks ${String(status)}`),
        callerRejected: (reason) => counted.push(`caller rejected: ${reason}`),
        wouldReject: (caller, reason) => counted.push(`would reject ${caller}: ${reason}`),
      },
      access: OPEN_ACCESS,
      jwksMaxAgeSeconds: 60,
      keepAliveSeconds: 65,
    });
    await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => {
    listener.server.close();
    listener.server.closeAllConnections();
  });

  const ask = (path: string, init: RequestInit = {}): Promise<Response> => {
    const { port } = listener.server.address() as AddressInfo;
    return fetch(`http://127.0.0.1:${String(port)}${path}`, init);
  };
  const post = (body: object): Promise<Response> =>
    ask("/tokens", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });

  test("counts each mint by its key and each refusal by its reason", async () => {
    await post({ sender: "a" });
    await post({ sender: " " });
    fenced = true;
    await post({ sender: "a" });
    expect(counted).toEqual(["minted with signing", "rejected: sender_required", "rejected: no_signing_key"]);
  });

  test("records who fetches the keys, also a client that has them already, and counts each fetch by its status", async () => {
    const headers = { "user-agent": "runtime/1" };
    const etag = (await ask(JWKS, { headers })).headers.get("etag") ?? "";
    await ask(JWKS, { headers: { ...headers, "if-none-match": etag } });
    fenced = true;
    await ask(JWKS, { headers });
    expect(counted).toEqual(["jwks 200", "jwks 304", "jwks 503"]);
    expect(fetches).toEqual([
      ["127.0.0.1", "runtime/1"],
      ["127.0.0.1", "runtime/1"],
    ]);
  });

  test.each([
    ["the keys", () => ask(JWKS)],
    ["a token", () => post({ sender: "a" })],
  ])(
    "while no key may sign answers a request for %s with 503, which no cache may store, and says when to try again",
    async (_what, request) => {
      fenced = true;
      const { status, headers } = await request();
      expect([status, headers.get("retry-after"), headers.get("cache-control")]).toEqual([
        503,
        "5",
        "no-store",
      ]);
    },
  );
});
