import { z } from "zod";
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathItemObject,
  type ZodOpenApiResponseObject,
} from "zod-openapi";
import { ADMIN_ROUTES } from "./admin-server.ts";
import { GUARD_ROUTES } from "./guard/guard-server.ts";
import { RATE_LIMIT_HEADERS } from "./limits/rate-limit-headers.ts";
import { ALLOW, OF_REASONS, OF_SOME_REASONS, REQUEST_ID, UNCACHED_IF_READ } from "./openapi-headers.ts";
import { PROBLEMS, problem, type Reason } from "./problem.ts";
import { PUBLIC_ROUTES } from "./public-server.ts";
import { type AnswerFacts, type OpenRoute, type OperatorRoute, UNCACHED } from "./route.ts";
import { ADMIN_TAGS, GUARD_TAGS, PUBLIC_TAGS } from "./routes/tags.ts";

type Route = OpenRoute<never> | OperatorRoute<never>;

/** What any request may be answered with, whatever it asks for. */
const COMMON_REASONS: readonly Reason[] = [
  "request_malformed",
  "request_timeout",
  "expectation_unsupported",
  "headers_too_large",
  "internal",
];

/** What a request is answered with besides when it proves too little, or when the proof cannot be checked. */
const UNPROVED_REASONS: Readonly<Record<Route["access"], readonly Reason[]>> = {
  anyone: [],
  caller: ["credential_required", "credentials_several", "store_unavailable"],
  operator: [
    "credentials_several",
    "unauthorised",
    "not_this_machine",
    "role_insufficient",
    "store_unavailable",
    "limit_failures",
  ],
};

/** Errors that may also be written before there is a request: those answers have fewer headers. */
const UNREAD_STATUSES: readonly number[] = [400, 408, 431];

const ErrorBody = z
  .strictObject({ error: z.string().meta({ description: "One line: what is wrong." }) })
  .meta({ id: "Error" });

const PLAIN_ERRORS: Errors = {
  schema: ErrorBody,
  bodyOf: ({ text }) => ({ error: text }),
};

/** What is answered before there is a route. `internal` is not among them. */
const ANSWERED_BEFORE: readonly Reason[] = [
  "not_found",
  "request_malformed",
  "request_timeout",
  "expectation_unsupported",
  "headers_too_large",
];

/** The OpenAPI 3.1 description of the public listener. */
export function publicDescription(version: string): object {
  return describe(PUBLIC_ROUTES, {
    info: {
      title: "macp-auth-service",
      version,
      summary: "Mints the short-lived JWTs that MACP agents send to the runtime.",
      description:
        "Letter case and one trailing slash of a path are ignored. Every answer has `x-request-id`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://localhost:3200", description: "the default address" }],
    security: [],
    tags: [...PUBLIC_TAGS],
  });
}

/** The OpenAPI 3.1 description of the admin listener. */
export function adminDescription(version: string): object {
  return describe(ADMIN_ROUTES, {
    info: {
      title: "macp-auth-service, for operators",
      version,
      summary: "Readiness, metrics, who may call, and the operations on managed keys.",
      description:
        "This listener has its own port, and is off unless `MACP_AUTH_ADMIN_PORT` is set. Declared callers with a role prove who they are with any of their proofs; `x-roles` lists the roles that may call an operation. If no token is configured, programs on the same machine are accepted too, and requests that a web page could send are rejected.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://127.0.0.1:3201", description: "an example: there is no default port" }],
    security: [{ token: [] }],
    tags: [...ADMIN_TAGS],
    components: {
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description:
            "The content of `MACP_AUTH_ADMIN_TOKEN_FILE`, or a proof of a declared caller with a role.",
        },
      },
    },
  });
}

