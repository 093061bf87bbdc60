import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { FetchOptions } from "../callers/fetch-document.ts";
import { IssuerKeySets } from "../callers/issuer-keys/issuer-key-sets.ts";
import { readSmallFile } from "../files/small-file.ts";
import { systemClock, systemStopwatch } from "../kernel/clock.ts";
import { Secret } from "../kernel/secret.ts";
import { systemTimers } from "../kernel/timers.ts";
import { type Authority, type Certificate, makeAuthority } from "../testing/certificates.ts";
import {
  answering,
  type EvilServer,
  endlessly,
  evilServer,
  evilTlsServer,
  jsonReply,
  type Script,
  slowly,
} from "../testing/issuers/evil-server.ts";
import { issuerEntry } from "../testing/issuers/issuer-entry.ts";
import { publicJwk } from "../testing/issuers/test-issuer.ts";
import { type Resolve, systemResolve } from "./checked-lookup.ts";
import { fetchDocument, postDocument } from "./fetch-document.ts";

const OPTIONS: FetchOptions = { reach: "private", ca: undefined, mediaTypes: ["application/json"] };
const JSON_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

const servers: EvilServer[] = [];
let inner: EvilServer;
let authority: Authority;
let good: Certificate;

async function started(server: Promise<EvilServer>): Promise<EvilServer> {
  servers.push(await server);
  return server;
}

const evil = (script: Script) => started(evilServer(script));
const fetchWith = (resolve: Resolve) => fetchDocument({ timers: systemTimers, resolve });
const fetch = fetchWith(systemResolve);

/** What a server that follows the script gives, in the time that it may take; its connection is over then. */
async function fetchedFrom(script: Script, options = OPTIONS): Promise<unknown> {
  const server = await evil(script);
  const outcome = await inTime(() => fetch(`http://127.0.0.1:${server.port}/keys`, options));
  await vi.waitFor(() => {
    expect(server.open()).toBe(0);
  });
  return outcome;
}

/**
 * The outcome, unless a timer that is due a little after the limit comes first. Timers of one process keep their order, so a loaded
 * machine fails no test.
 */
async function inTime<T>(run: () => Promise<T>, msMax = 5_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${msMax} ms`)), msMax + 200);
  });
  return Promise.race([run(), late]).finally(() => clearTimeout(timer));
}

beforeAll(async () => {
  inner = await started(evilServer(answering(jsonReply('{"keys":[]}'))));
  authority = await makeAuthority();
  good = await authority.issue("good", "DNS:localhost,DNS:issuer.example,IP:127.0.0.1");
});

afterAll(async () => {
  for (const server of servers) server.close();
  await authority.remove();
});

afterEach(() => {
  vi.unstubAllEnvs();
  expect(inner.connections()).toBe(0);
});

describe("an evil issuer does not lead the service to a server that it may not see", () => {
  test.each([301, 302, 303, 307, 308])("by a redirect with status %i", async (status) => {
    const location = `location: http://127.0.0.1:${inner.port}/`;
    const reply = `HTTP/1.1 ${status} Moved\r\n${location}\r\ncontent-length: 0\r\n\r\n`;
    expect(await fetchedFrom(answering(reply))).toEqual({ kind: "failed", reason: "redirected", status });
  });

  test.each([
    [["127.0.0.1"]],
    [["169.254.169.254"]],
    [["10.0.0.1"]],
    [["::1"]],
    [["::ffff:127.0.0.1"]],
    [["0.0.0.0"]],
    // The right one first, so that only a look at all of them helps.
    [["8.8.8.8", "127.0.0.1"]],
  ])("by the DNS answer %j", async (addresses) => {
    const resolve: Resolve = async () =>
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    const url = `https://issuer.example:${inner.port}/keys`;
    const fetched = await inTime(() => fetchWith(resolve)(url, { ...OPTIONS, reach: "public" }));
    expect(fetched).toEqual({ kind: "failed", reason: "address_forbidden" });
  });

  test("by a second DNS answer: the connection goes to the address that was checked", async () => {
    const server = await evil(answering(jsonReply("{}")));
    const answers = ["127.0.0.1", "169.254.169.254", "169.254.169.254"];
    let asked = 0;
    const resolve: Resolve = async () => {
      asked += 1;
      return [{ address: answers.shift() ?? "", family: 4 }];
    };
    const fetched = await inTime(() => fetchWith(resolve)(`http://localhost:${server.port}/`, OPTIONS));
    expect(fetched).toMatchObject({ kind: "document" });
    expect(asked).toBe(1);
  });

  test("by a proxy of the environment", async () => {
    for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])
      vi.stubEnv(name, `http://127.0.0.1:${inner.port}`);
    vi.stubEnv("NODE_USE_ENV_PROXY", "1");
    expect(await fetchedFrom(answering(jsonReply("{}")))).toMatchObject({ kind: "document" });
  });

  test("by keys on another host, or a document of another issuer", async () => {
    const sets = newSets();
    const server = await evil((socket) => {
      const issuer = `http://127.0.0.1:${server.port}`;
      answering(jsonReply(JSON.stringify({ issuer, jwks_uri: `http://127.0.0.1:${inner.port}/` })))(socket);
    });
    const entry = issuerEntry({
      issuer: `http://127.0.0.1:${server.port}`,
      keys: { kind: "discovery", jwksHosts: [], reach: "private", caPem: undefined },
    });
    expect(await inTime(() => sets.find(entry, { kid: "a", alg: "ES256" }))).toEqual({ kind: "unavailable" });
    expect(sets.list([entry])).toMatchObject([{ lastFailure: { reason: "jwks_uri_forbidden" } }]);
  });
});

