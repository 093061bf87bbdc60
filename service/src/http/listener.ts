import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { codeOf, messageOf } from "../kernel/faults.ts";
import { parseRequestId, type RequestId, requestIds } from "../kernel/ids.ts";
import type { Random } from "../kernel/random.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Log } from "../telemetry/log.ts";
import { type Answer, empty, problemAnswer, send } from "./answer.ts";
import { Connections } from "./connections.ts";
import { problem, type Reason } from "./problem.ts";

/** How much a client may take of this server (docs/operations.md says why each number). */
const LIMITS = {
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  checkingIntervalMs: 1_000,
  headerBytesMax: 16_384,
  connectionsMax: 1_000,
  /** Requests of one connection that wait for their answers. No known caller sends a second one before the first is answered. */
  pipelinedMax: 128,
  /** How long a connection may stand still while an answer is owed: one that is not read would hold its place for ever. */
  stillMsMax: 30_000,
  /** How long and how much is taken in of a request that is already answered. */
  lingerMs: 500,
  lingerBytesMax: 64 * 1024 * 1024,
} as const;

export interface ListenerDeps {
  readonly log: Log;
  readonly random: Random;
  readonly timers: Timers;
  /** How long a connection is kept on which nothing is under way. */
  readonly keepAliveSeconds: number;
}

/** Answers one request. */
export type Route = (incoming: IncomingMessage, requestId: RequestId) => Answer | Promise<Answer>;

/** Paths in lower case without a trailing slash, and the methods that each has. GET answers HEAD as well. */
export type Routes = Readonly<Record<string, { readonly GET?: Route; readonly POST?: Route }>>;

/** An HTTP server, and the ways in which its connections end at a shutdown. */
export interface Listener {
  readonly server: Server;
  readonly connections: Connections;
}

/** An HTTP server with this service's limits, in which every request ends in a JSON answer. Not yet listening. */
export function httpServer(deps: ListenerDeps, routes: Routes): Listener {
  const { log, timers } = deps;
  const table = new Map(Object.entries(routes));
  const newRequestId = requestIds(deps.random);
  const connections = new Connections();
  const onRequest: RequestListener = (incoming, outgoing) => {
    const owed = connections.owedBy(incoming.socket);
    if (owed.length >= LIMITS.pipelinedMax) {
      incoming.socket.destroy();
      return;
    }
    owed.push(outgoing);
    const requestId = parseRequestId(headerOf(incoming, "x-request-id") ?? "") ?? newRequestId();
    void respond({ log, timers, table, connections }, incoming, outgoing, requestId);
  };
  const server = createServer(
    {
      headersTimeout: LIMITS.headersTimeoutMs,
      requestTimeout: LIMITS.requestTimeoutMs,
      connectionsCheckingInterval: LIMITS.checkingIntervalMs,
      keepAliveTimeout: deps.keepAliveSeconds * 1_000,
      maxHeaderSize: LIMITS.headerBytesMax,
      requireHostHeader: false,
      noDelay: true,
    },
    onRequest,
  );
  server.timeout = LIMITS.stillMsMax;
  server.maxConnections = LIMITS.connectionsMax;
  server.on("checkExpectation", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    connections.owedBy(incoming.socket).push(outgoing);
    const requestId = newRequestId();
    connections.prepare(outgoing);
    send(outgoing, refused(log, "expectation_unsupported", requestId), requestId);
    void lingerOver(incoming, timers);
  });
  server.on("connection", (socket) => {
    connections.add(socket);
  });
  const refuseSocket = (socket: Socket, reason: Reason): void => {
    const requestId = newRequestId();
    refuseRaw(socket, connections.owedBy(socket), refused(log, reason, requestId), requestId);
  };
  server.on("clientError", (fault: Error, socket: Socket) => {
    refuseSocket(socket, reasonOf(fault));
  });
  // Without this, Node would close the connection without a word.
  server.on("connect", (_incoming, socket: Socket) => {
    refuseSocket(socket, "not_found");
  });
  server.on("drop", () => {
    log.warn({ event: "connection_dropped", connections_max: LIMITS.connectionsMax });
  });
  // `close` would end idle connections at once, also one whose next request is on its way: they end as Connections says.
  server.closeIdleConnections = () => undefined;
  return { server, connections };
}

interface Routing {
  readonly log: Log;
  readonly timers: Timers;
  readonly table: ReadonlyMap<string, Routes[string]>;
  readonly connections: Connections;
}

