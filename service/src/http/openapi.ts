import { z } from "zod";
import { Scopes } from "../scopes/scopes.ts";
import { MintRequestBody } from "../tokens/mint-request.ts";
import { PROBLEMS, type Reason } from "./problem.ts";
import { HealthBody } from "./routes/health.ts";
import { JwksBody } from "./routes/jwks.ts";
import { MintResponseBody } from "./routes/mint-token.ts";

const ErrorBody = z
  .strictObject({ error: z.string().meta({ description: "One line: what is wrong." }) })
  .meta({ id: "Error" });

const SCHEMAS = {
  Scopes,
  MintRequest: MintRequestBody,
  MintResponse: MintResponseBody,
  Jwks: JwksBody,
  Health: HealthBody,
  Error: ErrorBody,
};

/** What any request may be answered with, whatever it asks for. */
const COMMON_REASONS: readonly Reason[] = [
  "request_malformed",
  "request_timeout",
  "expectation_unsupported",
  "headers_too_large",
  "internal",
];

const MINT_REASONS: readonly Reason[] = [
  "sender_required",
  "scopes_invalid",
  "ttl_invalid",
  "not_unicode",
  "number_inexact",
  "token_too_large",
  "body_corrupt",
  "json_invalid",
  "json_too_deep",
  "body_too_large",
  "charset_unsupported",
  "encoding_unsupported",
  "no_signing_key",
  "busy",
];

/** Errors that may also be written before there is a request: those answers have fewer headers. */
const UNREAD_STATUSES: readonly number[] = [400, 408, 431];

/** Every header of an answer that is not one of the framing; `name` is where it stands on the wire. */
const HEADERS = {
  RequestId: header("x-request-id", "The caller's own where that is one, else a fresh one.", {
    type: "string",
    pattern: "^[A-Za-z0-9._-]{1,64}$",
  }),
  NoSniff: header("x-content-type-options", "Always `nosniff`.", { const: "nosniff" }),
  NoStore: header("cache-control", "Always `no-store`.", { const: "no-store" }),
  NoSniffIfRead: header(
    "x-content-type-options",
    "`nosniff`; absent when the bytes could not be read as a request.",
    { const: "nosniff" },
    false,
  ),
  NoStoreIfRead: header(
    "cache-control",
    "`no-store`; absent when the bytes could not be read as a request.",
    { const: "no-store" },
    false,
  ),
  MaxAge: header("cache-control", "`public, max-age=60` unless configured.", {
    type: "string",
    pattern: "^public, max-age=[0-9]+$",
  }),
  Etag: header("etag", "Strong; changes with the keys.", { type: "string", pattern: '^"[^"]+"$' }),
  AnyOrigin: header("access-control-allow-origin", "Always `*`.", { const: "*" }),
  RetryAfter: header("retry-after", "Seconds after which asking again makes sense.", {
    type: "string",
    pattern: "^[0-9]+$",
  }),
  AllowPost: header("allow", "Always `POST`.", { const: "POST" }),
  AllowGet: header("allow", "Always `GET, HEAD`.", { const: "GET, HEAD" }),
};

type HeaderName = keyof typeof HEADERS;
type Responses = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly responses: Responses;
}

/** The OpenAPI 3.1 description of the public listener, made from the schemas that the routes validate with. */
export function openApiDocument(version: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "macp-auth-service",
      version,
      summary: "Mints the short-lived JWTs with which MACP agents authenticate to the runtime.",
      description:
        "Paths are matched without regard to letter case and to one trailing slash. Every answer carries `x-request-id`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://localhost:3200", description: "the default address" }],
    security: [],
    tags: [
      { name: "tokens", description: "Minting." },
      { name: "keys", description: "What verifiers fetch." },
      { name: "health", description: "For probes." },
    ],
    paths: {
      "/tokens": {
        post: mintOperation(),
        options: optionsOperation("tokens", "tokensOptions", "AllowPost"),
      },
      "/.well-known/jwks.json": {
        get: jwksOperation(),
        head: headOf(jwksOperation(), "headJwks"),
        options: optionsOperation("keys", "jwksOptions", "AllowGet"),
      },
      "/healthz": {
        get: healthOperation(),
        head: headOf(healthOperation(), "headHealth"),
        options: optionsOperation("health", "healthOptions", "AllowGet"),
      },
    },
    components: { schemas: schemas(), headers: headerComponents() },
  };
}

