import { z } from "zod";
import type { KeyDirectory, KeyUsage } from "../../keys/key-directory.ts";
import type { JwksDocument } from "../../keys/key-view.ts";
import { PublicJwk } from "../../keys/public-jwk.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Meter } from "../../telemetry/meter.ts";
import { type Answer, empty, problemAnswer, rendered } from "../answer.ts";
import { remoteOf, type TrustedProxies } from "../peer/peer-of.ts";
import { problem } from "../problem.ts";
import { type Exchange, NO_SNIFF, type OpenRoute } from "../route.ts";
import { isNamedBy } from "./conditional.ts";

/** RFC 7517 section 5. */
const JwksBody = z.strictObject({ keys: z.array(PublicJwk) }).meta({ id: "Jwks" });

export interface JwksDeps {
  readonly keys: KeyDirectory;
  /** Is notified of each fetch; `undefined` when nothing counts them. */
  readonly usage: KeyUsage | undefined;
  readonly meter: Meter;
  readonly log: Log;
  readonly proxies?: TrustedProxies;
  /** How long a shared cache may repeat the answer. */
  readonly jwksMaxAgeSeconds: number;
}

/** The headers of every key set. */
export const PUBLIC_CACHING = {
  "cache-control": z
    .string()
    .regex(/^public, max-age=[0-9]+$/)
    .meta({ description: "`public, max-age=60` unless configured.", header: { id: "MaxAge" } }),
  "access-control-allow-origin": z
    .literal("*")
    .meta({ description: "Always `*`.", header: { id: "AnyOrigin" } }),
} as const;
const CACHING = {
  ...PUBLIC_CACHING,
  etag: z
    .string()
    .regex(/^"[^"]+"$/)
    .meta({ description: "Strong; changes with the keys.", header: { id: "Etag" } }),
} as const;

/** `GET /.well-known/jwks.json`: the public keys, from memory; 304 for a known ETag, 503 rather than an empty set. */
export const jwks: OpenRoute<JwksDeps> = {
  operationId: "getJwks",
  tag: "keys",
  summary: "The public keys that verify tokens",
  description:
    "Never an empty set: verifiers would then continue to use their old keys. If no key is served, the answer is 503.",
  method: "GET",
  path: "/.well-known/jwks.json",
  access: "anyone",
  params: {
    header: z.object({
      "if-none-match": z.string().optional().meta({ description: "The ETag of a set that the client has." }),
    }),
  },
  answers: {
    200: {
      description: "The JWK Set.",
      headers: { "x-content-type-options": NO_SNIFF, ...CACHING },
      body: { mediaType: "application/json", schema: JwksBody },
    },
    304: { description: "The set is still the one with the given ETag.", headers: CACHING },
  },
  reasons: ["no_signing_key"],
  handle: serveJwks,
};

function serveJwks(deps: JwksDeps, { incoming, requestId }: Exchange): Answer {
  const document = deps.keys.view().jwks;
  if (document === undefined) {
    deps.meter.jwksServed(503);
    deps.log.warn({ event: "request_refused", reason: "no_signing_key", status: 503, request_id: requestId });
    return problemAnswer(problem("no_signing_key"));
  }
  deps.usage?.noteFetch(remoteOf(incoming, deps.proxies).remote ?? "", incoming.headers["user-agent"]);
  const answer = answers.get(document) ?? remember(document, deps.jwksMaxAgeSeconds);
  if (isNamedBy(incoming.headers["if-none-match"], document.etag)) {
    deps.meter.jwksServed(304);
    return empty(304, answer.caching);
  }
  deps.meter.jwksServed(200);
  return answer.full;
}

interface JwksAnswer {
  readonly caching: readonly string[];
  readonly full: Answer;
}

/** The answer of each document, made once: every verifier gets the same. An answer is dropped with its document. */
const answers = new WeakMap<JwksDocument, JwksAnswer>();

function remember(document: JwksDocument, maxAgeSeconds: number): JwksAnswer {
  const caching = [
    "cache-control",
    `public, max-age=${String(maxAgeSeconds)}`,
    "etag",
    document.etag,
    "access-control-allow-origin",
    "*",
  ];
  const answer = { caching, full: rendered(document.body, caching) };
  answers.set(document, answer);
  return answer;
}
