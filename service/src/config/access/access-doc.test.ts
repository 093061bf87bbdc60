import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { accessJsonSchema } from "./read-access.ts";

const PAGE = new URL("../../../../docs/access.md", import.meta.url);

/** The names of all members, however deep. */
function membersIn(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties = {} } = schema as { properties?: object };
  return [...Object.keys(properties), ...Object.values(schema).flatMap(membersIn)];
}

test("docs/access.md names every member of an access document", () => {
  const page = readFileSync(PAGE, "utf8");
  const members = new Set(membersIn(accessJsonSchema()));
  // Of a key in a JWK Set.
  for (const known of ["keys", "kty", "properties"]) members.delete(known);
  expect(members.size).toBeGreaterThan(30);
  expect([...members].filter((name) => !new RegExp(`[\`{ ,]${name}[\`}:, ]`).test(page))).toEqual([]);
});
