// `node e2e/abuse/attacker.mjs '{"kind":"silent","port":3200,"connections":1000}'`: one hostile client, in a process of its own so that
// it delays no honest one. It runs until it gets SIGTERM, opens each connection again that the service ends, and then prints what
// became of its connections as one line of JSON.
import { once } from "node:events";
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectSecurely } from "node:tls";
import { gzipSync } from "node:zlib";

/** @typedef {import("node:net").Socket} Socket */
/** @typedef {import("node:tls").TLSSocket} TLSSocket */

/**
 * `addresses`: how many addresses of this machine the connections come from. `reopenMs`: how long a place stays empty after
 * the service has ended its connection.
 * @typedef {{ kind: string, port: number, overTls: boolean, connections: number, addresses: number, reopenMs: number }} Order
 */

/** @type {Order} */
const order = JSON.parse(process.argv[2] ?? "{}");
const { port, overTls, connections, addresses, reopenMs } = order;

const OPENED_AT_ONCE = 100;
const BODY_BYTES = 10 * 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, " ");
const POST = "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const GET = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n";

const SHORTEST = Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(3_640));

const seen = { opened: 0, endedByService: 0, longestMs: 0, openAtEnd: 0 };
/** @type {Record<string, number>} */
const answers = {};
let isOver = false;

/**
 * What each kind does on one connection; it need not end.
 * @type {Record<string, (socket: Socket) => Promise<void> | void>}
 */
const BEHAVIOURS = {
  /** Never sends a byte of HTTP; on the TLS listener not even of a handshake. */
  silent: () => undefined,
  /** Shakes hands, and is silent then. */
  "silent after the handshake": () => undefined,
  /** Asks once, and keeps the connection. */
  "silent after one answer": (socket) => void socket.write(GET),
  /** Begins a handshake and sends it byte by byte. */
  "slow handshake": async (socket) => drip(socket, await clientHello(), 100),
  /** Announces 10 MB, and sends them as fast as they are taken. */
  "10 MB body": async (socket) => {
    socket.write(`${POST}Content-Length: ${String(BODY_BYTES)}\r\n\r\n`);
    await sendAll(socket, BODY_BYTES, PIECE);
  },
  /** The same without saying how much comes. */
  "10 MB chunked body": async (socket) => {
    socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    await sendAll(socket, BODY_BYTES, Buffer.from(`10000\r\n${PIECE.toString()}\r\n`));
  },
  /** As much as a body may hold, each byte in a chunk of its own, and never the end. */
  "one-byte chunks": async (socket) => {
    socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    await sendAll(socket, 102_000, Buffer.from("1\r\n \r\n".repeat(1_000)), 1_000);
  },
  /** As much as a body may hold but its last byte. */
  "bodies without their end": async (socket) => {
    socket.write(`${POST}Content-Length: 102400\r\n\r\n`);
    await sendAll(socket, 102_399, Buffer.alloc(102_399, " "));
  },
  /** A small body that becomes a large one. */
  "inflating bodies": (socket) => {
    const body = gzipSync(Buffer.alloc(BODY_BYTES));
    socket.write(`${POST}Content-Encoding: gzip\r\nContent-Length: ${String(body.length)}\r\n\r\n`);
    socket.write(body);
  },
  /** Requests without end, and never reads an answer. */
  "pipelined flood": async (socket) => {
    socket.pause();
    await sendAll(socket, BODY_BYTES, Buffer.from(GET.repeat(200)));
  },
  /** As many requests as are read at once, as short as they can be, and never reads an answer. */
  "thousands at once": (socket) => {
    socket.pause();
    socket.write(SHORTEST);
    socket.write(SHORTEST);
  },
  /** Asks, ends its own direction, and keeps the other one. */
  "half-closed": (socket) => {
    socket.write(`${POST}Content-Length: 10\r\n\r\n{`);
    socket.end();
  },
  /** Ends its own direction before it has asked anything. */
  "half-closed at once": (socket) => void socket.end(),
  /** Asks for one handshake after the other on the same connection (TLS 1.2). */
  renegotiation: async (socket) => {
    const secure = /** @type {TLSSocket} */ (socket);
    while (!secure.destroyed) {
      secure.renegotiate({}, () => undefined);
      await pause(20);
    }
  },
  /** Full handshakes, one after the other. */
  "handshakes without a request": (socket) => void socket.destroy(),
};

