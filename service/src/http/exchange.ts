import type { IncomingMessage, ServerResponse } from "node:http";
import { codeOf, messageOf } from "../kernel/faults.ts";
import type { RequestId } from "../kernel/ids.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Log } from "../telemetry/log.ts";
import { type Answer, problemAnswer, send } from "./answer.ts";
import type { Connections } from "./connections.ts";
import { type Problem, problem, type Reason } from "./problem.ts";
import type { Router } from "./router.ts";

/** How long and how much is read of a request that is already answered. */
export const LINGER_MS = 500;
const LINGER_BYTES_MAX = 64 * 1024 * 1024;
/** How many small pieces are read, and below which size a piece is small: each costs about as much as a small request. */
const LINGER_SMALL_PIECES_MAX = 1_024;
const SMALL_PIECE_BYTES = 1_024;

export interface ExchangeDeps {
  readonly log: Log;
  readonly timers: Timers;
  readonly router: Router;
  readonly connections: Connections;
}

/** One request from its arrival to its answer. Never rejects. */
export async function respond(
  deps: ExchangeDeps,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  requestId: RequestId,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await answerTo(deps, incoming, requestId);
  } catch (thrown) {
    if (outgoing.destroyed || incoming.socket.destroyed) return;
    answer = problemAnswer(problemOfFault(deps.log, thrown, requestId));
  }
  deps.connections.prepare(outgoing);
  send(outgoing, answer, requestId);
  if (!incoming.complete) void lingerOver(incoming, deps.timers);
}

function answerTo(
  { log, router }: ExchangeDeps,
  incoming: IncomingMessage,
  requestId: RequestId,
): Answer | Promise<Answer> {
  // HTTP/1.0 has no Host, and health checkers use it; HTTP/1.1 must send exactly one (RFC 9112 section 3.2).
  const { hosts, spaced } = headerLines(incoming.rawHeaders);
  // Another reader of these bytes may see other requests in them, so nothing after this one is read, as newer parsers do.
  if (spaced) return last(rejected(log, "request_malformed", requestId));
  if (hosts > 1 || (hosts === 0 && incoming.httpVersion === "1.1"))
    return rejected(log, "request_malformed", requestId);
  const found = router(incoming.method ?? "", incoming.url ?? "");
  if (found === undefined) return rejected(log, "not_found", requestId);
  return found.handle({ incoming, requestId, params: found.params });
}

/** The answer, after which the connection ends. */
function last(answer: Answer): Answer {
  return { ...answer, headers: [...answer.headers, "connection", "close"] };
}

/** The problem of a request that a fault ended. The text of the fault goes to the log, never to the caller. */
export function problemOfFault(log: Log, thrown: unknown, requestId: RequestId): Problem {
  const reason = thrown instanceof StoreUnavailable ? "store_unavailable" : "internal";
  const fault = messageOf(thrown);
  log.error({ event: "request_failed", reason, fault, code: codeOf(thrown), request_id: requestId });
  return problem(reason);
}

/** The answer to a request that no route handles, and its line in the log. */
export function rejected(log: Log, reason: Reason, requestId: RequestId): Answer {
  const refusal = problem(reason);
  log.info({ event: "request_refused", reason, status: refusal.status, request_id: requestId });
  return problemAnswer(refusal);
}

/**
 * How many Host lines there are, and whether a name has a space before its colon, which the parser of Node 20.18 accepts and RFC
 * 9112 section 5.1 forbids. `rawHeaders` has names and values in turn.
 */
function headerLines(rawHeaders: readonly string[]): { hosts: number; spaced: boolean } {
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  return {
    hosts: names.filter((name) => name.length === 4 && name.toLowerCase() === "host").length,
    spaced: names.some((name) => name.endsWith(" ") || name.endsWith("\t")),
  };
}

/**
 * Reads what a client still sends after its answer, for a moment and up to a bound: a connection that is closed at once
 * may lose the answer on its way. Then the connection ends.
 */
export async function lingerOver(incoming: IncomingMessage, timers: Timers): Promise<void> {
  const { socket } = incoming;
  let [bytes, smallPieces] = [0, 0];
  const patience = timers.delay(LINGER_MS);
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
      if (chunk.length < SMALL_PIECE_BYTES) smallPieces += 1;
      if (bytes > LINGER_BYTES_MAX || smallPieces > LINGER_SMALL_PIECES_MAX) resolve();
      // Node reads on while there is more, up to 2 MB at a time: one or two reads, and then it is the turn of others. Not the socket is
      // paused: a request that flows resumes it at once.
      incoming.pause();
      void timers.afterArrivals().then(() => incoming.resume());
    });
  });
  incoming.resume();
  const how = await Promise.race([ended, flooded, patience.over]);
  patience.cancel();
  if (how !== "ended") socket.destroySoon();
}
