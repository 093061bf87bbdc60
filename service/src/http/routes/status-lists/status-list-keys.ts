import { z } from "zod";
import { PublicJwk } from "../../../keys/public-jwk.ts";
import { LISTS_PATH } from "../../../status-lists/status-place.ts";
import { type Answer, answerWith } from "../../answer.ts";
import { rejected } from "../../exchange.ts";
import type { Exchange, OpenRoute } from "../../route.ts";
import { SHARED_CACHING, type StatusListRouteDeps, sharedCaching } from "./status-list.ts";

const ListJwks = z.strictObject({ keys: z.array(PublicJwk) }).meta({ id: "StatusListJwks" });

/** `GET /statuslists/jwks.json`: the keys that verify status lists, and nothing else. */
export const statusListKeys: OpenRoute<StatusListRouteDeps> = {
  operationId: "getStatusListKeys",
  tag: "status lists",
  summary: "The public keys that verify status lists",
  description:
    "None of them signs tokens, and none of them is in `/.well-known/jwks.json`: a runtime would accept what they sign.",
  method: "GET",
  path: `${LISTS_PATH}/jwks.json`,
  access: "anyone",
  answers: {
    200: {
      description: "The JWK Set (RFC 7517 section 5).",
      headers: SHARED_CACHING,
      body: { mediaType: "application/json", schema: ListJwks },
    },
  },
  reasons: ["status_lists_stale"],
  handle: ({ statusLists, log }: StatusListRouteDeps, { requestId }: Exchange): Answer => {
    const keys = statusLists.lists.jwks;
    if (keys === undefined) return rejected(log, "status_lists_stale", requestId);
    const headers = ["content-type", "application/json", ...sharedCaching(statusLists)];
    return answerWith(200, headers, JSON.stringify({ keys }));
  },
};
