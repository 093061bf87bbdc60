import type { Steps } from "../../kernel/steps.ts";

/** One request as its trace names it: all from closed sets. */
export interface TracedRequest {
  /** The id of its operation in the OpenAPI description. */
  readonly operation: string;
  readonly method: "GET" | "POST" | "_OTHER";
  /** The path of its route, with `{name}` for a segment. */
  readonly route: string;
  /** As it came (W3C Trace Context); one that is not valid begins a new trace. */
  readonly traceparent: string | undefined;
}

/** What became of the spans so far. */
export interface SpanFigures {
  readonly sent: number;
  /** They found no place among those that wait. */
  readonly dropped: number;
  /** The receiver did not take them. */
  readonly failed: number;
}

/** Traces of requests, which leave in the background. They never make a request fail, or wait. */
export interface Traces extends Steps {
  /** Runs what answers a request as one span, of which its steps are children, each with its own. */
  request<T extends { readonly status: number }>(about: TracedRequest, run: () => T | Promise<T>): Promise<T>;
  /** What each line of the log that belongs to a request says of its trace. */
  readonly logFields: () => Readonly<Record<string, string>>;
  figures(): SpanFigures;
  /** Sends what waits, and then nothing more. */
  close(): Promise<void>;
}
