import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { CREDENTIAL_CHARS_MAX } from "../../callers/foreign/compact-jws.ts";
import { readFormBody } from "../body.ts";
import { type Problem, problem } from "../problem.ts";

/** The parameters of both endpoints (RFC 7009 section 2.1, RFC 7662 section 2.1). */
export const TokenForm = z
  .looseObject({
    token: z.string().min(1).max(CREDENTIAL_CHARS_MAX).meta({ description: "The token, as it was issued." }),
    token_type_hint: z
      .string()
      .max(64)
      .optional()
      .meta({ description: "Not needed: this service issues one type of token." }),
  })
  .meta({ id: "TokenForm" });

const HINT_CHARS_MAX = 64;

export type ReadForm =
  | { readonly kind: "form"; readonly token: string; readonly fields: ReadonlyMap<string, string> }
  | { readonly kind: "rejected"; readonly problem: Problem };

/** Reads the form of a request. A parameter that is there twice, or too long, is rejected and never ignored; unknown ones are ignored. */
export async function readTokenForm(incoming: IncomingMessage): Promise<ReadForm> {
  const body = await readFormBody(incoming);
  if (body.kind === "rejected") return body;
  if (body.kind === "absent") return { kind: "rejected", problem: problem("form_required") };
  const { fields } = body;
  const token = fields.get("token") ?? "";
  if (token === "") return { kind: "rejected", problem: problem("token_required") };
  const isTooLong =
    token.length > CREDENTIAL_CHARS_MAX || (fields.get("token_type_hint") ?? "").length > HINT_CHARS_MAX;
  return isTooLong
    ? { kind: "rejected", problem: problem("parameter_too_long") }
    : { kind: "form", token, fields };
}
