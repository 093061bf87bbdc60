import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import { codeOf } from "../kernel/faults.ts";
import { parseRequestId, type RequestId, requestIds } from "../kernel/ids.ts";
import type { Random } from "../kernel/random.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Log } from "../telemetry/log.ts";
import { seldom } from "../telemetry/seldom.ts";
import { type Answer, send } from "./answer.ts";
import { Connections } from "./connections.ts";
import { LINGER_MS, lingerOver, rejected, respond } from "./exchange.ts";
import { addressKeyOf } from "./limits/address-key.ts";
import { type AnnouncedClients, readHeaderOf } from "./peer/announced-clients.ts";
import { peerOf, type TrustedProxies } from "./peer/peer-of.ts";
import type { Reason } from "./problem.ts";
import { type BoundRoute, routerOf } from "./router.ts";

/** The limits for a client (docs/operations.md says why each number). */
const LIMITS = {
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  checkingIntervalMs: 1_000,
  headerBytesMax: 16_384,
  connectionsMax: 1_000,
  /** Requests of one connection that wait for their answers. No known caller sends a second one before the first is answered. */
  pipelinedMax: 128,
  /** How long a connection may be silent while an answer is pending: a client that does not read would hold its place indefinitely. */
  stillMsMax: 30_000,
} as const;

export interface ListenerDeps {
  readonly log: Log;
  readonly random: Random;
  readonly timers: Timers;
  /** How long an idle connection is kept open. */
  readonly keepAliveSeconds: number;
  readonly proxies?: TrustedProxies;
  /** Where declared proxies announce their clients: each of their connections must then begin with the header that does. */
  readonly announced?: AnnouncedClients | undefined;
  /** How many connections an address may have; `undefined`: there is never a limit. */
  readonly addressLimit?: AddressLimit;
  /** Makes the server itself; `createServer` of `node:http` when left out. */
  readonly createServer?: ServerFactory;
}

/** The limit of connections of one address. */
export interface AddressLimit {
  /** As it is now; `undefined`: none. */
  connectionsMax(): number | undefined;
  /** Counts one above it, and says whether it is closed. */
  exceeded(): "closed" | "observed";
}

/** `createServer` of `node:http`, or of `node:https` with a certificate: accounting and limits hold for both. */
export type ServerFactory = (
  options: ServerOptions & { readonly handshakeTimeout: number },
  onRequest: RequestListener,
) => Server | SecureServer;

/** An HTTP server, and the ways in which its connections end at a shutdown. */
export interface Listener {
  readonly server: Server | SecureServer;
  readonly connections: Connections;
}

/** An HTTP server with this service's limits, in which every request ends in a JSON answer. Not yet listening. */
export function httpServer(deps: ListenerDeps, routes: readonly BoundRoute[]): Listener {
  const { log, timers } = deps;
  const newRequestId = requestIds(deps.random);
  const connections = new Connections();
  const exchangeDeps = { log, timers, connections, router: routerOf(routes) };
  const onRequest: RequestListener = (incoming, outgoing) => {
    const { socket } = incoming;
    const owed = connections.owedBy(socket).length;
    if (owed >= LIMITS.pipelinedMax || (owed > 0 && connections.arePipelinedTooMany())) {
      readNoMore(socket);
      socket.destroy();
      return;
    }
    connections.addRequest(socket, outgoing);
    const requestId = parseRequestId(headerOf(incoming, "x-request-id") ?? "") ?? newRequestId();
    void respond(exchangeDeps, incoming, outgoing, requestId);
  };
  const make: ServerFactory = deps.createServer ?? createServer;
  const server = make(
    {
      headersTimeout: LIMITS.headersTimeoutMs,
      requestTimeout: LIMITS.requestTimeoutMs,
      connectionsCheckingInterval: LIMITS.checkingIntervalMs,
      keepAliveTimeout: deps.keepAliveSeconds * 1_000,
      maxHeaderSize: LIMITS.headerBytesMax,
      handshakeTimeout: LIMITS.headersTimeoutMs,
      requireHostHeader: false,
      noDelay: true,
    },
    onRequest,
  );
  server.timeout = LIMITS.stillMsMax;
  // One more, which makes room for itself; Node would close it whatever the others do.
  server.maxConnections = LIMITS.connectionsMax + 1;
  server.on("checkExpectation", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    connections.addRequest(incoming.socket, outgoing);
    const requestId = newRequestId();
    connections.prepare(outgoing);
    send(outgoing, rejected(log, "expectation_unsupported", requestId), requestId);
    void lingerOver(incoming, timers);
  });
  accept(server, connections, deps);
  const refuseSocket = (socket: Socket, reason: Reason): void => {
    const requestId = newRequestId();
    rejectRaw(socket, connections.owedBy(socket), rejected(log, reason, requestId), requestId);
  };
  server.on("clientError", (fault: Error, socket: Socket) => {
    // Also called for a failed handshake: such a connection does not speak HTTP yet, so it gets no answer.
    if (connections.has(socket)) refuseSocket(socket, reasonOf(fault));
    else socket.destroy();
  });
  // Without this, Node would close the connection without an answer.
  server.on("connect", (_incoming, socket: Socket) => {
    endAfterConnect(socket, timers);
    refuseSocket(socket, "not_found");
  });
  // `close` would end idle connections at once, also one whose next request is on its way: they end as Connections says.
  server.closeIdleConnections = () => undefined;
  return { server, connections };
}

