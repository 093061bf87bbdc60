import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { RequestId } from "../kernel/ids.ts";
import type { Answer } from "./answer.ts";
import type { Operator, Roles } from "./operator.ts";
import type { Problem, Reason } from "./problem.ts";

/** One request as a route sees it. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly requestId: RequestId;
  /** The value of each `{name}` of the path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
}

/** An answer that is not a problem. */
export interface AnswerFacts {
  readonly description: string;
  /** Its headers by name, beside `x-request-id` and those of the framing. */
  readonly headers: Readonly<Record<string, z.ZodType>>;
  /** `undefined`: it has no body. */
  readonly body?: { readonly mediaType: string; readonly schema: z.ZodType };
}

/** What is known of an operation without running it. The router, the OpenAPI descriptions and the tests read it. */
interface RouteFacts {
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** GET answers HEAD as well, and every path answers OPTIONS. `ANY`: every method alike. */
  readonly method: "GET" | "POST" | "ANY";
  /** Lower case, without a trailing slash; `{name}` stands for one segment. */
  readonly path: `/${string}`;
  /** What it reads of the query, of the headers and of the path. */
  readonly params?: {
    readonly query?: z.ZodObject;
    readonly header?: z.ZodObject;
    readonly path?: z.ZodObject;
  };
  /** The body that it reads, JSON unless it says otherwise; `undefined`: any body is ignored. */
  readonly body?: {
    readonly schema: z.ZodType;
    readonly required: boolean;
    readonly example?: object;
    readonly mediaType?: "application/x-www-form-urlencoded";
  };
  /** The body of its own problems, where it is not `{"error": text}`, and how it is made of one. */
  readonly errors?: {
    readonly schema: z.ZodType;
    readonly bodyOf: (facts: { readonly status: number; readonly text: string }) => object;
  };
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerFacts>>;
  /** Its own problems, beside those that any request may meet. */
  readonly reasons: readonly Reason[];
}

/** An operation that anyone may call, or whose handler first proves its caller: what it then does takes the `Caller`. */
export interface OpenRoute<Deps> extends RouteFacts {
  readonly access: "anyone" | "caller";
  readonly handle: (deps: Deps, exchange: Exchange) => Answer | Promise<Answer>;
}

/** An operation for operators: it cannot be called without the evidence that its caller is one. */
export interface OperatorRoute<Deps> extends RouteFacts {
  readonly access: "operator";
  /** Who may call it; any other role is answered with 403. */
  readonly roles: Roles;
  readonly handle: (
    deps: Deps,
    exchange: Exchange,
    operator: Operator,
  ) => Answer | Problem | Promise<Answer | Problem>;
}

export const NO_SNIFF = z
  .literal("nosniff")
  .meta({ description: "Always `nosniff`.", header: { id: "NoSniff" } });
const NO_STORE = z.literal("no-store").meta({ description: "Always `no-store`.", header: { id: "NoStore" } });

/** The facts of an answer that is made by `json()`. */
export function jsonAnswer(description: string, schema: z.ZodType): AnswerFacts {
  return { description, headers: UNCACHED, body: { mediaType: "application/json", schema } };
}

export const UNCACHED = { "x-content-type-options": NO_SNIFF, "cache-control": NO_STORE } as const;
