import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { Door } from "./doors.ts";

/** What a runtime says to a token; `no_answer` is neither a yes nor a no. */
export type Answer = "accepted" | "rejected" | "no_answer";

/** A connection that asks a runtime about tokens, many at a time. */
export interface CheckChannel {
  check(token: string): Promise<Answer>;
  close(): void;
}

/** How one `ListSessions` is asked at a door, and where its answer stands. */
interface Question {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly status: string;
  readonly accepted: string;
  readonly rejected: string;
}

const QUESTIONS: Readonly<Record<Door, Question>> = {
  gRPC: {
    path: "/macp.v1.MACPRuntimeService/ListSessions",
    headers: { "content-type": "application/grpc", te: "trailers" },
    // An empty message behind its gRPC prefix: not compressed, no bytes.
    body: Buffer.alloc(5),
    status: "grpc-status",
    accepted: "0",
    rejected: "16",
  },
  "HTTP/JSON": {
    path: "/macp/v1/ListSessions",
    headers: { "content-type": "application/json" },
    body: Buffer.from("{}"),
    status: ":status",
    accepted: "200",
    rejected: "401",
  },
};
const DEADLINE_MS = 10_000;

/**
 * Asks with nothing but HTTP/2, which both doors speak in the clear: a call is one POST, and over gRPC its status stands in the
 * trailers. The library would cost three times the processor time, and the runtime needs what a million checks leave of two cores.
 */
export function checkChannel(url: string, door: Door): CheckChannel {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(url);
      // Each call of a broken session ends without an answer, and is counted so.
      session.on("error", () => undefined);
    }
    return session;
  };
  return {
    check: (token) => ask(open(), QUESTIONS[door], token),
    close: () => session?.destroy(),
  };
}

function ask(session: ClientHttp2Session, question: Question, token: string): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": question.path,
      ...question.headers,
      authorization: `Bearer ${token}`,
    });
    let status: unknown;
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      status ??= headers[question.status];
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("error", () => undefined);
    stream.on("close", () => resolve(answerIn(question, String(status))));
    stream.setTimeout(DEADLINE_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.resume();
    stream.end(question.body);
  });
}

function answerIn({ accepted, rejected }: Question, status: string): Answer {
  return status === accepted ? "accepted" : status === rejected ? "rejected" : "no_answer";
}