/** @type {Record<string, import("node:tls").ConnectionOptions>} */
const TLS_OPTIONS = {
  renegotiation: { maxVersion: "TLSv1.2" },
  "slow handshake": {},
};
const speaksTls = overTls && order.kind !== "silent" && order.kind !== "slow handshake";

/** Whether this connection is ended by its own side: nothing that the service did. */
const ENDS_ITSELF = order.kind === "handshakes without a request";

process.once("SIGTERM", () => {
  isOver = true;
  seen.openAtEnd = seen.opened - seen.endedByService;
  console.log(JSON.stringify({ ...seen, longestMs: Math.round(seen.longestMs), answers }));
  process.exit(0);
});

// All at once would overflow the queue of the kernel, and a connection that waits there is not one that the service sees.
for (let place = 0; place < connections; place += 1) {
  void hold(place);
  if (place % OPENED_AT_ONCE === OPENED_AT_ONCE - 1) await pause(20);
}
console.log("open");

/**
 * One connection after the other, from one address.
 * @param {number} place
 */
async function hold(place) {
  const address =
    addresses === 1
      ? "127.0.0.3"
      : `127.0.${1 + ((place % addresses) >> 7)}.${1 + ((place % addresses) & 127)}`;
  while (!isOver) {
    await oneConnection(address).catch(() => undefined);
    await pause(reopenMs);
  }
}

/**
 * One connection from its opening to its end.
 * @param {string} localAddress
 */
async function oneConnection(localAddress) {
  const wire = connect({
    host: "127.0.0.1",
    port,
    localAddress,
    allowHalfOpen: order.kind.startsWith("half-closed"),
  });
  wire.on("error", () => undefined);
  await once(wire, "connect");
  const start = performance.now();
  seen.opened += 1;
  const ended = new Promise((resolve) => wire.once("close", resolve));
  void ended.then(() => {
    if (ENDS_ITSELF) return;
    seen.endedByService += 1;
    seen.longestMs = Math.max(seen.longestMs, performance.now() - start);
  });
  const socket = speaksTls
    ? connectSecurely({ socket: wire, rejectUnauthorized: false, ...TLS_OPTIONS[order.kind] })
    : wire;
  socket.on("error", () => undefined);
  socket.on("data", count);
  // Keeps its own direction open otherwise: the service ends both.
  socket.on("end", () => socket.destroy());
  if (socket !== wire) await Promise.race([once(socket, "secureConnect"), ended]);
  void BEHAVIOURS[order.kind]?.(socket);
  await ended;
}

/** @param {Buffer} piece */
function count(piece) {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(piece.toString("latin1", 0, 12))?.[1];
  if (status !== undefined) answers[status] = (answers[status] ?? 0) + 1;
}

/**
 * Sends a piece again and again, as fast as it is taken, until `bytes` were sent or the connection ends.
 * @param {Socket} socket
 * @param {number} bytes
 * @param {Buffer} piece
 * @param {number} counted how many bytes a piece counts for
 */
async function sendAll(socket, bytes, piece, counted = piece.length) {
  for (let sent = 0; sent < bytes && !socket.destroyed && socket.writable; sent += counted)
    if (!socket.write(piece))
      await new Promise((resolve) => {
        const goOn = () => {
          socket.off("drain", goOn).off("close", goOn);
          resolve(undefined);
        };
        socket.once("drain", goOn).once("close", goOn);
      });
}

/**
 * @param {Socket} socket
 * @param {Buffer} bytes
 * @param {number} everyMs
 */
async function drip(socket, bytes, everyMs) {
  for (const byte of bytes) {
    if (socket.destroyed) return;
    socket.write(Buffer.of(byte));
    await pause(everyMs);
  }
}

/** The first message of a TLS client. */
async function clientHello() {
  /** @type {(hello: Buffer) => void} */
  let give;
  const said = new Promise((resolve) => (give = resolve));
  const nowhere = new Duplex({
    read: () => undefined,
    write: (piece, _encoding, done) => {
      give(piece);
      done();
    },
  });
  connectSecurely({ socket: nowhere, rejectUnauthorized: false }).on("error", () => undefined);
  return /** @type {Promise<Buffer>} */ (said);
}
