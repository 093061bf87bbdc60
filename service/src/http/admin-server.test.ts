import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../kernel/random.ts";
import { Secret } from "../kernel/secret.ts";
import { systemTimers } from "../kernel/timers.ts";
import { ManagedKeys } from "../keys/managed/managed-keys.ts";
import type { RotationRules } from "../keys/managed/plan/rotation-rules.ts";
import { wholeRound } from "../keys/managed/round.ts";
import { FIXED_TIMING } from "../keys/timing.ts";
import { memoryKeyStore } from "../stores/memory/key-store.ts";
import { openMetrics } from "../telemetry/metrics.ts";
import { custodyOf, keksUnder } from "../testing/custodies.ts";
import { TestClock } from "../testing/moments.ts";
import { operatorsWith } from "../testing/operators.ts";
import { type AdminDeps, adminServer } from "./admin-server.ts";
import type { Listener } from "./listener.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const rules: RotationRules = {
  alg: "ES256",
  periodSeconds: 604_800,
  leadSeconds: 7_200,
  gate: "off",
  timing: {
    maxTtlSeconds: 3_600,
    jwksMaxAgeSeconds: 60,
    verifierTtlSeconds: 300,
    verifierGraceSeconds: 3_600,
    ...FIXED_TIMING,
  },
};

/** Without a token: a request that a web page can make a browser on this machine send is rejected. */
const FROM_A_PAGE: readonly [string, Record<string, string>][] = [
  ["of another origin", { origin: "https://evil.example" }],
  ["of a page that was given a name of this machine", { host: "evil.example" }],
  ["of a page whose name begins like this machine's", { host: "localhost.evil.example" }],
  ["of a page whose name begins like its address", { host: "127.0.0.1.evil.example:9090" }],
  ["that a browser marks as cross-site", { "sec-fetch-site": "cross-site" }],
  ["that a browser marks as its page's own", { "sec-fetch-site": "same-origin" }],
];

