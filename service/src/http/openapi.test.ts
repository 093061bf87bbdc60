import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMintRequest } from "../tokens/mint-request.ts";
import { openApiDocument } from "./openapi.ts";
import { PROBLEMS } from "./problem.ts";

interface Response {
  readonly description: string;
  readonly headers: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: object;
}
interface Description {
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, Response> }>>;
  readonly components: {
    readonly headers: Record<string, object>;
    readonly schemas: {
      readonly MintRequest: { readonly properties: { readonly sender: { readonly pattern: string } } };
    };
  };
}

const description = openApiDocument("1.0.0") as Description;
const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, { responses }]) => [`${method.toUpperCase()} ${path}`, responses] as const,
  ),
);

test("every method that a path has is described", () => {
  expect(operations.map(([name]) => name).toSorted()).toEqual([
    "GET /.well-known/jwks.json",
    "GET /healthz",
    "HEAD /.well-known/jwks.json",
    "HEAD /healthz",
    "OPTIONS /.well-known/jwks.json",
    "OPTIONS /healthz",
    "OPTIONS /tokens",
    "POST /tokens",
  ]);
});

test.each(operations)(
  "%s says what any request may be answered with, and with which headers",
  (_, responses) => {
    for (const status of ["400", "408", "417", "431", "500"])
      expect(responses[status]?.description, status).toBeTruthy();
    for (const { headers } of Object.values(responses)) expect(headers).toHaveProperty("x-request-id");
  },
);

test("every header that an answer refers to is there, and none is there for nothing", () => {
  const used = operations.flatMap(([, responses]) =>
    Object.values(responses).flatMap(({ headers }) => Object.values(headers).map(({ $ref }) => $ref)),
  );
  expect([...new Set(used)].toSorted()).toEqual(
    Object.keys(description.components.headers)
      .map((name) => `#/components/headers/${name}`)
      .toSorted(),
  );
});

test("every reason but that of an unknown path is told with an operation", () => {
  const told = new Set(
    operations.flatMap(([, responses]) =>
      Object.values(responses).flatMap((response) => response.description.split(", ")),
    ),
  );
  const elsewhere = [
    "not_found",
    "form_invalid",
    "unauthorised",
    "not_this_machine",
    "json_required",
    "operation_invalid",
    "keys_given",
    "store_rejected",
    "store_unavailable",
  ];
  for (const reason of Object.keys(PROBLEMS).filter((name) => !elsewhere.includes(name)))
    expect(told).toContain(reason);
});

test("the schema takes a sender exactly when the service does", () => {
  const { pattern } = description.components.schemas.MintRequest.properties.sender;
  const spaces = fc.string({
    unit: fc.constantFrom(
      ...Array.from(" \t\n\v\f\r\u0085\u00a0\u1680\u180e\u2003\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"),
    ),
  });
  fc.assert(
    fc.property(fc.oneof(spaces, fc.string({ unit: "grapheme" })), (sender) => {
      expect(new RegExp(pattern, "u").test(sender)).toBe(
        parseMintRequest({ sender }, "{}").kind === "request",
      );
    }),
  );
});
