import { setTimeout as pause } from "node:timers/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { agentFor, ask, postTokens, RawConnection, sendRaw } from "../support/raw-http.ts";
import { sharedService } from "../support/service-process.ts";
import { refusalOf } from "../support/token-check.ts";

const MEBIBYTE = 1024 * 1024;
const service = sharedService();
const port = () => service().port;

afterEach(async () => {
  expect((await ask(port(), { path: "/healthz" })).text).toBe('{"ok":true}');
  expect((await postTokens(port(), { sender: "still alive" })).status).toBe(200);
});

describe("the head of a request", () => {
  const padded = (bytes: number) => `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Pad: ${"p".repeat(bytes)}\r\n\r\n`;

  test("a head of 15 KiB is read", async () => {
    expect((await sendRaw(port(), padded(15 * 1024)))?.status).toBe(200);
  });

  test.each([
    ["one header", padded(17 * 1024)],
    [
      "a thousand headers",
      `GET /healthz HTTP/1.1\r\nHost: x\r\n${"X-Pad: 123456789012\r\n".repeat(1_000)}\r\n`,
    ],
    ["the target", `GET /healthz?${"p".repeat(17 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ["a megabyte of one header", padded(MEBIBYTE)],
  ])("a head of more than 16 KiB, made of %s, is 431 with a JSON body", async (_name, head) => {
    refusalOf(await sendRaw(port(), head), 431);
  });

  test.each([
    ["an unknown method", "GARBAGE\r\n\r\n"],
    ["no target", "GET\r\n\r\n"],
    ["two spaces in the target", "GET /x y z HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["an unknown version", "GET / HTTP/9.9\r\nHost: x\r\n\r\n"],
    ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["a NUL in a header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"],
    ["a header without a colon", "GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"],
    ["a space before the colon", "GET /healthz HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n"],
  ])("a request with %s is 400 with a JSON body, and the connection ends", async (_name, bytes) => {
    const connection = await RawConnection.open(port());
    connection.send(bytes);
    refusalOf(await connection.response(), 400);
    await connection.msUntilEnd(2_000);
    connection.destroy();
  });

  test("answers to requests that could not be read carry a request id as well", async () => {
    expect((await sendRaw(port(), "GARBAGE\r\n\r\n"))?.headers.get("x-request-id")).toBeTruthy();
    expect((await sendRaw(port(), padded(17 * 1024)))?.headers.get("x-request-id")).toBeTruthy();
  });

  test("HTTP/1.1 without Host is 400 with a JSON body (RFC 9112 section 3.2)", async () => {
    refusalOf(await sendRaw(port(), "GET /healthz HTTP/1.1\r\n\r\n"), 400);
  });

  test("HTTP/1.0 without Host is answered, since health checkers send that", async () => {
    const answer = await sendRaw(port(), "GET /healthz HTTP/1.0\r\n\r\n");
    expect(answer?.status).toBe(200);
    expect(answer?.text).toBe('{"ok":true}');
    expect((await sendRaw(port(), "GET /.well-known/jwks.json HTTP/1.0\r\n\r\n"))?.status).toBe(200);
    const mint = '{"sender":"a"}';
    const head = `POST /tokens HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${String(mint.length)}\r\n\r\n`;
    expect((await sendRaw(port(), head + mint))?.status).toBe(200);
  });

  test.each([
    "Host: x\r\nHost: y",
    "Host: x\r\nContent-Type: application/json\r\nContent-Type: text/plain",
    "Host: x\r\nAccept: */*\r\nAccept: nonsense",
    "Host: x\r\nCookie: a\r\nCookie: b",
    "Host: \r\nX:",
    "Host: x\r\nExpect: nonsense",
    "Host: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Host: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
  ])("the odd headers %j cause no fault in the service", async (headers) => {
    const answer = await sendRaw(port(), `GET /healthz HTTP/1.1\r\n${headers}\r\n\r\n`);
    expect(answer?.status).toBeLessThan(500);
    expect(answer?.text).toMatch(/^\{/);
  });
});

describe("slow clients", { timeout: 40_000 }, () => {
  test.concurrent("headers that trickle in are cut off after about five seconds", async () => {
    const { ms, answer } = await trickle("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    expect(ms).toBeGreaterThan(4_000);
    expect(ms).toBeLessThan(9_000);
    if (answer !== undefined) refusalOf(answer, 408);
  });

  test.concurrent("a body that trickles in is cut off after about ten seconds", async () => {
    const { ms, answer } = await trickle(
      "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    );
    expect(ms).toBeGreaterThan(8_500);
    expect(ms).toBeLessThan(15_000);
    if (answer !== undefined) refusalOf(answer, 408);
  });

  test.concurrent("chunks that trickle in are cut off after about ten seconds", async () => {
    const { ms, answer } = await trickle(
      "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
      "1\r\n \r\n",
    );
    expect(ms).toBeGreaterThan(8_500);
    expect(ms).toBeLessThan(15_000);
    if (answer !== undefined) refusalOf(answer, 408);
  });

  test.concurrent("a connection that never sends a byte is closed", async () => {
    const connection = await RawConnection.open(port());
    expect(await connection.msUntilEnd(30_000)).toBeLessThan(15_000);
    connection.destroy();
  });

  test.concurrent("three hundred slow clients delay no other client", async () => {
    const slow = await Promise.all(Array.from({ length: 300 }, () => RawConnection.open(port())));
    for (const connection of slow)
      connection.send("POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    for (let round = 0; round < 10; round += 1) {
      const start = performance.now();
      expect((await postTokens(port(), { sender: "quick" })).status).toBe(200);
      expect(performance.now() - start).toBeLessThan(1_500);
      await pause(100);
    }
    for (const connection of slow) connection.destroy();
  });

  /** Sends a start and then a little every 300 ms until the service closes the connection. */
  async function trickle(start: string, drop = "x") {
    const connection = await RawConnection.open(port());
    connection.send(start);
    const drip = setInterval(() => {
      connection.send(drop);
    }, 300);
    try {
      const ms = await connection.msUntilEnd(35_000);
      return { ms, answer: await connection.response() };
    } finally {
      clearInterval(drip);
      connection.destroy();
    }
  }
});

describe("large bodies", { timeout: 40_000 }, () => {
  const head = "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

  test.each(["1073741824", "99999999999", "9007199254740993"])(
    "a declared length of %s bytes is rejected with 413 before any of it is read",
    async (length) => {
      const connection = await RawConnection.open(port());
      const start = performance.now();
      connection.send(`${head}Content-Length: ${length}\r\n\r\n`);
      refusalOf(await connection.response(), 413);
      expect(performance.now() - start).toBeLessThan(2_000);
      connection.destroy();
    },
  );

  test("a client that asks first (Expect: 100-continue) gets 413 before it sends the body", async () => {
    const connection = await RawConnection.open(port());
    connection.send(`${head}Expect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n`);
    refusalOf(await connection.response(), 413);
    connection.destroy();
  });

  test("a client that asks first with a body of an accepted size gets 100 Continue", async () => {
    const mint = '{"sender":"a"}';
    const connection = await RawConnection.open(port());
    connection.send(`${head}Expect: 100-continue\r\nContent-Length: ${String(mint.length)}\r\n\r\n`);
    await pause(100);
    expect(connection.unread.toString()).toMatch(/^HTTP\/1\.1 100 /);
    connection.send(mint);
    expect((await connection.response())?.status).toBe(200);
    connection.destroy();
  });

  test("a chunked body without end is rejected with 413 and then cut off", async () => {
    const connection = await RawConnection.open(port());
    connection.send(`${head}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${"p".repeat(0x10000)}\r\n`;
    const flow = setInterval(() => {
      connection.send(chunk);
    }, 5);
    refusalOf(await connection.response(), 413);
    await connection.msUntilEnd(20_000);
    clearInterval(flow);
    connection.destroy();
  });

  test.each([
    ["gzip", gzipSync(Buffer.alloc(90 * MEBIBYTE))],
    [
      "br",
      brotliCompressSync(Buffer.alloc(256 * MEBIBYTE), {
        params: { [constants.BROTLI_PARAM_QUALITY]: 3, [constants.BROTLI_PARAM_LGWIN]: 24 },
      }),
    ],
  ])("a %s bomb is 413, and twenty at once take little memory", async (coding, bomb) => {
    expect(bomb.length).toBeLessThan(102_400);
    const before = await service().memoryKib("VmRSS");
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => postTokens(port(), bomb, { "content-encoding": coding })),
    );
    for (const answer of answers) refusalOf(answer, 413);
    const peak = await service().memoryKib("VmHWM");
    if (before !== undefined && peak !== undefined) expect(peak - before).toBeLessThan(150 * 1024);
  });
});

describe("kept-alive connections", () => {
  test("the service announces that it keeps an idle connection for 65 seconds", async () => {
    const agent = agentFor({ keepAlive: true, maxSockets: 1 });
    const answer = await ask(port(), { path: "/healthz", agent });
    agent.destroy();
    expect(answer.headers.get("connection")?.toLowerCase()).toBe("keep-alive");
    expect(answer.headers.get("keep-alive")).toMatch(/(?:^|,\s*)timeout=65(?:,|$)/);
  });

  test("an idle connection can still be used after seven seconds", { timeout: 20_000 }, async () => {
    const connection = await RawConnection.open(port());
    connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect((await connection.response())?.status).toBe(200);
    await pause(7_000);
    connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect((await connection.response())?.status).toBe(200);
    connection.destroy();
  });

  test("a hundred requests in one write are answered in order", async () => {
    const connection = await RawConnection.open(port());
    const mints = Array.from({ length: 100 }, (_, i) => JSON.stringify({ sender: `s${String(i)}` }));
    connection.send(
      mints
        .map(
          (mint) =>
            `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(mint.length)}\r\n\r\n${mint}`,
        )
        .join(""),
    );
    for (const mint of mints)
      expect(JSON.parse((await connection.response())?.text ?? "")).toMatchObject(JSON.parse(mint) as object);
    connection.destroy();
  });

  test.each([
    ["bytes that are not a request", "GARBAGE\r\n\r\n"],
    [
      "a length and a coding",
      "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
  ])("a valid request before %s never gets the rejection of the other", async (_name, bytes) => {
    const mint = '{"sender":"a"}';
    const connection = await RawConnection.open(port());
    connection.send(
      `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(mint.length)}\r\n\r\n${mint}${bytes}`,
    );
    const [first] = await connection.responsesToEnd();
    connection.destroy();
    expect(first?.status ?? 200).toBe(200);
  });

  test.each([
    ["400", "{", {}],
    ["404", "{}", { path: "/nope" }],
    ["413", `"${"p".repeat(150_000)}"`, {}],
    ["415", "{}", { "content-encoding": "nope" }],
  ])(
    "after a %s the next request on the same connection is answered or finds it closed, never out of step",
    async (_status, body, headers) => {
      const { path = "/tokens", ...fields } = headers as Record<string, string>;
      const connection = await RawConnection.open(port());
      const lines = Object.entries({
        "content-type": "application/json",
        ...fields,
        "content-length": String(body.length),
      });
      connection.send(
        `POST ${path} HTTP/1.1\r\nHost: x\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`,
      );
      expect((await connection.response())?.status).toBe(Number(_status));
      connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
      const next = await connection.response();
      expect(next?.text ?? '{"ok":true}').toBe('{"ok":true}');
      connection.destroy();
    },
  );
});

describe("requests made to be read in two ways", () => {
  const smuggled = "GET /nope HTTP/1.1\r\nHost: x\r\n\r\n";
  const head = "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

  test.each([
    [
      "a length and a coding",
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "a coding and a length",
      `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    ["two lengths", `${head}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}${smuggled}`],
    ["a list of lengths", `${head}Content-Length: 2, 40\r\n\r\n{}${smuggled}`],
    ["a negative length", `${head}Content-Length: -2\r\n\r\n{}${smuggled}`],
    ["a signed length", `${head}Content-Length: +2\r\n\r\n{}${smuggled}`],
    ["a hexadecimal length", `${head}Content-Length: 0x2\r\n\r\n{}${smuggled}`],
    ["a length of twenty-one digits", `${head}Content-Length: 100000000000000000002\r\n\r\n{}${smuggled}`],
    ["an empty length", `${head}Content-Length: \r\n\r\n{}${smuggled}`],
    ["a coding that is not chunked", `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ["chunked not last", `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`],
    [
      "a space before the colon of the coding",
      `${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "a folded header",
      `${head}Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "a chunk size that is no number",
      `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "a chunk longer than its size",
      `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{}xx\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "a chunk size above every limit",
      `${head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n${smuggled}`,
    ],
    ["bare line feeds in a chunked body", `${head}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n${smuggled}`],
  ])(
    "%s: one rejection with 400, and the bytes after it are never read as a request",
    async (_name, bytes) => {
      const connection = await RawConnection.open(port());
      connection.send(bytes);
      const answers = await connection.responsesToEnd();
      connection.destroy();
      expect(answers.map((answer) => answer.status)).toEqual([400]);
      refusalOf(answers[0], 400);
    },
  );
});
