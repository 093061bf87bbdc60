import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { accessJsonSchema } from "./read-access.ts";

const PAGE = readFileSync(new URL("../../../../docs/access.md", import.meta.url), "utf8");

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Shape | false;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly default?: unknown;
}

const SCHEMA = accessJsonSchema() as Shape;
const part = (...names: readonly string[]): Shape =>
  names.reduce<Shape>((shape, name) => shape.properties?.[name] ?? {}, SCHEMA);
const entryOf = ({ additionalProperties }: Shape): Shape => additionalProperties || {};

/** The rows of a chapter, by the members that their first cell names. */
function rowsOf(chapter: string): ReadonlyMap<string, readonly string[]> {
  const [, text = ""] = PAGE.split(chapter);
  const lines = text.split("\n## ")[0]?.split("\n") ?? [];
  return new Map(
    lines
      .filter((line) => line.startsWith("| `"))
      .flatMap((line) => {
        const [, names = "", ...cells] = line.split("|").map((cell) => cell.trim());
        return [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => [name, cells] as const);
      }),
  );
}

const CHAPTERS: readonly (readonly [string, string, Shape])[] = [
  ["the document", "# The access document", SCHEMA],
  ["an issuer", "## An issuer", entryOf(part("issuers"))],
  ["a client CA", "## A client CA", entryOf(part("client_cas"))],
  ["a caller", "## A caller", entryOf(part("callers"))],
  ["a grant", "## A grant", part("grants").items ?? {}],
  ["a deny", "## A deny", part("denies").items ?? {}],
  ["the limits", "## Limits", part("limits")],
  ["a receiver of events", "## A receiver of events", entryOf(part("events"))],
];

describe.each(CHAPTERS)("docs/access.md lists %s", (what, chapter, { properties = {}, required = [] }) => {
  const rows = rowsOf(chapter);

  test("with each of its members, and no other", () => {
    const proofs = what === "a caller" ? ["secret", "workload", "private_key_jwt", "certificate"] : [];
    expect([...rows.keys()].toSorted()).toEqual([...Object.keys(properties), ...proofs].toSorted());
  });

  test.each(Object.keys(properties))("and says the default of %s", (name) => {
    const [written = ""] = rows.get(name) ?? [];
    const value = properties[name]?.default;
    expect(written.includes("required")).toBe(required.includes(name));
    if (["string", "number", "boolean"].includes(typeof value))
      expect(written.replaceAll("`", "")).toBe(String(value));
    if (Array.isArray(value) && value.length > 0) expect(written.replaceAll("`", "")).toBe(value.join(", "));
  });
});

test("docs/access.md names each scope and each member of an issuer's keys", () => {
  const scopes = Object.keys(part("grants").items?.properties?.["scopes"]?.properties ?? {});
  const keys = (entryOf(part("issuers")).properties?.["keys"]?.anyOf ?? []).flatMap(({ properties }) =>
    Object.keys(properties ?? {}),
  );
  expect(scopes.length).toBe(5);
  expect(keys).toContain("jwks_url");
  for (const name of [...scopes, ...keys]) expect(PAGE).toContain(name);
});

test("docs/access.md says that no cluster is asked by default, and that the token of a deleted pod is then accepted", () => {
  const [preset, meaning] = rowsOf("## An issuer").get("token_review") ?? [];
  expect(preset).toBe("none");
  expect(meaning).toContain("without it the token of a deleted pod is accepted until it expires");
});
