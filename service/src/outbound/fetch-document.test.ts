import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../kernel/secret.ts";
import { systemTimers } from "../kernel/timers.ts";
import { TestTimers } from "../testing/test-timers.ts";
import { systemResolve } from "./checked-lookup.ts";
import { fetchDocument, fetchFromMint } from "./fetch-document.ts";

const requests: { url: string | undefined; headers: Record<string, unknown> }[] = [];
const server = createServer((request, response) => {
  requests.push({ url: request.url, headers: request.headers });
  response.writeHead(200, {
    "content-type": "Application/JSON; charset=utf-8",
    "cache-control": "public, max-age=120",
    age: "20",
  });
  response.end('{"keys":[]}');
});
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

const fetch = fetchDocument({ timers: systemTimers, resolve: systemResolve });
const options = { reach: "private", ca: undefined, mediaTypes: ["application/json"] } as const;

describe("a document of an issuer", () => {
  test("arrives with its type and the time for which it may be cached", async () => {
    const fetched = await fetch(`http://localhost:${port}/keys`, options);

    expect(fetched).toMatchObject({
      kind: "document",
      bytes: Buffer.from('{"keys":[]}'),
      status: 200,
      contentType: "application/json",
      maxAgeSeconds: 100,
    });
    expect(requests.at(-1)?.headers).toEqual({
      accept: "application/json",
      "accept-encoding": "identity",
      connection: "close",
      host: `localhost:${port}`,
      "user-agent": "macp-auth",
    });
  });

  test("is not fetched from this machine for a public issuer", async () => {
    const before = requests.length;

    expect(await fetch(`http://localhost:${port}/keys`, { ...options, reach: "public" })).toEqual({
      kind: "failed",
      reason: "address_forbidden",
    });
    expect(requests.length).toBe(before);
  });

  test("is not asked for with a header that cannot be sent: a fault, and no timer is left", async () => {
    const timers = new TestTimers();
    const bearer = new Secret("two\r\nlines");
    const asked = fetchDocument({ timers, resolve: systemResolve })(`http://localhost:${port}/`, {
      ...options,
      bearer,
    });

    await expect(asked).rejects.toThrow();
    expect(timers.waiting).toBe(0);
  });

  test("leaves no timer behind", async () => {
    const timers = new TestTimers();
    await fetchDocument({ timers, resolve: systemResolve })(`http://localhost:${port}/`, options);

    expect(timers.waiting).toBe(0);
  });
});

describe("a mint that is polled", () => {
  const sockets = new Set<unknown>();
  let reply: (response: ServerResponse) => void = () => undefined;
  const mint = createServer((request, response) => {
    sockets.add(request.socket);
    reply(response);
  });
  const url = (): string => `http://127.0.0.1:${String((mint.address() as AddressInfo).port)}/guard/feed`;
  const fetchPage = fetchFromMint({ timers: systemTimers, resolve: systemResolve }, 1_000_000);
  beforeAll(() => new Promise<void>((resolve) => mint.listen(0, "127.0.0.1", resolve)));
  afterAll(() => {
    mint.close();
    mint.closeAllConnections();
  });
  const json = { "content-type": "application/json" };
  const sizeOf = async () => {
    const answer = await fetchPage(url(), options);
    return answer.kind === "document" ? answer.bytes.length : answer.reason;
  };

  test("is asked over one connection, also after an answer that was no page, with a reply larger than other documents", async () => {
    sockets.clear();
    const large = Buffer.alloc(900_000, "x");
    reply = (response) => response.writeHead(200, json).end(large);
    for (let polls = 0; polls < 5; polls += 1) expect(await sizeOf()).toBe(large.length);
    expect(sockets.size).toBe(1);
    reply = (response) => response.writeHead(503, json).end("{}");
    expect(await fetchPage(url(), options)).toMatchObject({ reason: "status_unexpected", status: 503 });
    reply = (response) => response.writeHead(200, json).end("{}");
    expect(await sizeOf()).toBe(2);
    expect(sockets.size).toBe(2);
  });

  test("that ends its connection is asked again over another one, and one that sends too much is given up", async () => {
    reply = (response) => response.writeHead(200, { ...json, connection: "close" }).end("{}");
    for (let polls = 0; polls < 3; polls += 1) expect(await sizeOf()).toBe(2);
    reply = (response) => response.writeHead(200, json).end("{}");
    for (let polls = 0; polls < 3; polls += 1) {
      expect(await sizeOf()).toBe(2);
      // As a server does whose idle connections end, or that is restarted.
      mint.closeAllConnections();
    }
    reply = (response) => response.writeHead(200, json).end(Buffer.alloc(1_000_001));
    expect(await sizeOf()).toBe("too_large");
  });
});