describe("an evil issuer does not hold the service up, or fill its memory", () => {
  test.concurrent.each<[string, string, Script]>([
    ["silence", "timeout", (socket) => socket.resume()],
    ["slow headers", "timeout", slowly(`${JSON_HEAD}x-slow: ${"a".repeat(1000)}`)],
    ["a slow body", "timeout", answering(`${JSON_HEAD}content-length: 100\r\n\r\n`, "{")],
    [
      "endless interim replies",
      "connection_lost",
      endlessly("", Buffer.from("HTTP/1.1 100 Continue\r\n\r\n")),
    ],
    ["an endless body", "too_large", endlessly(`${JSON_HEAD}\r\n`, Buffer.alloc(65_536, 32))],
    [
      "10 GB",
      "too_large",
      endlessly(`${JSON_HEAD}content-length: 10737418240\r\n\r\n`, Buffer.alloc(65_536, 32)),
    ],
    [
      "an endless body of chunks of one byte",
      "too_large",
      endlessly(`${JSON_HEAD}transfer-encoding: chunked\r\n\r\n`, Buffer.from("1\r\n \r\n".repeat(1000))),
    ],
    ["an endless header", "reply_malformed", endlessly(`${JSON_HEAD}x-long: `, Buffer.alloc(65_536, 97))],
    ["endless headers", "reply_malformed", endlessly(JSON_HEAD, Buffer.from("a: b\r\n".repeat(10_000)))],
    ["100,001 keys", "too_large", answering(jsonReply(JSON.stringify({ keys: Array(100_001).fill({}) })))],
  ])("by %s (%s)", async (_name, reason, script) => {
    expect(await fetchedFrom(script)).toEqual({ kind: "failed", reason });
  });

  test.concurrent("by a server that accepts a connection and never shakes hands", async () => {
    const { port } = await evil(() => undefined);
    const fetched = await inTime(() => fetch(`https://127.0.0.1:${port}/`, OPTIONS), 3_000);
    expect(fetched).toEqual({ kind: "failed", reason: "connect_timeout" });
  });

  test.concurrent("by a name server that never answers", async () => {
    const resolve: Resolve = () => new Promise(() => undefined);
    expect(await inTime(() => fetchWith(resolve)("https://issuer.example/", OPTIONS))).toEqual({
      kind: "failed",
      reason: "connect_timeout",
    });
  });

  test("by 2 GB in twenty replies: the memory stays, and the connection is cut", async () => {
    const server = await evil(endlessly(`${JSON_HEAD}\r\n`, Buffer.alloc(65_536, 32)));
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 20; round += 1) await fetch(`http://127.0.0.1:${server.port}/`, OPTIONS);
    await vi.waitFor(() => {
      expect(server.bytesSent()).toBeGreaterThan(0);
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    expect(server.bytesSent()).toBeLessThan(20 * 32 * 1024 * 1024);
  });

  test("by a small reply that inflates to a large one", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 32));
    const script = answering(`${JSON_HEAD}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
    expect(await fetchedFrom(script)).toEqual({ kind: "failed", reason: "encoding_unexpected" });
  });

  test("by 10,000 questions for keys that it does not have", async () => {
    const body = JSON.stringify({ keys: [publicJwk("a")] });
    const server = await evil(answering(jsonReply(body)));
    const entry = issuerEntry({
      keys: { kind: "jwks_url", url: `http://127.0.0.1:${server.port}/`, reach: "private", caPem: undefined },
    });
    const sets = newSets();
    const kids = Array.from({ length: 10_000 }, (_, index) => `kid-${index}`);
    const found = await Promise.all(kids.map((kid) => sets.find(entry, { kid, alg: "ES256" })));
    for (const kid of kids) await sets.find(entry, { kid, alg: "ES256" });

    // Those that may not wait are judged by the keys that are known, which are none yet.
    expect(found.every((known) => known.kind === "unavailable" || known.keys.length === 0)).toBe(true);
    expect(await sets.find(entry, { kid: "a", alg: "ES256" })).toMatchObject({ keys: [{ kid: "a" }] });
    expect(server.connections()).toBe(1);
  });
});

