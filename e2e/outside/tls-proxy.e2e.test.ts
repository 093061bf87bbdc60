import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as plainly } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, type Certificate, makeAuthority } from "../../service/src/testing/certificates.ts";
import { bearer, linesOf } from "../support/access.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { copyOfExample, type Example } from "./example.ts";
import { type Behind, isInstalled, PROXIES, type RunningProxy, startProxy } from "./proxies.ts";

// deploy/examples/tls-proxy: the real proxies with the configurations of the example, in front of the real service.

interface Sent {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** One address of this machine. */
  readonly from?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

const MINT = '{"sender":"agent://planner/1"}';
const JWKS = "/.well-known/jwks.json";

let authority: Authority;
let ca: string;
let certificate: Certificate;

beforeAll(async () => {
  authority = await makeAuthority();
  ca = await readFile(authority.path, "utf8");
  certificate = await authority.issue("auth", "DNS:auth.example.org");
});
afterAll(() => authority.remove());

/** One request over TLS, on a connection of its own. */
async function ask(port: number, { path = "/tokens", headers = {}, body, from }: Sent): Promise<Answer> {
  const sent = request({
    host: "127.0.0.1",
    port,
    path,
    ca,
    servername: "auth.example.org",
    agent: false,
    method: body === undefined ? "GET" : "POST",
    headers: { host: "auth.example.org", "content-type": "application/json", ...headers },
    ...(from !== undefined && { localAddress: from }),
  });
  sent.end(body);
  const [incoming] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await text(incoming) };
}

/** The same without TLS, to the port for the runtime, or to the service itself. */
async function askPlainly(port: number, path: string, body?: string): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  const method = body === undefined ? "GET" : "POST";
  const sent = plainly({ host: "127.0.0.1", port, path, agent: false, method, headers });
  sent.end(body);
  const [incoming] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await text(incoming) };
}

/** A replica that closes each connection after it has received a request. */
async function deafReplica() {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes) => {
      received.push(String(bytes));
      socket.destroy();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { received, port: (server.address() as AddressInfo).port, close: () => server.close() };
}