describe("the admin listener", () => {
  let clock: TestClock;
  let keys: ManagedKeys;
  let listener: Listener;
  let base: string;
  let upkeep: () => Promise<void>;
  let withoutToken: AdminDeps;
  let isStopping: boolean;

  beforeEach(async () => {
    clock = new TestClock();
    isStopping = false;
    const custody = custodyOf(keksUnder(7));
    const store = memoryKeyStore(clock);
    keys = new ManagedKeys({
      store,
      custody,
      clock,
      stopwatch: { elapsed: () => clock.now() },
      ...rules,
      replicaId: "one",
      versionSeenBefore: 0,
    });
    const rotation = { store, custody, rules };
    upkeep = async () => {
      await wholeRound(rotation, keys);
    };
    const deps: AdminDeps = {
      log: pino({ level: "silent" }),
      random: systemRandom(),
      timers: systemTimers,
      directory: keys,
      managed: { ...rotation, keys },
      metrics: openMetrics({
        report: () => undefined,
        fence: () => keys.fence(),
        clockOffsetSeconds: () => 0,
        accessIsStale: () => undefined,
        tls: () => undefined,
        limitsAreLocal: () => undefined,
      }),
      declared: undefined,
      tls: undefined,
      operators: operatorsWith(new Secret(TOKEN)),
      keepAliveSeconds: 65,
      upkeep,
      limits: () => undefined,
      limitsAreLocal: () => undefined,
      reading: undefined,
      isStopping: () => isStopping,
    };
    withoutToken = { ...deps, operators: operatorsWith(undefined) };
    listener = adminServer(deps);
    await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${String((listener.server.address() as AddressInfo).port)}`;
  });
  afterEach(() => {
    listener.server.close();
    listener.server.closeAllConnections();
  });

  const ask = async (path: string, body?: object, authorization = `Bearer ${TOKEN}`) => {
    const answer = await fetch(base + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      text,
      json: (text.startsWith("{") ? JSON.parse(text) : {}) as Record<string, unknown>,
    };
  };
  const states = async (): Promise<string[]> => {
    const { json } = await ask("/keys?all=true");
    return (json["keys"] as { state: string }[]).map((key) => key.state);
  };
  const kidOf = async (state: string): Promise<string> => {
    const { json } = await ask("/keys?all=true");
    return (json["keys"] as { state: string; kid: string }[]).find((key) => key.state === state)?.kid ?? "";
  };

  test.each([
    "",
    "Bearer",
    "Bearer wrong",
    `bearer ${TOKEN}x`,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN} `.repeat(2),
    `Bearer${TOKEN}`,
    `Bearer\t${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN.toUpperCase()}`,
  ])("answers %j with the same 401 on every path, and does nothing", async (authorization) => {
    for (const path of ["/readyz", "/metrics", "/keys"]) {
      expect(await ask(path, undefined, authorization)).toMatchObject({
        status: 401,
        text: '{"error":"a bearer token is required"}',
      });
    }
    for (const operation of ["prepare", "activate", "rotate", "taint", "revoke", "retire", "reseal"]) {
      expect((await ask(`/keys/${operation}`, {}, authorization)).status).toBe(401);
    }
    expect(await states()).toEqual([]);
  });

  test.each(["bearer", "BEARER", "Bearer ", "bEaReR"])(
    "accepts the scheme %j in any letter case",
    async (scheme) => {
      expect((await ask("/keys", undefined, `${scheme} ${TOKEN}`)).status).toBe(200);
    },
  );

  test("is not ready, with the reason, until the keys are read, and ready after", async () => {
    expect(await ask("/readyz")).toMatchObject({
      status: 503,
      json: { ready: false, reasons: ["not_read_yet"] },
    });
    await upkeep();
    expect(await ask("/readyz")).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
    isStopping = true;
    expect(await ask("/readyz")).toMatchObject({
      status: 503,
      json: { ready: false, reasons: ["stopping"] },
    });
  });

  test("rejects a rotation to a key that is too fresh, names the outage and how to accept it, and does it when it is accepted", async () => {
    await upkeep();
    const rejected = await ask("/keys/rotate", {});
    expect(rejected.status).toBe(409);
    expect(rejected.json["rejected"]).toMatchObject({ reason: "not_ready", accept: "short-lead" });
    expect(await states()).toEqual(["signing", "standby"]);
    expect((await ask("/keys/rotate", { accept: ["short-lead"] })).json).toMatchObject({ done: true });
    expect(await states()).toEqual(["signing", "standby", "retiring"]);
  });

  test("revokes: the successor signs at once, the key is gone from the JWKS, and the answer says when its tokens become invalid", async () => {
    await upkeep();
    // Served all the time: a jump would be a gap in which no replica served, and would not count towards the lead.
    for (let minute = 0; minute < 120; minute += 1) {
      clock.move(60);
      await upkeep();
    }
    const bad = await kidOf("signing");
    keys.usage.noteFetch("10.0.0.7", "runtime/0.8");
    const { json } = await ask("/keys/revoke", { kid: bad, reason: "leaked" });
    expect(json).toMatchObject({
      done: true,
      still_accepted: { refreshing_seconds: 425, in_grace_seconds: 4_025 },
    });
    expect(json["verifiers_not_seen_since"]).toMatchObject([
      { address: "10.0.0.7", user_agent: "runtime/0.8", up_to_date: false },
    ]);
    expect(keys.view().jwks?.body).not.toContain(bad);
    expect(keys.view().signing?.kid).not.toBe(bad);
  });

  test.each([
    ["/keys/revoke", {}],
    ["/keys/revoke", { kid: "a\nb" }],
    ["/keys/revoke", { kid: "a", resaon: "leaked" }],
    ["/keys/revoke", { kid: "a", reason: "r".repeat(201) }],
    ["/keys/rotate", { accept: ["everything"] }],
    ["/keys/rotate", { accpet: ["short-lead"] }],
    ["/keys/prepare", { alg: "HS256" }],
  ])("rejects %s with %j as an invalid call", async (path, body) => {
    await upkeep();
    const before = await states();
    expect((await ask(path, body)).status).toBe(400);
    expect(await states()).toEqual(before);
  });

  test("names the member of a body that is wrong", async () => {
    const wrong = async (path: string, body: object) => (await ask(path, body)).json["error"];
    expect(await wrong("/keys/rotate", { accpet: [] })).toMatch(/: unknown member "accpet";/);
    expect(await wrong("/keys/revoke", { reason: "leaked" })).toMatch(/: "kid" is missing or invalid;/);
    expect(await wrong("/keys/revoke", { kid: "a", reason: "r".repeat(201) })).toMatch(
      /: "reason" is missing or invalid;/,
    );
    expect(await wrong("/keys/rotate", [])).toMatch(/: it is not an object;/);
  });

  test.each(FROM_A_PAGE)(
    "that has no token rejects a request %s, and accepts this machine's own programs",
    async (_name, headers) => {
      await upkeep();
      const open = adminServer(withoutToken);
      await new Promise<void>((resolve) => open.server.listen(0, "127.0.0.1", resolve));
      const { port } = open.server.address() as AddressInfo;
      const status = (extra: Record<string, string>, type = "application/json") =>
        new Promise<number | undefined>((resolve, reject) => {
          const out = request({
            port,
            host: "127.0.0.1",
            path: "/keys/rotate",
            method: "POST",
            headers: { "content-type": type, ...extra },
          });
          out.on("response", (incoming) => {
            incoming.resume();
            resolve(incoming.statusCode);
          });
          out.on("error", reject);
          out.end(JSON.stringify({ accept: ["short-lead"] }));
        });
      expect(await status(headers)).toBe(403);
      expect(await status({}, "text/plain")).toBe(415);
      expect(await states()).toEqual(["signing", "standby"]);
      expect(await status({})).toBe(200);
      open.server.close();
      open.server.closeAllConnections();
    },
  );

  test("serves metrics in the Prometheus text format", async () => {
    const { status, text } = await ask("/metrics");
    expect(status).toBe(200);
    expect(text).toContain('macp_auth_fenced{reason="not_read_yet"} 1');
  });

  test("answers an unknown path with 404, and no method other than its own", async () => {
    expect((await ask("/")).status).toBe(404);
    expect((await ask("/keys", {})).status).toBe(404);
    expect((await ask("/keys/revoke")).status).toBe(404);
  });
});
