import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority } from "../../service/src/testing/certificates.ts";
import { eventStream, httpClient } from "../runtime/doors/http-client.ts";
import { type RuntimeClient, runtimeClient } from "../runtime/doors/runtime-client.ts";
import { linesOf, requestText } from "../support/access.ts";
import { freePort } from "../support/free-port.ts";
import { RawConnection } from "../support/raw-http.ts";
import type { RunningService } from "../support/service-process.ts";
import { type Arrived, type DoubleListeners, startDouble } from "./double-listeners.ts";
import { type Guarded, ISSUER, settled, startGuarded } from "./guarded.ts";
import { CACHED, CAP_MS, configurationFor, type GuardNginx, hasNginx, nginxFront } from "./nginx.ts";

// deploy/examples/guard-nginx: the real nginx with the configuration of the example, between clients of the runtime and a runtime double.

const BOUND_MS = 1_000;
/** How long the optional cache of the example remembers. */
const CACHE_MS = 1_000;
const LIST = "/macp.v1.MACPRuntimeService/ListSessions";

describe.skipIf(!hasNginx())("nginx with a guard", () => {
  let guarded: Guarded<DoubleListeners, GuardNginx>;
  let doors: readonly RuntimeClient[];
  beforeAll(async () => {
    guarded = await startGuarded(nginxFront, (jwksUrl) => startDouble(jwksUrl, ISSUER));
    doors = [runtimeClient(guarded.proxy.address), httpClient(guarded.proxy.httpUrl)];
  });
  afterAll(async () => {
    for (const door of doors) door.close();
    await guarded.stop();
  });

  const verdicts = (token: string | undefined, at = doors) =>
    Promise.all(at.map((door) => settled(() => door.verdict(token))));
  const lastArrived = (): Arrived => {
    const last = guarded.runtime.arrived.at(-1);
    if (last === undefined) throw new Error("nothing arrived");
    return last;
  };

  test("lets a live token pass at both doors, and says to both whose it is", async () => {
    const { token, token_id } = await guarded.mint({ sender: "agent é%" });
    for (const door of doors) {
      expect(await settled(() => door.verdict(token))).toBe("OK");
      const { headers } = lastArrived();
      expect(headers.get("authorization")).toEqual([`Bearer ${token}`]);
      expect(headers.get("x-auth-subject")).toEqual(["agent%20%C3%A9%25"]);
      expect(headers.get("x-auth-token-id")).toEqual([token_id]);
      expect(headers.get("x-auth-expires")?.[0]).toMatch(/^\d{10}$/);
    }
  });

  test("rejects a missing, a broken and a forged token as the runtime does, and nothing of it arrives there", async () => {
    const { token } = await guarded.mint();
    const before = guarded.runtime.arrived.length;
    for (const bad of [undefined, "x", "", "a.b.c", `${token.slice(0, -8)}AAAAAAAA`, `${token}x`])
      expect([bad, await verdicts(bad)]).toEqual([bad, ["UNAUTHENTICATED", "UNAUTHENTICATED"]]);
    for (const door of doors) expect(await door.stream("StreamSession", "x").opened).toBe("UNAUTHENTICATED");
    expect(guarded.runtime.arrived.length).toBe(before);
  });

  test("says it over gRPC in the form that every client reads: 200, application/grpc, and the status in a header", async () => {
    const { token } = await guarded.mint({ scopes: { can_start_sessions: false } });
    const answer = (grpcStatus: string) => ["200", "application/grpc", grpcStatus];
    expect(await rejectionAt(guarded.proxy.address, "x")).toEqual(answer("16"));
    const strict = await guarded.another([
      ["macp_guard/check;", "macp_guard/check?can_start_sessions=true;"],
    ]);
    const rejection = () => rejectionAt(strict.address, token);
    await expect.poll(rejection, { timeout: 10_000 }).toEqual(answer("7"));
    const lost = await guarded.another([], [await freePort()]);
    expect(await rejectionAt(lost.address, token)).toEqual(answer("14"));
  });

  test("rejects a token without the required scopes with PERMISSION_DENIED, and every token while the recipe is wrong", async () => {
    const scopes = { can_start_sessions: false, allowed_modes: ["macp.mode.decision.v1"] };
    const { token } = await guarded.mint({ scopes });
    const at = async (query: string) => {
      const { address, httpUrl } = await guarded.another([
        ["macp_guard/check;", `macp_guard/check?${query};`],
      ]);
      const clients = [runtimeClient(address), httpClient(httpUrl)];
      const seen = await verdicts(token, clients);
      for (const client of clients) client.close();
      return seen;
    };
    expect(await at("mode=macp.mode.decision.v1")).toEqual(["OK", "OK"]);
    expect(await at("can_start_sessions=true")).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED"]);
    expect(await at("mode=macp.mode.decision.v1&can_start_session=true")).toEqual([
      "PERMISSION_DENIED",
      "PERMISSION_DENIED",
    ]);
    const [replica] = guarded.replicas as [RunningService];
    expect(await linesOf(replica, "guard_misconfigured", 1)).toHaveLength(1);
  });

  test("rejects a revoked token at the next call, at the latest a second after the answer", async () => {
    const { token, token_id } = await guarded.mint();
    expect(await verdicts(token)).toEqual(["OK", "OK"]);
    await guarded.revoke({ jti: token_id });
    const answered = performance.now();
    const late: string[] = [];
    for (let seen = ""; seen !== "UNAUTHENTICATED UNAUTHENTICATED"; ) {
      const ms = performance.now() - answered;
      seen = (await Promise.all(doors.map((door) => door.verdict(token)))).join(" ");
      if (ms > BOUND_MS && seen.includes("OK")) late.push(seen);
      expect(ms).toBeLessThan(60_000);
    }
    expect(late).toEqual([]);
    expect(await verdicts(token)).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED"]);
  });

  test("with the cache of a second, rejects a revoked token two seconds after the answer, and gives the same identity", async () => {
    const { token, token_id } = await guarded.mint();
    const { address } = await guarded.another(CACHED);
    const client = runtimeClient(address);
    await settled(() => client.verdict(token));
    expect(await client.verdict(token)).toBe("OK");
    expect(lastArrived().headers.get("x-auth-token-id")).toEqual([token_id]);
    await guarded.revoke({ jti: token_id });
    const answered = performance.now();
    const late: string[] = [];
    for (let seen = ""; seen !== "UNAUTHENTICATED"; ) {
      const ms = performance.now() - answered;
      seen = await client.verdict(token);
      if (ms > BOUND_MS + CACHE_MS && seen === "OK") late.push(seen);
      expect(ms).toBeLessThan(60_000);
    }
    client.close();
    expect(late).toEqual([]);
  });

  test("passes the largest token on", async () => {
    const allowed_modes = Array.from({ length: 480 }, (_, index) => `mode.${String(index)}.v1`);
    const { token } = await guarded.mint({ scopes: { allowed_modes } });
    expect(token.length).toBeGreaterThan(9_000);
    expect(await verdicts(token)).toEqual(["OK", "OK"]);
  });

  describe("believes nothing that a client says of itself", () => {
    const LIES: readonly (readonly [string, string])[] = [
      ["x-auth-subject", "agent://root"],
      ["x-auth-subject", "agent://root2"],
      ["x_auth_subject", "agent://root"],
      ["x-auth-scopes", "{}"],
      ["x-auth-expires", "9999999999"],
      ["x-auth-token-id", "x"],
      ["x_auth_token_id", "x"],
      ["x-macp-token", "another-credential"],
      ["x-macp-agent-id", "agent://root"],
      ["x-forwarded-for", "127.0.0.1"],
      ["x-forwarded-host", "localhost"],
      ["x-real-ip", "127.0.0.1"],
      ["forwarded", "for=127.0.0.1"],
    ];

    /** What arrived of a call: the identity, and every other header of the lies. */
    function seen(): Readonly<Record<string, readonly string[]>> {
      const names = new Set(LIES.map(([name]) => name));
      return Object.fromEntries([...lastArrived().headers].filter(([name]) => names.has(name)));
    }

    test("over gRPC", async () => {
      const { token, token_id } = await guarded.mint();
      const metadata = new Metadata();
      metadata.set("authorization", `Bearer ${token}`);
      for (const [name, value] of LIES) metadata.add(name, value);
      expect(await settled(() => listSessions(metadata))).toBe("OK");
      expect(seen()).toMatchObject({ "x-auth-subject": ["agent://story"], "x-auth-token-id": [token_id] });
      expect(Object.keys(seen()).toSorted()).toEqual(["x-auth-expires", "x-auth-subject", "x-auth-token-id"]);
      expect(seen()["x-auth-expires"]).not.toContain("9999999999");
    });

    test.each([
      ["in lower case", (name: string) => name],
      ["in upper case", (name: string) => name.toUpperCase()],
    ])("over HTTP/JSON, %s, also when it names them as those of one hop", async (_how, written) => {
      const { token, token_id } = await guarded.mint();
      const lies = LIES.map(([name, value]) => `${written(name)}: ${value}`);
      const hop = "Connection: close, x-auth-subject, x-auth-token-id, authorization";
      const status = () => statusOf([`Authorization: Bearer ${token}`, hop, ...lies]);
      expect(await settled(status)).toBe("HTTP 200");
      expect(seen()).toMatchObject({ "x-auth-subject": ["agent://story"], "x-auth-token-id": [token_id] });
      expect(Object.keys(seen()).toSorted()).toEqual(["x-auth-expires", "x-auth-subject", "x-auth-token-id"]);
      expect(seen()["x-auth-expires"]).not.toContain("9999999999");
    });

    test("and lets no second credential stand beside the first", async () => {
      const { token } = await guarded.mint();
      const other = (await guarded.mint({ sender: "agent://other" })).token;
      const before = guarded.runtime.arrived.length;
      const metadata = new Metadata();
      metadata.add("authorization", `Bearer ${token}`);
      metadata.add("authorization", `Bearer ${other}`);
      expect(["UNAUTHENTICATED", "INTERNAL"]).toContain(await listSessions(metadata));
      const lines = [`Authorization: Bearer ${token}`, `authorization: Bearer ${other}`];
      for (const sent of [lines, [`Authorization: Bearer ${token}, Bearer ${other}`]])
        expect(["HTTP 400", "HTTP 401"]).toContain(await statusOf(sent));
      for (const odd of [
        `Authorization : Bearer ${token}`,
        `X-Authorization: Bearer ${token}`,
        `Authorization_: Bearer ${token}`,
      ])
        expect(["HTTP 400", "HTTP 401"]).toContain(await statusOf([odd]));
      expect(guarded.runtime.arrived.length).toBe(before);
    });
  });

  test("guards every path of the runtime, and passes no other on", async () => {
    const before = guarded.runtime.arrived.length;
    for (const path of [
      "/macp/v1/ListSessions",
      "/macp/v1/../v1/ListSessions",
      "/macp/v1/%4cistSessions",
      "//macp/v1/ListSessions",
      LIST,
    ])
      expect([path, (await statusOf([], path)) === "HTTP 200"]).toEqual([path, path === LIST]);
    for (const path of [
      "/",
      "/_guard",
      "/check",
      "/metrics",
      "/.well-known/macp.json",
      "/MACP/v1/ListSessions",
    ])
      expect([path, await statusOf([], path)]).toEqual([path, "HTTP 404"]);
    expect(guarded.runtime.arrived.length).toBe(before);
  });

  test("ends every stream at the cap, and one over HTTP/JSON goes on after its last event with a fresh token only", async () => {
    const [grpc] = doors as [RuntimeClient, RuntimeClient];
    const { token, token_id } = await guarded.mint();
    const bearing = (text: string) => ({ authorization: `Bearer ${text}` });
    const sse = (headers: object) => eventStream(guarded.proxy.httpUrl, "StreamSession", headers, {});
    const open = [
      grpc.stream("WatchSessions", token),
      grpc.stream("StreamSession", token),
      sse(bearing(token)),
    ];
    for (const { opened } of open) expect(await opened).toBe("OK");
    const [, , events] = open as [unknown, unknown, ReturnType<typeof eventStream>];
    guarded.runtime.nextEvent();
    await expect
      .poll(() => open.map(({ messages }) => messages.length), { timeout: 10_000 })
      .toEqual([1, 1, 1]);
    const last = events.events[0]?.id;
    await guarded.revoke({ jti: token_id });
    await pause(BOUND_MS);
    // A stream that is open is not cut before its cap.
    guarded.runtime.nextEvent();
    await expect
      .poll(() => open.map(({ messages }) => messages.length), { timeout: 10_000 })
      .toEqual([2, 2, 2]);

    guarded.proxy.reload();
    const ends = () => open.map((stream) => stream.ended());
    await expect.poll(ends, { timeout: 30_000, interval: CAP_MS / 10 }).not.toContain(undefined);
    expect(ends().slice(0, 2)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);

    const resumedWith = async (text: string) => {
      const stream = sse({ ...bearing(text), "last-event-id": last });
      return [await stream.opened, stream] as const;
    };
    expect((await resumedWith(token))[0]).toBe("UNAUTHENTICATED");
    const fresh = (await guarded.mint()).token;
    const [opened, resumed] = await resumedWith(fresh);
    expect(opened).toBe("OK");
    await expect.poll(() => resumed.events.map(({ id }) => id), { timeout: 10_000 }).toEqual(["2"]);
    resumed.close();
  });

  test("rejects every call while its guard is frozen, and when it is gone", async () => {
    const { token } = await guarded.mint();
    const [replica] = guarded.replicas;
    expect(await verdicts(token)).toEqual(["OK", "OK"]);
    replica?.signal("SIGSTOP");
    const frozen = await Promise.all(doors.map((door) => door.verdict(token)));
    replica?.signal("SIGCONT");
    expect(frozen).toEqual(["UNAVAILABLE", "HTTP 503"]);
    expect(await verdicts(token)).toEqual(["OK", "OK"]);
    await replica?.stop("SIGKILL");
    const gone = await Promise.all(doors.map((door) => door.verdict(token)));
    expect(gone).toEqual(["UNAVAILABLE", "HTTP 503"]);
  });

  /** The result of `ListSessions` over gRPC, with this metadata. */
  function listSessions(metadata: Metadata): Promise<string> {
    const client = new Client(guarded.proxy.address, credentials.createInsecure());
    const bytes = (value: Buffer) => value;
    return new Promise<string>((resolve) => {
      client.makeUnaryRequest(LIST, bytes, bytes, Buffer.alloc(0), metadata, (fault) => {
        resolve(fault === null ? "OK" : status[fault.code]);
      });
    }).finally(() => client.close());
  }

  /** The answer to `ListSessions` over HTTP/2 as it is on the wire: its status, its type and its gRPC status. */
  async function rejectionAt(address: string, token: string): Promise<readonly string[]> {
    const session = connect(`http://${address}`);
    const headers = { te: "trailers", "content-type": "application/grpc", authorization: `Bearer ${token}` };
    const stream = session.request({ ":method": "POST", ":path": LIST, ...headers });
    stream.end(Buffer.alloc(5));
    const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders];
    session.destroy();
    return [":status", "content-type", "grpc-status"].map((name) => String(answer[name]));
  }

  /** The status of the answer to a request over HTTP/1.1 with these header lines. */
  async function statusOf(headers: readonly string[], path = "/macp/v1/ListSessions"): Promise<string> {
    const connection = await RawConnection.open(Number(new URL(guarded.proxy.httpUrl).port));
    try {
      connection.send(requestText(`POST ${path}`, headers, "{}"));
      await connection.msUntilEnd(10_000);
      return `HTTP ${connection.unread.toString("latin1").split(" ")[1] ?? "?"}`;
    } finally {
      connection.destroy();
    }
  }
});

test.skipIf(!hasNginx())(
  "the configuration is valid as it stands, once its certificate is there",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "macp-auth-guard-"));
    const authority = await makeAuthority();
    const { certificate, key } = await authority.issue("macp", "DNS:macp.example.org");
    const file = join(folder, "nginx.conf");
    await Promise.all([
      writeFile(join(folder, "fullchain.pem"), certificate),
      writeFile(join(folder, "privkey.pem"), key),
      writeFile(file, await configurationFor(folder, [["/etc/nginx/tls", folder]])),
    ]);
    const { status: code, stderr } = spawnSync(
      "nginx",
      ["-e", "stderr", "-t", "-c", file, "-g", `pid ${file}.pid;`],
      {
        encoding: "utf8",
      },
    );
    await Promise.all([rm(folder, { recursive: true }), authority.remove()]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("test is successful")]);
  },
);