/** One request from its arrival to its answer. Never rejects. */
async function respond(
  routing: Routing,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  requestId: RequestId,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await answerTo(routing, incoming, requestId);
  } catch (thrown) {
    if (outgoing.destroyed || incoming.socket.destroyed) return;
    // A fault that nobody expected: its text goes to the log, never to the caller.
    const fault = messageOf(thrown);
    routing.log.error({ event: "request_failed", fault, code: codeOf(thrown), request_id: requestId });
    answer = problemAnswer(problem("internal"));
  }
  routing.connections.prepare(outgoing);
  send(outgoing, answer, requestId);
  if (!incoming.complete) void lingerOver(incoming, routing.timers);
}

function answerTo(
  { log, table }: Routing,
  incoming: IncomingMessage,
  requestId: RequestId,
): Answer | Promise<Answer> {
  // HTTP/1.0 has no Host, and health checkers speak it; HTTP/1.1 must send one, and nobody two (RFC 9112 section 3.2).
  const { hosts, spaced } = headerLines(incoming.rawHeaders);
  if (hosts > 1 || (hosts === 0 && incoming.httpVersion === "1.1") || spaced)
    return refused(log, "request_malformed", requestId);
  const { method = "", url = "" } = incoming;
  const methods = table.get(url) ?? table.get(pathOf(url));
  const route = methods && routeFor(methods, method);
  return route === undefined ? refused(log, "not_found", requestId) : route(incoming, requestId);
}

/** The answer to a request that no route looks at, and its line in the log. */
function refused(log: Log, reason: Reason, requestId: RequestId): Answer {
  const refusal = problem(reason);
  log.info({ event: "request_refused", reason, status: refusal.status, request_id: requestId });
  return problemAnswer(refusal);
}

/**
 * How many Host lines there are, and whether a name has a space before its colon, which the parser of Node 20.18 lets pass and
 * RFC 9112 section 5.1 does not. `rawHeaders` has names and values in turn.
 */
function headerLines(rawHeaders: readonly string[]): { hosts: number; spaced: boolean } {
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  return {
    hosts: names.filter((name) => name.length === 4 && name.toLowerCase() === "host").length,
    spaced: names.some((name) => name.endsWith(" ") || name.endsWith("\t")),
  };
}

function routeFor(methods: Routes[string], method: string): Route | undefined {
  switch (method) {
    case "GET":
    case "HEAD":
      return methods.GET;
    case "POST":
      return methods.POST;
    case "OPTIONS":
      return () => empty(204, ["allow", allowed(methods)]);
    default:
      return undefined;
  }
}

/** The path that routes are matched on: as the request line has it, without query, letter case and one trailing slash. */
function pathOf(url: string): string {
  const [path = "/"] = url.replace(/^https?:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
  const plain = path.toLowerCase();
  return plain.length > 1 && plain.endsWith("/") ? plain.slice(0, -1) : plain;
}

function allowed({ GET, POST }: Routes[string]): string {
  return [...(GET === undefined ? [] : ["GET, HEAD"]), ...(POST === undefined ? [] : ["POST"])].join(", ");
}

/**
 * Takes in what a client still sends after its answer, for a moment and up to a bound: a connection that is closed at once
 * may lose the answer on its way. Then the connection ends.
 */
async function lingerOver(incoming: IncomingMessage, timers: Timers): Promise<void> {
  let bytes = 0;
  const patience = timers.delay(LIMITS.lingerMs);
  const ended = new Promise<"ended">((resolve) => {
    for (const event of ["end", "close", "error"]) {
      incoming.once(event, () => {
        resolve("ended");
      });
    }
  });
  const flooded = new Promise<void>((resolve) => {
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LIMITS.lingerBytesMax) resolve();
    });
  });
  incoming.resume();
  const how = await Promise.race([ended, flooded, patience.over]);
  patience.cancel();
  if (how !== "ended") incoming.socket.destroySoon();
}

/**
 * Answers a request that the HTTP parser could not read: there is no response object for it, only the socket. Requests before
 * it on the same connection are answered first (RFC 9112 section 9.3.2), and then the connection ends without a word on it.
 */
function refuseRaw(
  socket: Socket,
  owed: readonly ServerResponse[],
  { status, body }: Answer,
  requestId: RequestId,
): void {
  const last = owed.at(-1);
  // What the parser choked on is the rest of the last request, or one behind it: all before that is answered first.
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
    `HTTP/1.1 ${String(status)} ${STATUS_TEXT[status] ?? "Error"}`,
    "content-type: application/json",
    `content-length: ${String(text.length)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`);
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
};

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