/**
 * Makes Node's parser leave what it has of a connection. Without this it would go on to the end of what it read at once, 64 KiB, and make
 * objects for each request in it although the connection is closed: thousands of them, 10 MB, all of which live until all connections
 * that have something to read had their turn. There is no public way to say it. A parser that does not know this one only costs memory.
 */
function readNoMore(socket: Socket & { readonly parser?: { onIncoming: unknown } | null }): void {
  // The answer that it gets for an upgrade: the bytes that follow are no HTTP.
  if (socket.parser) socket.parser.onIncoming = () => 2;
}

/**
 * What is done with each accepted connection, in this order: it is registered; a declared proxy says whose it is; it is closed when
 * its address has too many; Node speaks on it.
 */
function accept(server: Server | SecureServer, connections: Connections, deps: ListenerDeps): void {
  const { addressLimit, announced } = deps;
  // Each one is prepended, so that Node's own listener stays the last: a request that arrives at once is counted.
  if (addressLimit !== undefined) limitAddresses(server, connections, addressLimit, deps);
  if (announced !== undefined) awaitHeaders(server, connections, deps, announced);
  account(server, connections, deps);
}

/** Registers each connection under the socket that requests and errors name: under TLS that is not the accepted one. */
function account(server: Server | SecureServer, connections: Connections, deps: ListenerDeps): void {
  const { proxies, announced } = deps;
  const dropped = droppedLines(deps);
  const isSecure = "setSecureContext" in server;
  server.prependListener("connection", (socket: Socket) => {
    // The connections of a declared proxy are those of all its clients, until it announces whose they are.
    const isOfProxy = peerOf({ headers: {}, socket }, proxies).proxy !== undefined;
    const address = isOfProxy ? undefined : addressKeyOf(socket.remoteAddress);
    if (isSecure) connections.addHandshake(socket, address);
    else connections.add(socket, address);
    for (const other of connections.toMakeRoom(LIMITS.connectionsMax)) {
      dropped();
      destroySoonest(other);
    }
  });
  server.on("drop", dropped);
  if (isSecure)
    server.prependListener("secureConnection", (socket: Socket) => {
      const below = connections.addSecured(socket);
      if (below !== undefined) announced?.secured(below, socket);
    });
}

/** A connection that was just accepted has listeners that come later, with a whole socket to set up. */
function destroySoonest(socket: Socket): void {
  queueMicrotask(() => {
    socket.destroy();
  });
}

