import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { readOptionalJsonBody } from "../../body.ts";
import { type Problem, problem } from "../../problem.ts";

type ReadBody<Body> =
  | { readonly kind: "read"; readonly body: Body }
  | { readonly kind: "problem"; readonly problem: Problem };

/**
 * The JSON body of a request, by its schema; no body is an empty object. A web page can send text to this machine without asking; JSON
 * it cannot. `textOf` says what is wrong with a body that the schema rejects.
 */
export async function readOperatorBody<Schema extends z.ZodType>(
  incoming: IncomingMessage,
  schema: Schema,
  textOf?: (error: z.ZodError) => string,
): Promise<ReadBody<z.output<Schema>>> {
  const sent = await readOptionalJsonBody(incoming);
  if (sent.kind === "rejected") return { kind: "problem", problem: sent.problem };
  if (sent.kind === "absent") return { kind: "problem", problem: problem("json_required") };
  const { data, error } = schema.safeParse(sent.value);
  return data === undefined
    ? { kind: "problem", problem: problem("operation_invalid", error && textOf?.(error)) }
    : { kind: "read", body: data };
}
