import { z } from "zod";
import { lineOf, RevocationsReport } from "../../../../ledger/revocation/operator-shapes.ts";
import { json } from "../../../answer.ts";
import { VIEWERS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import type { RevocationDeps } from "./revocation-route.ts";

const PAGE = 100;
const Whole = z.string().regex(/^[1-9][0-9]{0,14}$/);

/** `GET /revocations`: what was stopped and undone, the newest first. */
export const listRevocations: OperatorRoute<RevocationDeps> = {
  operationId: "listRevocations",
  tag: "revocations",
  summary: "What was stopped, by whom and why; the newest first",
  method: "GET",
  path: "/revocations",
  access: "operator",
  roles: VIEWERS,
  params: {
    query: z.object({
      before: Whole.optional().meta({ description: "Only those with a lower number: `next` of a page." }),
    }),
  },
  answers: { 200: jsonAnswer("At most a hundred.", RevocationsReport) },
  reasons: ["ledger_off", "store_unavailable"],
  handle: async ({ revocation }, { incoming }) => {
    if (revocation === undefined) return problem("ledger_off");
    const before = /[?&]before=([1-9][0-9]{0,14})(?:&|$)/.exec(incoming.url ?? "")?.[1];
    const found = await revocation.store.list(before === undefined ? undefined : Number(before), PAGE);
    const last = found.length < PAGE ? undefined : found.at(-1)?.epoch;
    const report: RevocationsReport = { revocations: found.map(lineOf), next: last ?? null };
    return json(200, report);
  },
};