/** Lets a connection of a declared proxy pass to the listeners that are there already once its header is read; any other at once. */
function awaitHeaders(
  server: Server | SecureServer,
  connections: Connections,
  { log, timers, proxies }: ListenerDeps,
  announced: AnnouncedClients,
): void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  const pass = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket);
  };
  const inALine = seldom(timers, LINE_MS);
  server.on("connection", (socket: Socket) => {
    const { proxy } = peerOf({ headers: {}, socket }, proxies);
    if (proxy === undefined) {
      pass(socket);
      return;
    }
    readHeaderOf(socket, timers, LIMITS.headersTimeoutMs, (read) => {
      if (read.kind === "faulty") {
        socket.on("error", () => undefined);
        socket.destroy();
        inALine(() => {
          log.warn({ event: "proxy_header_rejected", proxy, fault: read.fault });
        });
        return;
      }
      if (read.kind === "announced") {
        announced.announce(socket, read.address);
        connections.announce(socket, addressKeyOf(read.address));
      }
      pass(socket);
    });
  });
}

/** At most one line in this time. */
const LINE_MS = 1_000;

/** To be called for each connection that is closed because there are too many. */
function droppedLines({ log, timers }: ListenerDeps): () => void {
  const inALine = seldom(timers, LINE_MS);
  let connections = 0;
  return () => {
    connections += 1;
    inALine(() => {
      log.warn({ event: "connection_dropped", connections, connections_max: LIMITS.connectionsMax });
      connections = 0;
    });
  };
}

/** Closes a connection whose address has too many already, before anything of it is read. */
function limitAddresses(
  server: Server | SecureServer,
  connections: Connections,
  limit: AddressLimit,
  { log, timers, proxies, announced }: ListenerDeps,
): void {
  const inALine = seldom(timers, LINE_MS);
  server.prependListener("connection", (socket: Socket) => {
    const client = announced?.of(socket);
    // The connections of a declared proxy are those of all its clients, or its own.
    if (client === undefined && peerOf({ headers: {}, socket }, proxies).proxy !== undefined) return;
    const address = addressKeyOf(client ?? socket.remoteAddress);
    const count = connections.countAddress(address, socket);
    const max = limit.connectionsMax();
    if (max === undefined || count <= max || limit.exceeded() === "observed") return;
    destroySoonest(socket);
    inALine(() => {
      log.warn({ event: "connection_limited", remote: address, connections_max: max });
    });
  });
}

/**
 * Ends the connection of a CONNECT. From that request on Node reads nothing more, and has taken its own listeners away: an error
 * would end the process, and nothing would end the connection.
 */
function endAfterConnect(socket: Socket, timers: Timers): void {
  socket.on("error", () => undefined);
  socket.setTimeout(LIMITS.stillMsMax, () => socket.destroy());
  socket.once("finish", () => {
    void timers.delay(LINGER_MS).over.then(() => socket.destroy());
  });
}

/**
 * Answers a request that the HTTP parser could not read: there is no response object for it, only the socket. Requests before
 * it on the same connection are answered first (RFC 9112 section 9.3.2), and then the connection ends without an answer to it.
 */
function rejectRaw(
  socket: Socket,
  owed: readonly ServerResponse[],
  { status, body }: Answer,
  requestId: RequestId,
): void {
  const last = owed.at(-1);
  // What the parser rejected is the rest of the last request, or one after it: all earlier requests are answered first.
  const toAwait = last?.req.complete === true ? last : owed.at(-2);
  if (toAwait !== undefined) {
    toAwait.once("close", () => {
      socket.destroySoon();
    });
    return;
  }
  if (!socket.writable || last?.headersSent === true) {
    socket.destroySoon();
    return;
  }
  const text = body?.text ?? "";
  const lines = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? "Error"}`,
    "content-type: application/json",
    `content-length: ${String(text.length)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`);
}

function reasonOf(fault: Error): Reason {
  switch (codeOf(fault)) {
    case "HPE_HEADER_OVERFLOW":
      return "headers_too_large";
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "request_timeout";
    default:
      return "request_malformed";
  }
}

function headerOf(incoming: IncomingMessage, name: string): string | undefined {
  const value = incoming.headers[name];
  return typeof value === "string" ? value : undefined;
}