function mintOperation(): Operation {
  return {
    operationId: "mintToken",
    tags: ["tokens"],
    summary: "Mint a token",
    description:
      "Members other than these are ignored, `iss`, `aud`, `exp`, `kid` among them. A body of another content type than `application/json` counts as an empty one. The body may be sent with gzip (or x-gzip), deflate or br.",
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: ref("MintRequest"),
          example: { sender: "agent://planner", scopes: {}, ttl_seconds: 300 },
        },
      },
    },
    responses: {
      "200": answer("The token.", ["NoSniff", "NoStore"], "MintResponse"),
      ...errors(MINT_REASONS),
    },
  };
}

function jwksOperation(): Operation {
  return {
    operationId: "getJwks",
    tags: ["keys"],
    summary: "The public keys that verify tokens",
    description:
      "Never an empty set: an empty set would not make a verifier forget its old keys, so the answer is then 503.",
    parameters: [
      {
        name: "if-none-match",
        in: "header",
        required: false,
        description: "A known ETag.",
        schema: { type: "string" },
      },
    ],
    responses: {
      "200": answer("The JWK Set.", ["NoSniff", "MaxAge", "Etag", "AnyOrigin"], "Jwks"),
      "304": answer("The set is still the one with the given ETag.", ["MaxAge", "Etag", "AnyOrigin"]),
      ...errors(["no_signing_key"]),
    },
  };
}

function healthOperation(): Operation {
  return {
    operationId: "getHealth",
    tags: ["health"],
    summary: "Whether the process answers",
    responses: { "200": answer("It does.", ["NoSniff", "NoStore"], "Health"), ...errors([]) },
  };
}

/** The same answers, without their bodies. */
function headOf({ summary, responses, ...get }: Operation, operationId: string): Operation {
  const bodiless = Object.entries(responses).map(([status, { description, headers }]) => [
    status,
    { description, headers },
  ]);
  return {
    ...get,
    operationId,
    summary: `${summary}: the headers alone`,
    responses: Object.fromEntries(bodiless) as Responses,
  };
}

function optionsOperation(tag: string, operationId: string, allow: HeaderName): Operation {
  return {
    operationId,
    tags: [tag],
    summary: "Which methods there are",
    responses: { "204": answer("See the header.", [allow]), ...errors([]) },
  };
}

/** A response with these headers and the request's id; without a `schema` it has no body. */
function answer(
  description: string,
  headers: readonly HeaderName[],
  schema?: keyof typeof SCHEMAS,
  examples?: object,
): Responses[string] {
  const all: readonly HeaderName[] = ["RequestId", ...headers];
  return {
    description,
    headers: Object.fromEntries(
      all.map((name) => [HEADERS[name].name, { $ref: `#/components/headers/${name}` }]),
    ),
    ...(schema && {
      content: { "application/json": { schema: ref(schema), ...(examples && { examples }) } },
    }),
  };
}

/** The errors of an operation, by status: those that any request may meet, and its own. */
function errors(own: readonly Reason[]): Responses {
  const reasons = [...own, ...COMMON_REASONS];
  const statuses = [...new Set(reasons.map((reason) => PROBLEMS[reason].status))].toSorted(
    (one, other) => one - other,
  );
  return Object.fromEntries(
    statuses.map((status) => {
      const members = reasons.filter((reason) => PROBLEMS[reason].status === status);
      const examples = Object.fromEntries(
        members.map((reason) => [reason, { value: { error: PROBLEMS[reason].text } }]),
      );
      return [status, answer(members.join(", "), headersOfError(status), "Error", examples)];
    }),
  );
}

function headersOfError(status: number): readonly HeaderName[] {
  if (UNREAD_STATUSES.includes(status)) return ["NoSniffIfRead", "NoStoreIfRead"];
  return status === 503 ? ["NoSniff", "NoStore", "RetryAfter"] : ["NoSniff", "NoStore"];
}

function header(name: string, description: string, schema: object, required = true) {
  return { name, description, schema, required };
}

function headerComponents(): object {
  return Object.fromEntries(
    Object.entries(HEADERS).map(([id, { description, required, schema }]) => [
      id,
      { description, required, schema },
    ]),
  );
}

function ref(schema: keyof typeof SCHEMAS): object {
  return { $ref: `#/components/schemas/${schema}` };
}

/** JSON Schema of each body, the named ones referring to each other. */
function schemas(): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  const { schemas: made } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    unrepresentable: "any",
    io: "input",
  });
  return Object.fromEntries(
    Object.entries(made).map(([id, schema]) => [
      id,
      Object.fromEntries(
        Object.entries(schema).filter(([name]) => name !== "$schema" && name !== "$id" && name !== "id"),
      ),
    ]),
  );
}
