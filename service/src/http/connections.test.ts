import { once } from "node:events";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectSecurely, type TLSSocket } from "node:tls";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RawConnection } from "../../../e2e/support/raw-http.ts";
import { systemStopwatch } from "../kernel/clock.ts";
import { systemRandom } from "../kernel/random.ts";
import { systemTimers } from "../kernel/timers.ts";
import { drain } from "../run/listen.ts";
import { type Authority, type Certificate, makeAuthority } from "../testing/certificates.ts";
import { json, problemAnswer, rendered } from "./answer.ts";
import { readJsonBody } from "./body.ts";
import { httpServer, type Listener } from "./listener.ts";

const NOW = "GET /now HTTP/1.1\r\nHost: x\r\n\r\n";
const LATER = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
const MACHINE = { timers: systemTimers, stopwatch: systemStopwatch };
/** More than the buffers of the kernel take. */
const LARGE_BYTES = 32 * 1_024 * 1_024;
/** As much as Node reads in one piece; it reads up to 32 of them at once. */
const ONE_READ_BYTES = 65_536;
const never = new Promise<void>(() => undefined);

/** A slow handshake: each piece that the client sends is delayed. */
async function openSlowly(port: number, pieceMs: number): Promise<TLSSocket> {
  const wire = connect(port, "127.0.0.1");
  const slow = new Duplex({
    read: () => undefined,
    write(piece: Buffer, _encoding, done) {
      void pause(pieceMs).then(() => wire.write(piece, () => done()));
    },
  });
  wire.on("data", (piece: Buffer) => slow.push(piece));
  wire.on("close", () => slow.destroy());
  const socket = connectSecurely({ socket: slow, rejectUnauthorized: false });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

// What only a handshake can do has no cases over http.
const BAD_HANDSHAKES = {
  http: [],
  https: [
    ["is no handshake", NOW],
    ["breaks off", "\x16\x03\x01\x00\xff\x01garbage"],
  ],
} as const;
const SLOW_HANDSHAKES_MS = { http: [], https: [600] } as const;

describe.each(["http", "https"] as const)("a connection over %s", (scheme) => {
  let authority: Authority;
  let certificate: Certificate;
  let listener: Listener;
  let release: () => void;
  let logged: Record<string, unknown>[];
  /** How many requests for `/later` have come. */
  let underWay: number;

  beforeAll(async () => {
    authority = await makeAuthority();
    certificate = await authority.issue("server", "DNS:localhost,IP:127.0.0.1");
  });
  afterAll(() => authority.remove());

  beforeEach(async () => {
    logged = [];
    underWay = 0;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const write = (line: string): void => void logged.push(JSON.parse(line) as Record<string, unknown>);
    const { certificate: cert, key } = certificate;
    listener = httpServer(
      {
        log: pino({ level: "info", base: null }, { write }),
        random: systemRandom(),
        timers: systemTimers,
        keepAliveSeconds: 65,
        ...(scheme === "https" && {
          createServer: (options, onRequest) => createSecureServer({ ...options, cert, key }, onRequest),
        }),
      },
      [
        { method: "GET", path: "/now", handle: () => json(200, { now: true }) },
        {
          method: "GET",
          path: "/later",
          handle: async () => {
            underWay += 1;
            await released;
            return json(200, { later: true });
          },
        },
        { method: "GET", path: "/large", handle: () => rendered("x".repeat(LARGE_BYTES), []) },
        {
          method: "POST",
          path: "/body",
          handle: async ({ incoming }) => {
            const body = await readJsonBody(incoming);
            return body.kind === "rejected" ? problemAnswer(body.problem) : json(200, { kind: body.kind });
          },
        },
      ],
    );
    await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => {
    release();
    listener.server.close();
    listener.server.closeAllConnections();
  });

  const portOf = (): number => (listener.server.address() as AddressInfo).port;
  const open = (): Promise<RawConnection> =>
    scheme === "https" ? RawConnection.openSecurely(portOf()) : RawConnection.open(portOf());
  /** A connection that was used once and is kept alive. */
  async function idle(): Promise<RawConnection> {
    const connection = await open();
    connection.send(NOW);
    expect((await connection.response())?.headers.get("connection")).toBe("keep-alive");
    return connection;
  }
  const stop = (): Promise<number> => drain(MACHINE, [listener], 0, never);

  describe("with requests that are sent before the last one is answered", () => {
    test("answers 128 that wait, in their order", async () => {
      const connection = await open();
      connection.send(LATER.repeat(127) + NOW);
      await pause(200);
      release();
      for (let count = 0; count < 127; count += 1)
        expect((await connection.response())?.text).toBe('{"later":true}');
      expect((await connection.response())?.text).toBe('{"now":true}');
      connection.destroy();
    });

    test("ends at the 129th that waits, without an answer", async () => {
      const connection = await open();
      connection.send(LATER.repeat(129));
      expect(await connection.responsesToEnd(3_000)).toEqual([]);
    });

    test("is not read on at the 129th: what came with it makes no objects", async () => {
      let seen = 0;
      listener.server.on("request", () => {
        seen += 1;
      });
      const connection = await open();
      // Fewer than Node reads at once, also in a record of TLS.
      connection.send(LATER.repeat(400));
      await connection.msUntilEnd(3_000);
      expect(seen).toBe(129);
    });

    test("is answered while so many wait on others that some of those end, and many may wait again later", async () => {
      const others = await Promise.all(Array.from({ length: 20 }, open));
      for (const other of others) other.send(LATER.repeat(128));
      // 2,048 may wait: those of 16 connections.
      await expect
        .poll(() => others.filter(({ ended }) => ended).length, { timeout: 10_000 })
        .toBeGreaterThanOrEqual(4);
      const kept = others.filter(({ ended }) => !ended);
      expect(kept.length).toBeGreaterThan(10);
      await idle();
      release();
      for (const other of kept)
        for (let count = 0; count < 128; count += 1) expect((await other.response())?.status).toBe(200);
      const later = await open();
      later.send(NOW.repeat(128));
      for (let count = 0; count < 128; count += 1) expect((await later.response())?.status).toBe(200);
      for (const one of [...kept, later]) one.destroy();
    });

    test("answers the requests before bytes that are not a request, and then ends without an answer to these bytes", async () => {
      const connection = await open();
      connection.send(`${LATER.repeat(3)}GARBAGE\r\n\r\n`);
      await pause(200);
      expect(connection.ended).toBe(false);
      release();
      const answers = await connection.responsesToEnd();
      expect(answers.map(({ text }) => text)).toEqual(Array(3).fill('{"later":true}'));
    });
  });

  test("that brings no request gets an error as JSON, and ends", async () => {
    const connection = await open();
    connection.send("GARBAGE\r\n\r\n");
    const answer = await connection.response();
    expect([answer?.status, answer?.text]).toEqual([400, '{"error":"malformed HTTP request"}']);
    expect(answer?.headers.get("x-request-id")).toBe(logged[0]?.["request_id"]);
    expect(await connection.msUntilEnd(1_000)).toBeLessThan(1_000);
  });

  test("gets no second answer when the rest of a request turns out broken after its answer", async () => {
    const connection = await open();
    connection.send("GET /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect((await connection.response())?.status).toBe(200);
    connection.send("zz\r\n");
    expect(await connection.responsesToEnd(3_000)).toEqual([]);
  });

  test("whose request is answered before its body arrived stays open for a moment, and then ends", async () => {
    const connection = await open();
    connection.send(
      "POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n",
    );
    expect((await connection.response())?.status).toBe(413);
    expect(connection.ended).toBe(false);
    expect(await connection.msUntilEnd(3_000)).toBeLessThan(3_000);
  });

  describe("that brings a CONNECT", () => {
    const CONNECT = "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n";
    const openConnections = (): Promise<number> =>
      new Promise((resolve) => {
        listener.server.getConnections((_, count) => {
          resolve(count);
        });
      });

    test.each([
      ["and more bytes, and whose client never ends it,", CONNECT, "more"],
      ["after another request", NOW + CONNECT, ""],
    ])("%s ends by itself", async (_, bytes, more) => {
      const place = { port: portOf(), host: "127.0.0.1", allowHalfOpen: true, rejectUnauthorized: false };
      const socket = scheme === "https" ? connectSecurely(place) : connect(place);
      socket.on("error", () => undefined);
      await once(socket, scheme === "https" ? "secureConnect" : "connect");
      socket.write(bytes);
      const [answer] = (await once(socket, "data")) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 (?:404|200) /);
      if (more !== "") socket.write(more);
      await expect.poll(openConnections, { timeout: 3_000 }).toBe(0);
      socket.destroy();
    });

    test("and is reset by its client ends nothing else", async () => {
      for (const before of ["", LATER]) {
        const wire = connect(portOf(), "127.0.0.1");
        await once(wire, "connect");
        const socket =
          scheme === "https" ? connectSecurely({ socket: wire, rejectUnauthorized: false }) : wire;
        socket.on("error", () => undefined);
        if (scheme === "https") await once(socket, "secureConnect");
        socket.write(before + CONNECT);
        await pause(50);
        wire.resetAndDestroy();
        await pause(50);
        release();
      }
      expect((await idle()).ended).toBe(false);
    });
  });

  const accepted = (): Promise<number> =>
    new Promise((resolve, reject) => {
      listener.server.getConnections((fault, count) => {
        if (fault === null) resolve(count);
        else reject(fault);
      });
    });

  test("beyond the thousandth takes the place of those that have done nothing for the longest, with a line in the log", async () => {
    // Without a handshake: connections that only begin one count too.
    const held = await RawConnection.openMany(portOf(), 1_000);
    await expect.poll(() => accepted(), { timeout: 3_000 }).toBe(1_000);
    const late = await idle();
    await held[0]?.msUntilEnd(3_000);
    expect(held.filter(({ ended }) => !ended).length).toBeGreaterThan(950);
    expect(held.slice(-900).some(({ ended }) => ended)).toBe(false);
    expect(late.ended).toBe(false);
    expect(logged).toContainEqual(
      expect.objectContaining({ event: "connection_dropped", connections_max: 1_000 }),
    );
    for (const connection of [...held, late]) connection.destroy();
  });

  test("is closed to make room only when its address has as many as any other", async () => {
    const few = await RawConnection.openPlainly(portOf(), "127.0.0.1", "127.0.0.2");
    const held = await RawConnection.openMany(portOf(), 1_000);
    const late = await idle();
    await held[0]?.msUntilEnd(3_000);
    expect(few.ended).toBe(false);
    for (const connection of [few, ...held, late]) connection.destroy();
  });

  test("is not closed to make room while its answer is pending, but the next connection is", async () => {
    const held: RawConnection[] = [];
    while (held.length < 1_000) {
      const part = await Promise.all(Array.from({ length: 100 }, open));
      for (const connection of part) connection.send(LATER);
      held.push(...part);
    }
    await expect.poll(() => underWay, { timeout: 20_000 }).toBe(held.length);
    const late = await RawConnection.openPlainly(portOf());
    await late.msUntilEnd(3_000);
    release();
    for (const connection of held) expect((await connection.response())?.status).toBe(200);
    for (const connection of [...held, late]) connection.destroy();
  });

  describe("whose answer is not read", () => {
    const LARGE = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    /** Long for a test, and short beside the 30 s of the service. */
    const STILL_MS = 1_000;
    const slowClient = async (): Promise<Socket> => {
      const client =
        scheme === "https"
          ? connectSecurely({ port: portOf(), host: "127.0.0.1", rejectUnauthorized: false })
          : connect(portOf(), "127.0.0.1");
      client.on("error", () => undefined);
      await once(client, scheme === "https" ? "secureConnect" : "connect");
      return client;
    };
    const closedByServer = () =>
      expect
        .poll(() => new Promise((resolve) => listener.server.getConnections((_, count) => resolve(count))), {
          timeout: 20_000,
        })
        .toBe(0);

    test("ends when nothing of it was taken for 30 s", async () => {
      expect(listener.server.timeout).toBe(30_000);
      listener.server.timeout = STILL_MS;
      const client = await slowClient();
      client.pause();
      client.write(LARGE);
      await closedByServer();
      client.destroy();
    });

    // Under TLS, Node hands a whole answer over at once, and does not see how much of it has left.
    if (scheme === "http")
      test("stays open while some of it is taken now and then", async () => {
        listener.server.timeout = STILL_MS;
        const client = await slowClient();
        let taken = 0;
        client.on("data", (piece: Buffer) => {
          taken += piece.length;
          client.pause();
        });
        client.write(LARGE);
        // For longer than a connection may be silent, with more in between than the kernel holds.
        for (const start = performance.now(); performance.now() - start < 3 * STILL_MS; ) {
          await pause(5);
          client.resume();
        }
        client.on("data", () => client.resume());
        client.resume();
        await expect.poll(() => taken, { timeout: 20_000 }).toBeGreaterThan(LARGE_BYTES);
        client.destroy();
      });
  });

  test("that sends on after it was rejected is read in turns with all others, a piece at a time", async () => {
    let largest = 0;
    let read = 0;
    listener.server.on("request", ({ socket }) => {
      let before = socket.bytesRead;
      const look = (): void => {
        largest = Math.max(largest, socket.bytesRead - before);
        before = socket.bytesRead;
        read = Math.max(read, before);
        if (!socket.destroyed) setImmediate(look);
      };
      setImmediate(look);
    });
    const connection = await open();
    connection.send(
      "POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n",
    );
    for (let sent = 0; sent < 16; sent += 1) connection.send(Buffer.alloc(1_024 * 1_024));
    expect((await connection.response())?.status).toBe(413);
    await connection.msUntilEnd(10_000);
    expect(read).toBeGreaterThan(16 * ONE_READ_BYTES);
    // The next one may have arrived meanwhile.
    expect(largest).toBeLessThanOrEqual(3 * ONE_READ_BYTES);
  });

  describe("while a hundred others hold 100 KB of a body each", () => {
    const head = (length: number): string =>
      `POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(length)}\r\n\r\n`;

    test("is answered to a body of 16 KiB, and some of the others end; later a large one is answered too", async () => {
      const others = await Promise.all(Array.from({ length: 110 }, open));
      for (const other of others) other.send(head(102_400) + " ".repeat(102_399));
      await expect.poll(() => others.some(({ ended }) => ended), { timeout: 10_000 }).toBe(true);
      expect(others.filter(({ ended }) => !ended).length).toBeGreaterThan(75);
      const small = await open();
      small.send(`${head(16_384)}{${" ".repeat(16_382)}}`);
      expect((await small.response())?.text).toBe('{"kind":"json"}');
      for (const one of [...others, small]) one.destroy();
      await expect
        .poll(
          async () => {
            const large = await open();
            large.send(`${head(102_400)}{${" ".repeat(102_398)}}`);
            return (await large.response())?.text;
          },
          { timeout: 10_000 },
        )
        .toBe('{"kind":"json"}');
    });
  });

  describe("whose body comes in chunks of one byte", () => {
    const bodyIn = (chunks: number): string =>
      `POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\n \r\n".repeat(chunks - 2)}1\r\n{\r\n1\r\n}\r\n0\r\n\r\n`;

    test("is answered up to 1,024 of them", async () => {
      const connection = await open();
      connection.send(bodyIn(1_024));
      expect((await connection.response())?.text).toBe('{"kind":"json"}');
      connection.destroy();
    });

    test("ends without an answer at one more, and others do not", async () => {
      const other = await idle();
      const connection = await open();
      connection.send(bodyIn(1_025));
      expect(await connection.responsesToEnd()).toEqual([]);
      other.send(NOW);
      expect((await other.response())?.status).toBe(200);
      other.destroy();
    });
  });

  test.each(BAD_HANDSHAKES[scheme])("that sends what %s ends without HTTP on it", async (_, bytes) => {
    const connection = await RawConnection.open(portOf());
    connection.send(bytes);
    connection.finish();
    await connection.msUntilEnd(3_000);
    expect(connection.unread.toString("latin1")).not.toContain("HTTP");
    expect((await idle()).ended).toBe(false);
  });

  describe("at a shutdown", () => {
    test("that is idle closes after a second of silence, not before, and the code is 0", async () => {
      const connection = await idle();
      const code = stop();
      const ms = await connection.msUntilEnd(4_000);
      expect(ms).toBeGreaterThan(900);
      expect(ms).toBeLessThan(3_000);
      expect(await code).toBe(0);
    });

    test("on which nothing was ever sent closes after a second too", async () => {
      const [connection, silent] = [await open(), await RawConnection.open(portOf())];
      await pause(100);
      const code = stop();
      expect(await connection.msUntilEnd(4_000)).toBeGreaterThan(900);
      expect(await silent.msUntilEnd(4_000)).toBeLessThan(3_000);
      expect(await code).toBe(0);
    });

    test("with a pending answer stays open for longer than a second, and ends with that answer", async () => {
      const connection = await open();
      connection.send(LATER + LATER);
      await pause(100);
      const code = stop();
      await pause(2_500);
      expect(connection.ended).toBe(false);
      release();
      const answers = await connection.responsesToEnd();
      expect(answers.map(({ status, headers }) => [status, headers.get("connection")])).toEqual([
        [200, "keep-alive"],
        [200, "close"],
      ]);
      expect(await code).toBe(0);
    });

    test("whose request arrives in pieces is not silent: the request is answered", async () => {
      const connection = await idle();
      const code = stop();
      for (const piece of NOW.match(/[\s\S]{1,8}/g) ?? []) {
        await pause(400);
        connection.send(piece);
      }
      const answer = await connection.response();
      expect([answer?.status, answer?.headers.get("connection")]).toEqual([200, "close"]);
      expect(await code).toBe(0);
    });

    test.each(SLOW_HANDSHAKES_MS[scheme])(
      "whose handshake takes %i ms is not silent: its request is answered",
      async (milliseconds) => {
        const opening = openSlowly(portOf(), milliseconds);
        await pause(100);
        const code = stop();
        const socket = await opening;
        socket.write(NOW);
        const [answer] = (await once(socket, "data")) as [Buffer];
        expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close/i);
        expect(await code).toBe(0);
      },
    );

    test("ends by its next answer while connections are still accepted", async () => {
      const connection = await idle();
      const code = drain(MACHINE, [listener], 1_500, never);
      await pause(200);
      connection.send(NOW);
      expect((await connection.response())?.headers.get("connection")).toBe("close");
      const later = await open();
      later.send(NOW);
      expect((await later.response())?.headers.get("connection")).toBe("close");
      expect(await code).toBe(0);
    });
  });
});