/** The OpenAPI 3.1 description of the listener of a guard. */
export function guardDescription(version: string): object {
  return describe(GUARD_ROUTES, {
    info: {
      title: "macp-auth-service, the guard",
      version,
      summary: "Says to a proxy in front of the runtime which requests may pass.",
      description:
        "This listener has its own port, and is off unless `MACP_AUTH_GUARD_PORT` is set. `macp-auth guard serve` is the same in a process of its own. Envoy asks by gRPC instead: `envoy.service.auth.v3.Authorization`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://127.0.0.1:3203", description: "an example: there is no default port" }],
    security: [],
    tags: [...GUARD_TAGS],
  });
}

/** The library's type lacks the `summary` that OpenAPI 3.1 has. */
type About = Omit<ZodOpenApiObject, "openapi" | "paths"> & {
  readonly info: ZodOpenApiObject["info"] & { readonly summary: string };
};

function describe(routes: readonly Route[], about: About): object {
  const paths: Record<string, ZodOpenApiPathItemObject> = {};
  for (const path of new Set(routes.map((route) => route.path)))
    paths[path] = pathItem(routes.filter((route) => route.path === path));
  return createDocument({ openapi: "3.1.0", ...about, paths });
}

/** A path's operations: those of its routes, HEAD beside GET, and OPTIONS. */
function pathItem(routes: readonly Route[]): ZodOpenApiPathItemObject {
  const any = routes.find(({ method }) => method === "ANY");
  if (any) return anyOf(any);
  const get = routes.find(({ method }) => method === "GET");
  const post = routes.find(({ method }) => method === "POST");
  const allow = [...(get ? ["GET, HEAD"] : []), ...(post ? ["POST"] : [])].join(", ");
  const [first] = routes;
  return {
    ...(get && { get: operation(get), head: headOf(get) }),
    ...(post && { post: operation(post) }),
    ...(first && { options: optionsOf(first, allow) }),
  };
}

function operation(route: Route): ZodOpenApiOperationObject {
  const { operationId, tag, summary, description, params, body, answers, access, reasons } = route;
  const own = [...reasons, ...UNPROVED_REASONS[access]];
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(route.access === "operator" && { "x-roles": [...route.roles] }),
    ...(params && { requestParams: { ...params } }),
    ...(body && {
      requestBody: {
        required: body.required,
        content: {
          [body.mediaType ?? "application/json"]: {
            schema: body.schema,
            ...(body.example && { example: body.example }),
          },
        },
      },
    }),
    responses: responses(answers, own, access === "caller" ? RATE_LIMIT_HEADERS : {}, route.errors),
  };
}

/** The methods that a description can have. */
const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"] as const;

/** One operation by any method. Its id is that of GET. */
function anyOf(route: Route): ZodOpenApiPathItemObject {
  const operations = METHODS.map((method) => {
    const { operationId, ...rest } = method === "head" ? headOf(route) : operation(route);
    const name =
      method === "get" || method === "head" ? "" : `${method[0]?.toUpperCase() ?? ""}${method.slice(1)}`;
    return [method, { operationId: `${operationId ?? ""}${name}`, ...rest }];
  });
  return Object.fromEntries(operations) as ZodOpenApiPathItemObject;
}

/** The same answers, without their bodies. */
function headOf(get: Route): ZodOpenApiOperationObject {
  const { responses: withBodies, ...rest } = operation(get);
  const bodiless = Object.entries(withBodies as Record<string, ZodOpenApiResponseObject>).map(
    ([status, { description, headers }]) => [status, { description, headers }],
  );
  return {
    ...rest,
    operationId: `${get.operationId}Head`,
    summary: `${get.summary}: only the headers`,
    responses: Object.fromEntries(bodiless) as ZodOpenApiOperationObject["responses"],
  };
}

function optionsOf({ operationId, tag, access, params }: Route, allow: string): ZodOpenApiOperationObject {
  return {
    operationId: `${operationId}Options`,
    tags: [tag],
    summary: "The allowed methods",
    ...(access === "operator" && { security: [] }),
    ...(params?.path && { requestParams: { path: params.path } }),
    responses: responses(
      { 204: { description: "See the header.", headers: { allow: ALLOW[allow] ?? z.string() } } },
      [],
    ),
  };
}