describe("an evil issuer's reply is rejected", () => {
  test.each<[string, string, Script]>([
    [
      "with two lengths",
      "reply_malformed",
      answering(`${JSON_HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
    ],
    [
      "with a length and chunks",
      "reply_malformed",
      answering(`${JSON_HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
    ],
    ["that is not HTTP", "reply_malformed", answering("SSH-2.0-OpenSSH_9.9\r\n")],
    ["of HTTP/2", "reply_malformed", answering("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
    [
      "that is cut off",
      "connection_lost",
      (socket) => {
        socket.once("data", () => socket.end(`${JSON_HEAD}content-length: 100\r\n\r\n{`));
      },
    ],
    [
      "that is reset",
      "connection_lost",
      (socket) => {
        socket.once("data", () => socket.resetAndDestroy());
      },
    ],
    [
      "that is reset in its middle",
      "connection_lost",
      (socket) => {
        socket.once("data", () => {
          socket.write(`${JSON_HEAD}content-length: 100\r\n\r\n{`, () =>
            setTimeout(() => socket.resetAndDestroy(), 50),
          );
        });
      },
    ],
    [
      "that changes the protocol",
      "connection_lost",
      answering("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    ],
    [
      "of HTML",
      "type_unexpected",
      answering("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}"),
    ],
    ["without a type", "type_unexpected", answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")],
  ])("%s", async (_name, reason, script) => {
    expect(await fetchedFrom(script)).toEqual({ kind: "failed", reason });
  });

  test.each([201, 204, 206, 400, 401, 404, 500, 503])("with status %i", async (status) => {
    const reply = `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n`;
    expect(await fetchedFrom(answering(reply))).toEqual({
      kind: "failed",
      reason: "status_unexpected",
      status,
    });
  });

  test("of HTTP/1.0 is accepted, and so is what follows it not read", async () => {
    const reply = "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{}";
    const ending: Script = (socket) => {
      socket.once("data", () => socket.end(reply));
    };
    expect(await fetchedFrom(ending)).toMatchObject({ kind: "document", bytes: Buffer.from("{}") });
    const twice = answering(jsonReply("{}"), jsonReply("[]"));
    expect(await fetchedFrom(twice)).toMatchObject({ kind: "document", bytes: Buffer.from("{}") });
  });

  test("of exactly 100 KiB is accepted, and one byte more is not", async () => {
    const body = " ".repeat(102_400);
    expect(await fetchedFrom(answering(jsonReply(body)))).toMatchObject({ kind: "document" });
    expect(await fetchedFrom(answering(jsonReply(`${body} `)))).toMatchObject({ reason: "too_large" });
  });

  test("after a few interim replies is accepted", async () => {
    const hints = "HTTP/1.1 103 Early Hints\r\n\r\n";
    expect(await fetchedFrom(answering(hints.repeat(4), jsonReply("{}")))).toMatchObject({
      kind: "document",
    });
  });

  test("and its cookies do not come back", async () => {
    const seen: string[] = [];
    const server = await evil((socket) => {
      socket.once("data", (bytes) => {
        seen.push(bytes.toString());
        socket.write(jsonReply("{}", "set-cookie: a=b"));
      });
    });
    for (let round = 0; round < 2; round += 1) await fetch(`http://127.0.0.1:${server.port}/`, OPTIONS);
    expect(seen.length).toBe(2);
    expect(seen.join("")).not.toMatch(/cookie/i);
  });
});

describe("an evil issuer's TLS", () => {
  const tlsFetch = (port: number, options: Partial<FetchOptions> = {}) =>
    inTime(() => fetch(`https://localhost:${port}/`, { ...OPTIONS, ca: ca(), ...options }));
  let caPem = "";
  const pem = (path: string) => readFile(path, "utf8");
  const ca = () => caPem;
  beforeAll(async () => {
    caPem = await pem(authority.path);
  });
  const withCertificate = (
    { certificate, key }: Pick<Certificate, "certificate" | "key">,
    more: object = {},
  ) => started(evilTlsServer({ cert: certificate, key, ...more }, answering(jsonReply("{}"))));

  test("is trusted with a certificate of the authority of its entry", async () => {
    const { port } = await withCertificate(good);
    expect(await tlsFetch(port)).toMatchObject({ kind: "document" });
    expect(await tlsFetch(port, { ca: undefined })).toEqual({
      kind: "failed",
      reason: "certificate_untrusted",
    });
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    expect(await tlsFetch(port, { ca: undefined })).toEqual({
      kind: "failed",
      reason: "certificate_untrusted",
    });
  });

  test("is not trusted with the certificate of another host, one that has expired, or its own", async () => {
    const wrongHost = await withCertificate(await authority.issue("wrong", "DNS:other.example"));
    expect(await tlsFetch(wrongHost.port)).toEqual({ kind: "failed", reason: "certificate_wrong_host" });
    const expired = await withCertificate(await authority.issue("expired", "DNS:localhost", -1));
    expect(await tlsFetch(expired.port)).toEqual({ kind: "failed", reason: "certificate_expired" });
    const other = await makeAuthority();
    const stranger = await withCertificate(await other.issue("good", "DNS:localhost"));
    expect(await tlsFetch(stranger.port)).toEqual({ kind: "failed", reason: "certificate_untrusted" });
    const own = { certificate: await pem(other.path), key: await pem(other.path.replace(/pem$/, "key")) };
    const selfSigned = await withCertificate(own);
    expect(await tlsFetch(selfSigned.port)).toEqual({ kind: "failed", reason: "certificate_untrusted" });
    await other.remove();
  });

  test("sends nobody our bearer token before its certificate is checked", async () => {
    const seen: Buffer[] = [];
    const { certificate, key } = await authority.issue("thief", "DNS:other.example");
    const { port } = await started(
      evilTlsServer({ cert: certificate, key }, (socket) =>
        socket.on("data", (bytes: Buffer) => seen.push(bytes)),
      ),
    );
    const post = postDocument({ timers: systemTimers, resolve: systemResolve });
    const bearer = new Secret("bearer");
    await inTime(() => post(`https://localhost:${port}/`, "{}", { ...OPTIONS, ca: ca(), bearer }));
    expect(Buffer.concat(seen).length).toBe(0);
  });

  test("is at least 1.2", async () => {
    const { port } = await withCertificate(good, {
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    expect(await tlsFetch(port)).toEqual({ kind: "failed", reason: "tls_failed" });
  });

  test("does not renegotiate", async () => {
    let renegotiated = 0;
    const { certificate, key } = good;
    const { port } = await started(
      evilTlsServer({ cert: certificate, key, maxVersion: "TLSv1.2" }, (socket) => {
        socket.once("data", () => {
          socket.renegotiate({}, (fault) => {
            if (fault === null) renegotiated += 1;
            socket.write(jsonReply("{}"));
          });
        });
      }),
    );
    for (let round = 0; round < 3; round += 1) await tlsFetch(port);
    expect(renegotiated).toBe(0);
  });

  test("is spoken at all: a plain server, and one that ends the handshake, are rejected", async () => {
    const plain = await evil(answering(jsonReply("{}")));
    expect(await tlsFetch(plain.port)).toEqual({ kind: "failed", reason: "tls_failed" });
    const closing = await evil((socket) => socket.destroy());
    expect(await tlsFetch(closing.port)).toEqual({ kind: "failed", reason: "connect_failed" });
  });

  test("with an authority that is no certificate is not spoken", async () => {
    const { port } = await withCertificate(good);
    expect(await tlsFetch(port, { ca: "no certificate" })).toMatchObject({ kind: "failed" });
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    expect(await tlsFetch(port, { ca: broken })).toMatchObject({ kind: "failed" });
  });
});

test("no request uses the global fetch, through which a hostile server can end the process", async () => {
  vi.stubGlobal("fetch", () => {
    throw new Error("the global fetch was called");
  });
  try {
    const keys = JSON.stringify({ keys: [publicJwk("a")], spiffe_sequence: 1 });
    const server = await evil((socket) => {
      socket.once("data", (request) => {
        const issuer = `http://127.0.0.1:${server.port}`;
        const document = JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` });
        socket.write(jsonReply(request.includes("openid-configuration") ? document : keys));
      });
    });
    const url = `http://127.0.0.1:${server.port}`;
    const place = { reach: "private", caPem: undefined } as const;
    for (const entry of [
      issuerEntry({ issuer: url, keys: { kind: "discovery", jwksHosts: [], ...place } }),
      issuerEntry({ keys: { kind: "jwks_url", url: `${url}/keys`, ...place } }),
    ])
      expect(await inTime(() => newSets().find(entry, { kid: "a", alg: "ES256" }))).toMatchObject({
        keys: [{ kid: "a" }],
      });
    const post = postDocument({ timers: systemTimers, resolve: systemResolve });
    const posted = await inTime(() => post(`${url}/review`, "{}", { ...OPTIONS, bearer: new Secret("b") }));
    expect(posted).toMatchObject({ kind: "document" });
  } finally {
    vi.unstubAllGlobals();
  }
});

test("a name without an address, and a port where nobody listens, are reasons too", async () => {
  const closed = await evil(() => undefined);
  closed.close();
  expect(await fetch(`http://127.0.0.1:${closed.port}/`, OPTIONS)).toEqual({
    kind: "failed",
    reason: "connect_failed",
  });
  const nowhere: Resolve = () => Promise.reject(Object.assign(new Error("none"), { code: "ENOTFOUND" }));
  for (const resolve of [nowhere, async () => []])
    expect(await fetchWith(resolve)("https://issuer.example/", OPTIONS)).toEqual({
      kind: "failed",
      reason: "name_unresolved",
    });
});

function newSets(): IssuerKeySets {
  return new IssuerKeySets({
    fetchDocument: fetch,
    readBearer: readSmallFile,
    clock: systemClock,
    stopwatch: systemStopwatch,
  });
}
