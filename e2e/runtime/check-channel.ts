import { type ClientHttp2Session, connect, constants } from "node:http2";

/** What a runtime says to a token; `no_answer` is neither a yes nor a no. */
export type Answer = "accepted" | "refused" | "no_answer";

/** A connection that asks a runtime about tokens, many at a time. */
export interface CheckChannel {
  check(token: string): Promise<Answer>;
  close(): void;
}

const PATH = "/macp.v1.MACPRuntimeService/ListSessions";
const DEADLINE_MS = 10_000;
/** An empty message behind its gRPC prefix: not compressed, no bytes. */
const EMPTY_MESSAGE = Buffer.alloc(5);
const UNAUTHENTICATED = "16";

/**
 * Asks over gRPC with nothing but HTTP/2: a call is one POST, and its status stands in the trailers. The library would cost
 * three times the processor time, and what a million checks leave over of two cores is the runtime's.
 */
export function checkChannel(address: string): CheckChannel {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(`http://${address}`);
      // Each call of a broken session ends without an answer, and is counted so.
      session.on("error", () => undefined);
    }
    return session;
  };
  return {
    check: (token) => ask(open(), token),
    close: () => session?.destroy(),
  };
}

function ask(session: ClientHttp2Session, token: string): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${token}`,
    });
    let status: unknown;
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      status ??= headers["grpc-status"];
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("error", () => undefined);
    stream.on("close", () =>
      resolve(status === "0" ? "accepted" : status === UNAUTHENTICATED ? "refused" : "no_answer"),
    );
    stream.setTimeout(DEADLINE_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.resume();
    stream.end(EMPTY_MESSAGE);
  });
}
