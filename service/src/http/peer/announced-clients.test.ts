import { once } from "node:events";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, BlockList, connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectSecurely } from "node:tls";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { systemTimers } from "../../kernel/timers.ts";
import { type Authority, type Certificate, makeAuthority } from "../../testing/certificates.ts";
import { TestTimers } from "../../testing/test-timers.ts";
import { json } from "../answer.ts";
import { readJsonBody } from "../body.ts";
import { httpServer, type Listener, type ListenerDeps } from "../listener.ts";
import { AnnouncedClients } from "./announced-clients.ts";
import { remoteOf } from "./peer-of.ts";

const PROXY = "127.0.0.9";
const SIGNATURE = "0d0a0d0a000d0a515549540a";
/** What a proxy sends ahead of a connection of 192.0.2.`host`. */
const headerOf = (host: number): Buffer =>
  Buffer.from(`${SIGNATURE}2111000cc00002${host.toString(16).padStart(2, "0")}0a00000112670c80`, "hex");
const LOCAL = Buffer.from(`${SIGNATURE}20000000`, "hex");
const ASK = "GET /who HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST = ASK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");

/** A handshake takes several turns. */
const AT_ONCE = { http: [["request and end", ASK]], https: [] } as const;

describe.each(["http", "https"] as const)("a connection of a declared proxy over %s", (scheme) => {
  let authority: Authority;
  let certificate: Certificate;
  let listener: Listener;
  let logged: Record<string, unknown>[];
  let timers: TestTimers;

  beforeAll(async () => {
    authority = await makeAuthority();
    certificate = await authority.issue("server", "DNS:localhost,IP:127.0.0.1");
  });
  afterAll(() => authority.remove());

  const connectionsMax = 3;
  async function listen(more: Partial<ListenerDeps> = {}): Promise<void> {
    const list = new BlockList();
    list.addAddress(PROXY, "ipv4");
    const announced = new AnnouncedClients();
    const proxies = {
      check: (address: string, family: "ipv4" | "ipv6") => list.check(address, family),
      announced,
    };
    const { certificate: cert, key } = certificate;
    const write = (line: string): void => void logged.push(JSON.parse(line) as Record<string, unknown>);
    listener = httpServer(
      {
        log: pino({ level: "warn", base: null }, { write }),
        random: systemRandom(),
        timers: systemTimers,
        keepAliveSeconds: 65,
        proxies,
        announced,
        addressLimit: { connectionsMax: () => connectionsMax, exceeded: () => "closed" },
        ...(scheme === "https" && {
          createServer: (options, onRequest) => createSecureServer({ ...options, cert, key }, onRequest),
        }),
        ...more,
      },
      [
        { method: "GET", path: "/who", handle: ({ incoming }) => json(200, remoteOf(incoming, proxies)) },
        {
          method: "POST",
          path: "/body",
          handle: async ({ incoming }) => {
            const body = await readJsonBody(incoming);
            return json(200, { ...remoteOf(incoming, proxies), read: body.kind === "json" && body.value });
          },
        },
      ],
    );
    await once(listener.server.listen(0, "127.0.0.1"), "listening");
  }
  beforeEach(async () => {
    logged = [];
    timers = new TestTimers();
    await listen();
  });
  afterEach(() => {
    listener.server.close();
    listener.server.closeAllConnections();
  });

  function wire(from = PROXY): Socket {
    const { port } = listener.server.address() as AddressInfo;
    const socket = connect({ port, host: "127.0.0.1", localAddress: from });
    socket.on("error", () => undefined);
    return socket;
  }
  /** What the client behind it speaks on. */
  function speaking(socket: Socket): Socket {
    if (scheme === "http") return socket;
    const secure = connectSecurely({ socket, rejectUnauthorized: false });
    secure.on("error", () => undefined);
    return secure;
  }
  async function answerTo(socket: Socket, request: string): Promise<string> {
    socket.write(request);
    return text(socket);
  }
  const open = (): Promise<number> =>
    new Promise((resolve) => {
      listener.server.getConnections((_, count) => {
        resolve(count);
      });
    });

  test("is that of the client that it announces, in the log too", async () => {
    const socket = wire();
    socket.write(headerOf(7));
    expect(await answerTo(speaking(socket), LAST)).toContain(`{"remote":"192.0.2.7","proxy":"${PROXY}"}`);
  });

  test("is its own when it says so, as a health check does", async () => {
    const socket = wire();
    socket.write(LOCAL);
    expect(await answerTo(speaking(socket), LAST)).toContain(`{"remote":"${PROXY}","proxy":"${PROXY}"}`);
  });

  test("believes no header of a request: the client wrote it", async () => {
    const socket = wire();
    socket.write(headerOf(7));
    const forged = LAST.replace(
      "Host: x",
      "Host: x\r\nX-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1",
    );
    expect(await answerTo(speaking(socket), forged)).toContain(`"remote":"192.0.2.7"`);
  });

  test("loses nothing of what follows the header, in whatever pieces both arrive", async () => {
    const body = JSON.stringify({ value: "x".repeat(90_000) });
    const post = `POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`;
    for (const size of [1, 15, 16, 17, 27]) {
      const socket = wire();
      const header = headerOf(size);
      for (let at = 0; at < header.length; at += size) {
        socket.write(header.subarray(at, at + size));
        await new Promise((resolve) => setImmediate(resolve));
      }
      const answer = await answerTo(speaking(socket), ASK + post);
      expect(answer).toContain(`{"remote":"192.0.2.${String(size)}","proxy":"${PROXY}"}`);
      expect(answer).toContain(`"read":${body}`);
    }
    expect(logged).toEqual([]);
  });

  test.each(AT_ONCE[scheme])("is served when header, %s arrive at once", async (_, bytes) => {
    const socket = wire();
    socket.end(Buffer.concat([headerOf(7), Buffer.from(bytes)]));
    expect(await text(socket)).toContain(`"remote":"192.0.2.7"`);
  });

  test.each([
    ["begins without a header", Buffer.from(ASK), "no_header"],
    ["begins with a handshake", Buffer.from("\x16\x03\x01\x02\0\x01\0", "latin1"), "no_header"],
    ["announces no address of TCP", Buffer.from(`${SIGNATURE}21000000`, "hex"), "family_unsupported"],
  ])("that %s is closed without a byte, and the log says why", async (_, bytes, fault) => {
    const socket = wire();
    socket.write(bytes);
    expect(await text(socket)).toBe("");
    await expect
      .poll(() => logged)
      .toEqual([expect.objectContaining({ event: "proxy_header_rejected", proxy: PROXY, fault })]);
  });

  test("that ends or breaks before its header is there ends, and nothing else does", async () => {
    for (const leave of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const socket = wire();
      await once(socket, "connect");
      socket.write(headerOf(7).subarray(0, 20));
      await expect.poll(open).toBe(1);
      leave(socket);
      await expect.poll(open, { timeout: 5_000 }).toBe(0);
    }
    const next = wire();
    next.write(headerOf(7));
    expect(await answerTo(speaking(next), LAST)).toContain(`"remote":"192.0.2.7"`);
  });

  test("makes room for others as one of its client's: who has a thousand does not end the only one of another", async () => {
    listener.server.close();
    await listen({ addressLimit: { connectionsMax: () => undefined, exceeded: () => "closed" } });
    const ofClient = async (host: number): Promise<Socket> => {
      const socket = wire();
      socket.write(headerOf(host));
      const client = speaking(socket);
      client.write(ASK);
      const [answer] = (await once(client, "data")) as [Buffer];
      expect(answer.toString()).toContain(`"remote":"192.0.2.${String(host)}"`);
      return client;
    };
    const first = await ofClient(8);
    const others = [await ofClient(9), await ofClient(10)];
    const many: Socket[] = [];
    for (let opened = 0; opened < 1_020; opened += 20)
      many.push(...(await Promise.all(Array.from({ length: 20 }, () => ofClient(7)))));
    // The first of all has been silent for the longest.
    first.write(LAST);
    expect(await text(first)).toContain(`"remote":"192.0.2.8"`);
    expect(others.every(({ closed }) => !closed)).toBe(true);
    expect(await open()).toBeLessThanOrEqual(1_000);
    for (const socket of [...others, ...many]) socket.destroy();
  });

  test("has five seconds for its header", async () => {
    listener.server.close();
    await listen({ timers });
    const socket = wire();
    await once(socket, "connect");
    socket.write(headerOf(7).subarray(0, 20));
    await expect.poll(() => timers.waiting).toBe(1);
    await timers.move(4_999);
    expect(socket.destroyed).toBe(false);
    await timers.move(1);
    expect(await text(socket)).toBe("");
    expect(logged).toEqual([expect.objectContaining({ fault: "header_timeout" })]);
  });

  test("counts as one of its client's, of which each address may have so many", async () => {
    const held: Socket[] = [];
    for (const host of [7, 7, 7, 8]) {
      const socket = wire();
      socket.write(headerOf(host));
      held.push(socket);
    }
    await expect.poll(open).toBe(4);
    const [fourth, own] = [wire(), wire()];
    fourth.write(headerOf(7));
    expect(await text(fourth)).toBe("");
    expect(logged).toEqual([
      expect.objectContaining({ event: "connection_limited", remote: "192.0.2.7", connections_max: 3 }),
    ]);
    own.write(LOCAL);
    expect(await answerTo(speaking(own), LAST)).toContain(`"remote":"${PROXY}"`);
    for (const socket of held) socket.destroy();
  });

  test("is a header only from there: any other address that sends one is not served, and without one it is", async () => {
    const forged = wire("127.0.0.1");
    forged.end(headerOf(7));
    expect(await text(forged)).not.toContain("192.0.2.7");
    expect(await answerTo(speaking(wire("127.0.0.1")), LAST)).toContain('{"remote":"127.0.0.1"}');
  });
});
