import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMintRequest } from "../tokens/mint-request.ts";
import { ADMIN_ROUTES } from "./admin-server.ts";
import { GUARD_ROUTES } from "./guard/guard-server.ts";
import { adminDescription, guardDescription, publicDescription } from "./openapi.ts";
import { PROBLEMS } from "./problem.ts";
import { PUBLIC_ROUTES } from "./public-server.ts";

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

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const PUBLIC = publicDescription(version) as Description;
const ADMIN = adminDescription(version) as Description;
const GUARD = guardDescription(version) as Description;

const operationsOf = ({ paths }: Description) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, { responses }]) => [`${method.toUpperCase()} ${path}`, responses] as const,
    ),
  );

const ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

test.each([
  ["public", PUBLIC_ROUTES, PUBLIC],
  ["operators'", ADMIN_ROUTES, ADMIN],
  ["guard's", GUARD_ROUTES, GUARD],
])("every method that a path of the %s listener has is described, and no other", (_, routes, description) => {
  const methods = routes.flatMap(({ method, path }) =>
    (method === "ANY" ? ANY : [method, "OPTIONS", ...(method === "GET" ? ["HEAD"] : [])]).map(
      (name) => `${name} ${path}`,
    ),
  );
  expect(
    operationsOf(description)
      .map(([name]) => name)
      .toSorted(),
  ).toEqual([...new Set(methods)].toSorted());
});

test("every route for operators is described, with the answers to everyone else", () => {
  for (const { method, path } of ADMIN_ROUTES) {
    const responses = ADMIN.paths[path]?.[method.toLowerCase()]?.responses;
    expect([responses?.["401"]?.description, responses?.["403"]?.description]).toEqual([
      "unauthorised",
      "not_this_machine, role_insufficient",
    ]);
  }
});

describe.each([
  ["openapi.json", PUBLIC],
  ["admin-openapi.json", ADMIN],
  ["guard-openapi.json", GUARD],
])("docs/api/%s", (name, description) => {
  test("is what the routes say; npm run openapi writes it", async () => {
    await expect(`${JSON.stringify(description, null, 2)}\n`).toMatchFileSnapshot(
      `../../../docs/api/${name}`,
    );
  });

  test.each(operationsOf(description))(
    "says of %s what any request may be answered with, and with which headers",
    (_, responses) => {
      for (const status of ["400", "408", "417", "431", "500"])
        expect(responses[status]?.description, status).toBeTruthy();
      for (const { headers } of Object.values(responses)) expect(headers).toHaveProperty("x-request-id");
    },
  );

  test("has every header that an answer refers to, and no other", () => {
    const used = operationsOf(description).flatMap(([, responses]) =>
      Object.values(responses).flatMap(({ headers }) => Object.values(headers).map(({ $ref }) => $ref)),
    );
    expect([...new Set(used)].toSorted()).toEqual(
      Object.keys(description.components.headers)
        .map((header) => `#/components/headers/${header}`)
        .toSorted(),
    );
  });
});

test("every reason but that of an unknown path is described", () => {
  const described = new Set(
    [PUBLIC, ADMIN]
      .flatMap(operationsOf)
      .flatMap(([, responses]) =>
        Object.values(responses).flatMap((response) => response.description.split(/, | Or: /)),
      ),
  );
  for (const reason of Object.keys(PROBLEMS).filter((one) => one !== "not_found"))
    expect(described).toContain(reason);
});

test("the schema accepts a sender exactly when the service does", () => {
  const { pattern } = PUBLIC.components.schemas.MintRequest.properties.sender;
  const spaces = fc.string({
    unit: fc.constantFrom(
      ...Array.from(" \t\n\v\f\r\u0085\u00a0\u1680\u180e\u2003\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"),
    ),
  });
  fc.assert(
    fc.property(fc.oneof(spaces, fc.string({ unit: "grapheme" })), (sender) => {
      expect(new RegExp(pattern, "u").test(sender)).toBe(
        parseMintRequest({ sender }, "{}", "ignored").kind === "request",
      );
    }),
  );
});
