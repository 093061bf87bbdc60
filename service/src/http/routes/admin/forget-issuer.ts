import { z } from "zod";
import type { Log } from "../../../telemetry/log.ts";
import { json } from "../../answer.ts";
import { OPERATORS } from "../../operator.ts";
import { problem } from "../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../route.ts";
import type { DeclaredAccess } from "./access-status.ts";
import { actorOf } from "./key-operation.ts";
import { IssuerReport, reportOfIssuer } from "./list-issuers.ts";
import { readOperatorBody } from "./operator-body.ts";

export interface ForgetIssuerDeps {
  readonly declared: DeclaredAccess | undefined;
  readonly log: Log;
}

const NoMembers = z.strictObject({}).meta({ id: "NoMembers" });

/** `POST /issuers/{name}/forget`: drops an issuer's keys here, now; its next token waits for new ones. */
export const forgetIssuer: OperatorRoute<ForgetIssuerDeps> = {
  operationId: "forgetIssuer",
  tag: "access",
  summary:
    "Drop the keys of this issuer on this replica; its next token is verified with keys that are fetched first",
  description:
    "Also what was proved with those keys, and the sequence number of a SPIFFE bundle. Pinned keys are part of the access document and stay. Each replica has its own copy of the keys: ask each of them.",
  method: "POST",
  path: "/issuers/{name}/forget",
  access: "operator",
  roles: OPERATORS,
  params: { path: z.object({ name: z.string().meta({ description: "Its name in the access document." }) }) },
  body: { schema: NoMembers, required: false },
  answers: { 200: jsonAnswer("Its keys are dropped; this is what is left.", IssuerReport) },
  reasons: [
    "issuer_unknown",
    "operation_invalid",
    "json_required",
    "json_invalid",
    "json_too_deep",
    "body_corrupt",
    "body_too_large",
    "charset_unsupported",
    "encoding_unsupported",
  ],
  handle: async ({ declared, log }, { incoming, params, requestId }, operator) => {
    const sent = await readOperatorBody(incoming, NoMembers);
    if (sent.kind === "problem") return sent.problem;
    const issuer = declared?.registry().issuers.find(({ name }) => name === params["name"]);
    if (declared === undefined || issuer === undefined) return problem("issuer_unknown");
    declared.issuerKeys.forget(issuer);
    log.info({ event: "issuer_forgotten", issuer: issuer.name, ...actorOf(operator), request_id: requestId });
    return json(200, declared.issuerKeys.list([issuer]).map(reportOfIssuer)[0] ?? {});
  },
};