test("the proxies close an idle connection before the service does, and wait longer than it is silent", async () => {
  const example = await copyOfExample("tls-proxy");
  const seconds = async (file: string, pattern: RegExp) =>
    Number(pattern.exec(await example.text(file))?.[1]);
  const keepAlive = await seconds("macp-auth.env", /^MACP_AUTH_KEEP_ALIVE_SECONDS=(\d+)$/m);
  expect(await seconds("nginx.conf", /upstream macp_auth {[^}]*keepalive_timeout (\d+)s;/)).toBeLessThan(
    keepAlive,
  );
  expect(await example.text("haproxy.cfg")).not.toMatch(/^\s*[^#\s].*pool-purge-delay/m);
  // docs/operations.md: a connection without progress is closed after 30 s.
  expect(await seconds("nginx.conf", /proxy_read_timeout (\d+)s;/)).toBeGreaterThan(30);
  expect(await seconds("haproxy.cfg", /timeout server (\d+)s/)).toBeGreaterThan(30);
  await example.remove();
});

describe.each(PROXIES)("$name in front of the service", (kind) => {
  const testWithProxy = test.skipIf(!isInstalled(kind) && process.env["CI"] === undefined);
  let example: Example;
  let service: RunningService;
  let admin: number;
  let proxy: RunningProxy | undefined;
  let secret: string;

  const port = () => proxy?.port ?? 0;
  const configuration = () => example.text(kind.file);
  /** Another proxy for one story, ended whatever the story does. */
  const withProxy = async (behind: Behind, story: (other: RunningProxy) => Promise<void>) => {
    const other = await startProxy(kind, await configuration(), certificate, behind);
    await story(other).finally(() => other.stop());
  };
  const mint = (sent: Sent = {}) =>
    ask(port(), { body: MINT, ...sent, headers: { ...bearer(secret), ...sent.headers } });

  beforeAll(async () => {
    example = await copyOfExample("tls-proxy");
    await example.makeSecret();
    await example.edit("access.yaml", [["address: 1200/1m", "address: 20/1h"]]);
    secret = (await example.text("orchestrator.secret")).trim();
    service = await startService({}, ["serve", "--settings", await example.settings()]);
    admin = Number((await service.event("admin_listening"))["port"]);
    if (!isInstalled(kind)) return;
    const behind = { ports: [service.port], readyPort: admin };
    proxy = await startProxy(kind, await configuration(), certificate, behind);
    for (let tries = 0; (await ask(proxy.port, { path: "/healthz" })).status !== 200; tries += 1) {
      if (tries > 200) expect.unreachable("the proxy does not see the service");
      await pause(100);
    }
  }, BOOT_MS_MAX);
  afterAll(async () => {
    await proxy?.stop();
    await service.stop();
    await example.remove();
  });

  testWithProxy("a caller mints over HTTP/1.1 and over HTTP/2, with its proof unchanged", async () => {
    expect(JSON.parse((await mint()).body)).toMatchObject({ sender: "agent://planner/1" });
    const session = connectHttp2(`https://127.0.0.1:${String(port())}`, {
      ca,
      servername: "auth.example.org",
    });
    const stream = session.request({
      ":method": "POST",
      ":path": "/tokens",
      "content-type": "application/json",
      ...bearer(secret),
    });
    stream.end(MINT);
    const [headers] = (await once(stream, "response")) as [import("node:http2").IncomingHttpHeaders];
    expect([headers[":status"], JSON.parse(await text(stream))]).toMatchObject([
      200,
      { token: expect.any(String) as string },
    ]);
    session.close();
  });

  testWithProxy("the log has the address of the client, whatever the client wrote itself", async () => {
    const forged = {
      "x-forwarded-for": "127.0.0.1, 203.0.113.9",
      forwarded: "for=203.0.113.9",
      "x-real-ip": "203.0.113.9",
    };
    const before = service.events("caller_rejected").length;
    expect((await ask(port(), { body: MINT, from: "127.0.0.5", headers: forged })).status).toBe(401);
    const lines = await linesOf(service, "caller_rejected", before + 1);
    expect(lines.at(-1)).toMatchObject({ remote: "127.0.0.5", proxy: "127.0.0.1" });
  });

  testWithProxy(
    "a stranger does not escape its limit with another forged address in each request",
    async () => {
      const statuses: number[] = [];
      for (let count = 1; count <= 25; count += 1) {
        const headers = {
          "x-forwarded-for": `198.51.100.${String(count)}`,
          forwarded: `for=198.51.100.${String(count)}`,
        };
        statuses.push((await mint({ from: "127.0.0.6", headers })).status);
      }
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(4);
      expect(statuses.at(-1)).toBe(429);
      expect((await mint({ from: "127.0.0.7" })).status).toBe(200);
    },
  );

  testWithProxy(
    "the public keys pass as the service gives them, and are not asked for again while they are fresh",
    async () => {
      const direct = await askPlainly(service.port, JWKS);
      const answers = [await ask(port(), { path: JWKS }), await askPlainly(proxy?.keysPort ?? 0, JWKS)];
      for (const { status, headers, body } of answers) {
        expect([status, body]).toEqual([200, direct.body]);
        expect(headers).toMatchObject({
          etag: direct.headers["etag"],
          "cache-control": "public, max-age=60",
        });
      }
      const known = { "if-none-match": String(direct.headers["etag"]) };
      expect((await ask(port(), { path: JWKS, headers: known })).status).toBe(304);
    },
  );

  testWithProxy(
    "nobody mints at the port for the runtime, which has only the keys and /healthz",
    async () => {
      const at = proxy?.keysPort ?? 0;
      expect((await askPlainly(at, "/healthz")).status).toBe(200);
      for (const path of [
        "/tokens",
        "/TOKENS",
        "//tokens",
        "/healthz/../tokens",
        "/.well-known/jwks.json/../../tokens",
      ])
        expect([path, (await askPlainly(at, path, MINT)).status]).toEqual([path, 404]);
    },
  );

  testWithProxy("a body that is too large is rejected by the service, whose answer is JSON", async () => {
    const padded = (bytes: number) => MINT.padEnd(bytes);
    expect((await mint({ from: "127.0.0.8", body: padded(102_400) })).status).toBe(200);
    const tooLarge = await mint({ from: "127.0.0.8", body: padded(102_401) });
    expect([tooLarge.status, JSON.parse(tooLarge.body)]).toEqual([
      413,
      { error: expect.any(String) as string },
    ]);
  });

  testWithProxy(
    "the admin listener is not behind the proxy, and would reject what a misconfigured proxy passes on",
    async () => {
      for (const path of ["/readyz", "/metrics", "/keys"])
        expect([path, (await ask(port(), { path })).status]).toEqual([path, 404]);
      await withProxy({ ports: [admin] }, async (wrong) => {
        for (const headers of [{}, { host: "localhost" }, { "x-forwarded-for": "127.0.0.1" }])
          expect((await ask(wrong.port, { path: "/metrics", headers })).status).toBe(403);
      });
      expect((await askPlainly(admin, "/metrics")).status).toBe(200);
    },
  );

  testWithProxy("a mint is never sent twice, although another replica could take it", async () => {
    const replicas = [await deafReplica(), await deafReplica()];
    const ports = replicas.map((replica) => replica.port);
    await withProxy({ ports }, async (broken) => {
      expect((await ask(broken.port, { body: MINT })).status).toBe(502);
      expect(replicas.flatMap(({ received }) => received)).toEqual([expect.stringContaining("POST /tokens")]);
    });
    for (const replica of replicas) replica.close();
  });

  testWithProxy(
    "the proof and the host arrive unchanged, and of the client's address only what the proxy saw",
    async () => {
      const replica = await deafReplica();
      await withProxy({ ports: [replica.port] }, async (noting) => {
        const forged = {
          "x-forwarded-for": "127.0.0.1",
          forwarded: "for=127.0.0.1",
          "x-real-ip": "127.0.0.1",
        };
        const headers = { authorization: "Bearer  a proof ", ...forged };
        await ask(noting.port, { body: MINT, from: "127.0.0.5", headers });
        const lines = (replica.received[0] ?? "").toLowerCase().split("\r\n");
        const named = (name: string) => lines.filter((line) => line.startsWith(`${name}:`));
        expect(named("authorization")).toEqual(["authorization: bearer  a proof"]);
        expect(named("host")).toEqual(["host: auth.example.org"]);
        expect(named("x-forwarded-for")).toEqual(["x-forwarded-for: 127.0.0.5"]);
        expect([...named("forwarded"), ...named("x-real-ip")]).toEqual([]);
      });
      replica.close();
    },
  );

  testWithProxy("a connection that is rejected is tried at the other replica", async () => {
    await withProxy({ ports: [1, service.port] }, async (other) => {
      for (let count = 1; count <= 4; count += 1)
        expect((await ask(other.port, { path: "/healthz" })).status).toBe(200);
    });
  });
});
