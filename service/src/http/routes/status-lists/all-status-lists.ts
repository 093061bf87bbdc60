import { z } from "zod";
import { LISTS_PATH } from "../../../status-lists/status-place.ts";
import type { Answer } from "../../answer.ts";
import { answerWith } from "../../answer.ts";
import { rejected } from "../../exchange.ts";
import type { Exchange, OpenRoute } from "../../route.ts";
import { SHARED_CACHING, type StatusListRouteDeps, sharedCaching } from "./status-list.ts";

const Aggregation = z
  .strictObject({ status_lists: z.array(z.string()).meta({ description: "The `uri` of each list." }) })
  .meta({ id: "StatusListAggregation" });

/** `GET /statuslists`: where all lists are (draft-ietf-oauth-status-list section 9.3). */
export const allStatusLists: OpenRoute<StatusListRouteDeps> = {
  operationId: "getStatusLists",
  tag: "status lists",
  summary: "The addresses of all lists of which a token may be live",
  method: "GET",
  path: LISTS_PATH,
  access: "anyone",
  answers: {
    200: {
      description: "The lists, the newest first.",
      headers: SHARED_CACHING,
      body: { mediaType: "application/json", schema: Aggregation },
    },
  },
  reasons: ["status_lists_stale"],
  handle: ({ statusLists, log }: StatusListRouteDeps, { requestId }: Exchange): Answer => {
    const uris = statusLists.lists.uris();
    if (uris === undefined) return rejected(log, "status_lists_stale", requestId);
    const headers = ["content-type", "application/json", ...sharedCaching(statusLists)];
    return answerWith(200, headers, JSON.stringify({ status_lists: uris }));
  },
};
