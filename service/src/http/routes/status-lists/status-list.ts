import { z } from "zod";
import type { PublicJwk } from "../../../keys/public-jwk.ts";
import { STATUS_LIST_TYPE } from "../../../status-lists/list-token.ts";
import type { AskedList, RenderedList } from "../../../status-lists/status-list-view.ts";
import { LISTS_PATH, type ListId, parseListId } from "../../../status-lists/status-place.ts";
import type { Log } from "../../../telemetry/log.ts";
import { type Answer, answerWith, empty } from "../../answer.ts";
import { rejected } from "../../exchange.ts";
import { type Exchange, NO_SNIFF, type OpenRoute } from "../../route.ts";
import { acceptsGzip, isNamedBy } from "../conditional.ts";

export interface StatusListDeps {
  readonly lists: StatusLists;
  /** How long a cache may repeat a list. */
  readonly ttlSeconds: number;
}

/** Port. The status lists as this replica knows them. */
export interface StatusLists {
  list(id: ListId): Promise<AskedList>;
  /** `undefined`: they are not known now. */
  uris(): readonly string[] | undefined;
  /** `undefined` as above. */
  readonly jwks: readonly PublicJwk[] | undefined;
}

export interface StatusListRouteDeps {
  readonly statusLists: StatusListDeps;
  readonly log: Log;
}

/** The headers of what any origin may read, and any cache may keep for a `ttl`. */
export const SHARED_CACHING = {
  "x-content-type-options": NO_SNIFF,
  "cache-control": z
    .string()
    .regex(/^public, max-age=[0-9]+$/)
    .meta({ description: "`public, max-age=` the `ttl` of the lists.", header: { id: "TtlMaxAge" } }),
  "access-control-allow-origin": z
    .literal("*")
    .meta({ description: "Always `*`.", header: { id: "AnyOriginOfLists" } }),
} as const;

/** The same, as it is written. */
export function sharedCaching({ ttlSeconds }: StatusListDeps): readonly string[] {
  return [
    "x-content-type-options",
    "nosniff",
    "cache-control",
    `public, max-age=${String(ttlSeconds)}`,
    "access-control-allow-origin",
    "*",
  ];
}

const TAGGED = {
  ...SHARED_CACHING,
  etag: z
    .string()
    .regex(/^W\/"[^"]+"$/)
    .meta({
      description: "Weak; of what the list says, so that replicas that know the same give the same.",
      header: { id: "ListEtag" },
    }),
  vary: z.literal("accept-encoding").meta({
    description: "Always `accept-encoding`.",
    header: { id: "VaryEncoding" },
  }),
} as const;

/** `GET /statuslists/{id}`: which tokens of a list were revoked, signed. */
export const statusList: OpenRoute<StatusListRouteDeps> = {
  operationId: "getStatusList",
  tag: "status lists",
  summary: "Which tokens of a list were revoked",
  description:
    "A status list token (draft-ietf-oauth-status-list): the bit at `idx` of the claim `status` of a token is 1 when it was revoked. A list of which no token can be live any longer is not found. When it is not known what was revoked lately, the answer is 503.",
  method: "GET",
  path: `${LISTS_PATH}/{id}`,
  access: "anyone",
  params: {
    path: z.object({ id: z.string().meta({ description: "The last part of `uri` in a token." }) }),
    header: z.object({
      "if-none-match": z.string().optional().meta({ description: "The ETag of a list that the client has." }),
    }),
  },
  answers: {
    200: {
      description: "The list, compressed with gzip where the client accepts it.",
      headers: {
        ...TAGGED,
        "content-encoding": z
          .literal("gzip")
          .optional()
          .meta({ description: "`gzip`, or absent.", header: { id: "GzipEncoding" } }),
      },
      body: { mediaType: `application/${STATUS_LIST_TYPE}`, schema: z.string() },
    },
    304: { description: "The list still says what the one with the given ETag does.", headers: TAGGED },
  },
  reasons: ["not_found", "status_lists_stale"],
  handle: serveList,
};

async function serveList(
  { statusLists, log }: StatusListRouteDeps,
  { incoming, params, requestId }: Exchange,
): Promise<Answer> {
  const id = parseListId(params["id"] ?? "");
  const asked = id && (await statusLists.lists.list(id));
  if (asked === undefined || asked.kind === "unknown") return rejected(log, "not_found", requestId);
  if (asked.kind === "stale") return rejected(log, "status_lists_stale", requestId);
  const { headers } = incoming;
  const caching = [...sharedCaching(statusLists), "etag", asked.list.etag, "vary", "accept-encoding"];
  if (isNamedBy(headers["if-none-match"], asked.list.etag)) return empty(304, caching);
  return withList(asked.list, caching, acceptsGzip(headers["accept-encoding"]));
}

function withList({ token, gzipped }: RenderedList, caching: readonly string[], isZipped: boolean): Answer {
  const headers = ["content-type", `application/${STATUS_LIST_TYPE}`, ...caching];
  if (!isZipped) return answerWith(200, headers, token);
  return {
    status: 200,
    headers: [...headers, "content-encoding", "gzip", "content-length", String(gzipped.length)],
    body: { text: gzipped.toString("latin1"), encoding: "latin1" },
  };
}
