import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../kernel/random.ts";
import { Secret } from "../kernel/secret.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import { systemTimers } from "../kernel/timers.ts";
import type { KeyStore } from "../keys/managed/key-store.ts";
import { ManagedKeys } from "../keys/managed/managed-keys.ts";
import { rotate } from "../keys/managed/rotate.ts";
import { memoryKeyStore } from "../stores/memory/key-store.ts";
import { openMetrics } from "../telemetry/metrics.ts";
import { custodyOf, keksUnder } from "../testing/custodies.ts";
import { RULES } from "../testing/managed-key-sets.ts";
import { TestClock } from "../testing/moments.ts";
import { operatorsWith } from "../testing/operators.ts";
import { adminServer } from "./admin-server.ts";
import type { Listener } from "./listener.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

describe("the admin listener", () => {
  let down: boolean;
  let clock: TestClock;
  let storeClock: TestClock;
  let inner: KeyStore;
  /** Puts another, younger store in the place of the one that the replica has read. */
  let prepareOlder: () => Promise<void>;
  let replica: ManagedKeys;
  let listener: Listener;
  let logged: Record<string, unknown>[];

  /** Listens with the keys of a store, as a replica that saw `versionSeenBefore` of it in an earlier life. */
  async function listen(versionSeenBefore: number): Promise<void> {
    clock = new TestClock();
    storeClock = new TestClock();
    inner = memoryKeyStore(storeClock);
    const reach = (): KeyStore => {
      if (down) throw new StoreUnavailable("unreachable");
      return inner;
    };
    const store: KeyStore = {
      load: async () => reach().load(),
      replace: async (seen, changes) => reach().replace(seen, changes),
      beat: async (beat) => reach().beat(beat),
    };
    const rotation = { store, custody: custodyOf(keksUnder(7)), rules: RULES };
    prepareOlder = async () => {
      inner = memoryKeyStore(storeClock);
      await rotate(rotation);
    };
    await rotate(rotation);
    replica = new ManagedKeys({
      ...rotation,
      clock,
      stopwatch: { elapsed: () => clock.now() },
      ...RULES,
      replicaId: "one",
      versionSeenBefore,
    });
    await replica.renew();
    const write = (line: string): void => void logged.push(JSON.parse(line) as Record<string, unknown>);
    listener = adminServer({
      log: pino({ level: "info", base: null }, { write }),
      random: systemRandom(),
      timers: systemTimers,
      directory: replica,
      managed: { ...rotation, keys: replica },
      metrics: openMetrics({
        report: () => undefined,
        fence: () => replica.fence(),
        clockOffsetSeconds: () => 0,
        accessIsStale: () => undefined,
        tls: () => undefined,
        limitsAreLocal: () => undefined,
      }),
      declared: undefined,
      tls: undefined,
      operators: operatorsWith(new Secret(TOKEN)),
      keepAliveSeconds: 65,
      upkeep: () => Promise.resolve(),
      limits: () => undefined,
      limitsAreLocal: () => undefined,
      reading: undefined,
      isStopping: () => false,
    });
    await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
  }
  const ask = async (path: string, body?: object, token = TOKEN) => {
    const { port } = listener.server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${String(port)}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };

  beforeEach(() => {
    down = false;
    logged = [];
  });
  afterEach(() => {
    listener.server.close();
    listener.server.closeAllConnections();
  });

  test("lets no cache keep any of its answers", async () => {
    await listen(0);
    for (const path of ["/readyz", "/metrics", "/keys", "/nope"])
      expect((await ask(path)).headers.get("cache-control"), path).toBe("no-store");
    expect((await ask("/keys", undefined, "wrong")).headers.get("cache-control")).toBe("no-store");
  });

  test("asks a caller without the token for it, and logs and counts the request without its content", async () => {
    await listen(0);
    const { status, headers } = await ask("/keys/rotate", {}, "guessed-s3cret");
    expect([status, headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(logged).toEqual([
      expect.objectContaining({
        event: "admin_refused",
        reason: "unauthorised",
        remote: "127.0.0.1",
        request_id: headers.get("x-request-id"),
      }),
    ]);
    expect(JSON.stringify(logged)).not.toContain("s3cret");
    expect((await ask("/metrics")).text).toMatch(/reason="unauthorised"\} 1\n/);
  });

  test("answers 503 with the time to wait while the store cannot be reached", async () => {
    await listen(0);
    down = true;
    for (const answer of [await ask("/keys"), await ask("/keys/prepare", {})]) {
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "10"]);
      expect(answer.text).toBe('{"error":"the store cannot be reached"}');
    }
  });

  test("executes no operation on a store that its replica rejects", async () => {
    await listen(99);
    expect(replica.refusesStore).toBe("store_older");
    const { status, text } = await ask("/keys/rotate", { accept: ["short-lead"] });
    expect([status, text]).toEqual([409, expect.stringContaining("rejects the store (store_older)")]);
    expect(logged).toEqual([expect.objectContaining({ event: "request_refused", reason: "store_rejected" })]);
  });

  test("executes no operation on a store that was restored since the replica's last beat", async () => {
    await listen(0);
    expect((await ask("/keys/rotate", { accept: ["short-lead"] })).status).toBe(200);
    await replica.renew();
    await prepareOlder();
    const { status, text } = await ask("/keys/prepare", {});
    expect([status, text]).toEqual([409, expect.stringContaining("rejects the store (store_older)")]);
    expect((await inner.load()).version).toBe(1);
  });

  test("executes no operation while its clock and the store's disagree", async () => {
    await listen(0);
    storeClock.move(10_800);
    const { status, text } = await ask("/keys/rotate", { accept: ["short-lead"] });
    expect([status, text]).toEqual([409, expect.stringContaining("rejects the store (clock_off)")]);
    expect((await inner.load()).version).toBe(1);
  });

  test("escapes the reason of an operation, and logs who requested which operation and its result", async () => {
    await listen(0);
    const report = JSON.parse((await ask("/keys")).text) as { keys: { kid: string; signs: boolean }[] };
    const kid = report.keys.find((key) => !key.signs)?.kid ?? "";
    const { headers } = await ask("/keys/taint", { kid, reason: "seen\u001b[2J\u202eelsewhere" });
    const after = JSON.parse((await ask("/keys")).text) as { keys: { kid: string; reason: string }[] };
    expect(after.keys.find((key) => key.kid === kid)?.reason).toBe("seen\\u{1b}[2J\\u{202e}elsewhere");
    expect(logged).toEqual([
      expect.objectContaining({
        event: "key_operation",
        operation: "taint",
        actor: "admin-token",
        role: "security",
        proved_by: "admin_token",
        done: true,
        changes: [`taint ${kid}`],
        request_id: headers.get("x-request-id"),
      }),
    ]);
  });
});
