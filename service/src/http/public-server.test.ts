import { type AddressInfo, connect, type Socket } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemTimers } from "../kernel/timers.ts";
import type { KeyDirectory, KeyUsage } from "../keys/key-directory.ts";
import { noMeter } from "../telemetry/meter.ts";
import {
  authenticateDeps,
  callerEntry,
  foreignSigner,
  foreignToken,
  issuerEntry,
  OWN_ISSUER,
} from "../testing/callers.ts";
import { mintDeps } from "../testing/mint-deps.ts";
import { TestTimers } from "../testing/test-timers.ts";
import { type AccessInForce, OPEN_ACCESS } from "./access.ts";
import { httpServer, type Listener } from "./listener.ts";
import { publicServer } from "./public-server.ts";
import { mintToken } from "./routes/mint-token.ts";

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

        limitObserved: (reason: string) => counted.push(`limit ${reason}`),
        connectionLimited: () => counted.push("connection"),
        introspected: (result) => counted.push(`introspected: ${result}`),
        revocationAsked: (result) => counted.push(`revocation: ${result}`),
        oauthRejected: (operation, reason) => counted.push(`${operation} rejected: ${reason}`),
        guardFed: (result) => counted.push(`guard fed: ${result}`),
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

test.each(["observe", "enforce"] as const)(
  "a client that leaves while its proof is looked at leaves no mint under way behind: %s",
  async (mode) => {
    const [asked, answered, gone] = [gate(), gate(), gate()];
    const signer = await foreignSigner();
    const declared = authenticateDeps({
      issuers: [issuerEntry("ci")],
      callers: [callerEntry("job", { workloads: [{ issuer: "ci", subject: "job", claims: {} }] })],
    });
    const now = declared.clock.now();
    const token = await foreignToken(signer, {
      iss: "https://ci.example",
      sub: "job",
      aud: OWN_ISSUER,
      iat: now,
      exp: now + 300,
    });
    const find = async () => {
      asked.open();
      await answered.opened;
      return { kind: "keys", keys: [signer.key], isStale: false } as const;
    };
    const proofs = { ...declared, issuerKeys: { find, generationOf: () => 1 } };
    const access: AccessInForce = { mode, proofs, policy: undefined, limits: undefined };
    const underWay = { mints: 0 };
    const deps = {
      ...mintDeps(),
      timers: systemTimers,
      log: pino({ level: "silent" }),
      meter: noMeter,
      access: { view: () => access },
      keepAliveSeconds: 65,
      underWay,
    };
    const { server } = httpServer(deps, [
      { ...mintToken, handle: (exchange) => mintToken.handle(deps, exchange) },
    ]);
    server.on("connection", (socket: Socket) => socket.once("close", gone.open));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const body = JSON.stringify({ sender: "agent://planner" });
    socket.write(
      [
        "POST /tokens HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        `Content-Length: ${String(body.length)}`,
        `Authorization: Bearer ${token}`,
        "",
        body,
      ].join("\r\n"),
    );
    await asked.opened;
    expect(underWay.mints).toBe(1);
    socket.destroy();
    await gone.opened;
    answered.open();
    await expect.poll(() => underWay.mints).toBe(0);
    server.close();
  },
);

test("while callers are observed, an issuer that does not answer holds a mint up for a quarter of a second at most", async () => {
  const find = () => new Promise<never>(() => undefined);
  const declared = authenticateDeps({ issuers: [issuerEntry("ci")] });
  const now = declared.clock.now();
  const claims = { iss: "https://ci.example", sub: "job", aud: OWN_ISSUER, iat: now, exp: now + 300 };
  const token = await foreignToken(await foreignSigner(), claims);
  const proofs = { ...declared, issuerKeys: { find, generationOf: () => 1 } };
  const [timers, noted] = [new TestTimers(), [] as string[]];
  const { server } = publicServer({
    ...mintDeps(),
    timers,
    log: pino({ level: "silent" }),
    meter: { ...noMeter, wouldReject: (...why) => noted.push(why.join(" ")) },
    access: { view: () => ({ mode: "observe", proofs, policy: undefined, limits: undefined }) },
    jwksMaxAgeSeconds: 60,
    keepAliveSeconds: 65,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const answer = fetch(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ sender: "a" }),
  });
  await expect.poll(() => timers.waiting).toBe(1);
  await timers.move(250);
  expect((await answer).status).toBe(200);
  expect(noted).toEqual(["anyone check_failed"]);
  expect(timers.waiting).toBe(0);
  server.close();
  server.closeAllConnections();
});

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    opened,
    open: () => {
      open();
    },
  };
}
