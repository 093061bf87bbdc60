import { z } from "zod";
import { MintRequestBody } from "../tokens/mint-request.ts";
import { Scopes } from "../tokens/scopes.ts";
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

const MINT_REASONS: readonly Reason[] = [
  "sender_required",
  "scopes_invalid",
  "ttl_invalid",
  "not_unicode",
  "token_too_large",
  "body_corrupt",
  "json_invalid",
  "json_too_deep",
  "request_malformed",
  "request_timeout",
  "body_too_large",
  "charset_unsupported",
  "encoding_unsupported",
  "expectation_unsupported",
  "headers_too_large",
  "internal",
  "no_signing_key",
  "busy",
];

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
        options: optionsOperation("tokens", "Tells which method mints", "POST"),
      },
      "/.well-known/jwks.json": { get: jwksOperation() },
      "/healthz": { get: healthOperation() },
    },
    components: { schemas: schemas() },
  };
}

function mintOperation(): object {
  return {
    operationId: "mintToken",
    tags: ["tokens"],
    summary: "Mint a token",
    description:
      "Members other than these are ignored, `iss`, `aud`, `exp`, `kid` among them. A body of another content type than `application/json` counts as an empty one. The body may be sent with gzip, deflate or br.",
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
      "200": answer("The token.", "MintResponse", { "cache-control": header("Always `no-store`.") }),
      ...errors(MINT_REASONS),
    },
  };
}

function jwksOperation(): object {
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
      "200": answer("The JWK Set.", "Jwks", {
        etag: header("Strong; changes with the keys."),
        "cache-control": header("`public, max-age=60` unless configured."),
      }),
      "304": { description: "The set is still the one with the given ETag." },
      ...errors(["request_malformed", "no_signing_key"]),
    },
  };
}

function healthOperation(): object {
  return {
    operationId: "getHealth",
    tags: ["health"],
    summary: "Whether the process answers",
    responses: { "200": answer("It does.", "Health"), ...errors(["request_malformed"]) },
  };
}

function optionsOperation(tag: string, summary: string, allow: string): object {
  const allowed = header(`Always \`${allow}\`.`);
  return {
    operationId: `${tag}Options`,
    tags: [tag],
    summary,
    responses: {
      "204": { description: "See the header.", headers: { allow: allowed } },
      ...errors(["request_malformed"]),
    },
  };
}

function answer(description: string, schema: keyof typeof SCHEMAS, headers?: object): object {
  return {
    description,
    ...(headers && { headers }),
    content: { "application/json": { schema: ref(schema) } },
  };
}

function errors(reasons: readonly Reason[]): object {
  const statuses = [...new Set(reasons.map((reason) => PROBLEMS[reason].status))].toSorted(
    (one, other) => one - other,
  );
  return Object.fromEntries(
    statuses.map((status) => {
      const members = reasons.filter((reason) => PROBLEMS[reason].status === status);
      const examples = Object.fromEntries(
        members.map((reason) => [reason, { value: { error: PROBLEMS[reason].text } }]),
      );
      return [
        status,
        {
          description: members.join(", "),
          content: { "application/json": { schema: ref("Error"), examples } },
        },
      ];
    }),
  );
}

function header(description: string): object {
  return { description, schema: { type: "string" } };
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
