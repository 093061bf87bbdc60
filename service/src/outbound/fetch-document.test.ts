import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../kernel/secret.ts";
import { systemTimers } from "../kernel/timers.ts";
import { TestTimers } from "../testing/test-timers.ts";
import { systemResolve } from "./checked-lookup.ts";
import { fetchDocument } from "./fetch-document.ts";

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
