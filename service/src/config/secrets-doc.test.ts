import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { z } from "zod";
import { Secret } from "../kernel/secret.ts";
import { VARIABLES } from "./environment.ts";
import { Written } from "./settings.ts";

const page = readFileSync(new URL("../../../docs/secrets.md", import.meta.url), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .slice(1)
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

/** The variables that hold a secret, or name a file that does. */
function secretVariables(): readonly string[] {
  const names = Object.entries(VARIABLES as Readonly<Record<string, string>>);
  const isSecret = (path: string): boolean => {
    const [group = "", name = ""] = path.split(".");
    const { shape } = Written.shape[group as keyof typeof Written.shape];
    const schema = (shape as Readonly<Record<string, z.ZodType>>)[name];
    const read = schema?.safeParse("x".repeat(44));
    return read?.success === true && read.data instanceof Secret;
  };
  const held = names.filter(([path]) => isSecret(path)).map(([, variable]) => variable);
  const files = names
    .map(([, variable]) => variable)
    .filter((variable) => held.includes(variable.replace(/_FILE$/, "")));
  const keyFiles = names.map(([, variable]) => variable).filter((variable) => variable.endsWith("_KEY_FILE"));
  return [...new Set([...held, ...files, ...keyFiles, "MACP_AUTH_STORE_URL", "MACP_AUTH_LIMITS_URL"])];
}

test("docs/secrets.md names each setting that holds a secret, and the access document", () => {
  const named = secretVariables();
  expect(named).toEqual(expect.arrayContaining(["MACP_AUTH_KEK", "MACP_AUTH_SHARED_SECRET_FILE"]));
  const places = rows.map(([, place]) => place).join("\n");
  for (const name of [...named, "MACP_AUTH_CONFIG_FILE"]) expect(places).toContain(`\`${name}\``);
});

test("each row says where it is, its form and use, when to replace it, and what to do when it leaks", () => {
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows.slice(1)) {
    expect(row, row[0]).toHaveLength(5);
    for (const cell of row) expect(cell, row[0]).not.toBe("");
  }
});