/** Every answer by its status. A status of both an answer and problems has either body. `shared`: headers that any of them may carry. */
function responses(
  answers: Readonly<Record<number, AnswerFacts>>,
  own: readonly Reason[],
  shared: AnswerFacts["headers"] = {},
  errors: Route["errors"] = PLAIN_ERRORS,
): ZodOpenApiOperationObject["responses"] {
  const reasons = [...own, ...COMMON_REASONS];
  const statuses = new Set([...Object.keys(answers).map(Number), ...reasons.map(statusOf)]);
  return Object.fromEntries(
    [...statuses]
      .toSorted((one, other) => one - other)
      .map((status) => [
        status,
        response(
          status,
          answers[status],
          reasons.filter((reason) => statusOf(reason) === status),
          shared,
          errors,
        ),
      ]),
  );
}

function response(
  status: number,
  answer: AnswerFacts | undefined,
  reasons: readonly Reason[],
  shared: AnswerFacts["headers"],
  errors: Errors,
): ZodOpenApiResponseObject {
  const headers = {
    "x-request-id": REQUEST_ID,
    ...shared,
    ...answer?.headers,
    ...headersOf(status, reasons, answer),
  };
  const content = contentOf(answer, reasons, errors);
  return {
    description: [answer?.description, reasons.join(", ")].filter(Boolean).join(" Or: "),
    headers: z.object(headers),
    ...(content && { content }),
  };
}

/** The body of an answer, of problems, or either; `undefined` when there is none. */
function contentOf(
  answer: AnswerFacts | undefined,
  reasons: readonly Reason[],
  errors: Errors,
): ZodOpenApiResponseObject["content"] {
  const { mediaType = "application/json", schema: own } = answer?.body ?? {};
  if (reasons.length === 0) return own && { [mediaType]: { schema: own } };
  const bodies = [...(own ? [own] : []), ...errorBodies(reasons, errors)];
  const examples = reasons.map((reason) => {
    const { bodyOf } = isPlain(reason, errors) ? PLAIN_ERRORS : errors;
    return [reason, { value: bodyOf(PROBLEMS[reason]) }] as const;
  });
  const [only, ...more] = bodies;
  return {
    [mediaType]: {
      schema: only !== undefined && more.length === 0 ? only : z.union(bodies),
      examples: Object.fromEntries(examples),
    },
  };
}

type Errors = NonNullable<Route["errors"]>;

function errorBodies(reasons: readonly Reason[], errors: Errors): readonly z.ZodType[] {
  return [
    ...(reasons.every((reason) => isPlain(reason, errors)) ? [] : [errors.schema]),
    ...(reasons.some((reason) => isPlain(reason, errors)) ? [ErrorBody] : []),
  ];
}

/** A problem that is answered before there is a route has the plain body, whatever the route. */
function isPlain(reason: Reason, errors: Errors): boolean {
  return errors === PLAIN_ERRORS || ANSWERED_BEFORE.includes(reason);
}

/** The headers that problems of a status carry; one that only some of its answers carry is optional. */
function headersOf(
  status: number,
  reasons: readonly Reason[],
  answer: AnswerFacts | undefined,
): Readonly<Record<string, z.ZodType>> {
  if (reasons.length === 0) return {};
  const lists = reasons.map((reason) => problem(reason).headers.filter((_, index) => index % 2 === 0));
  const carried = [...new Set(lists.flat())].map((name) => {
    const isAlways = answer === undefined && lists.every((names) => names.includes(name));
    const header = OF_REASONS[name] ?? z.string();
    return [name, isAlways ? header : (OF_SOME_REASONS[name] ?? header.optional())];
  });
  return {
    ...(UNREAD_STATUSES.includes(status) ? UNCACHED_IF_READ : UNCACHED),
    ...(Object.fromEntries(carried) as Record<string, z.ZodType>),
  };
}

function statusOf(reason: Reason): number {
  return PROBLEMS[reason].status;
}
