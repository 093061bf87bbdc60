import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

test("what a token may be is decided in one place: only minting, and the review of policies, call the decision", () => {
  const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.startsWith("testing"),
  );
  const calling = files.filter((name) => /[^.\w]decide\(/.test(readFileSync(`${ROOT}/${name}`, "utf8")));
  expect(calling.toSorted()).toEqual([
    "policy/decide.ts",
    "policy/review/check-expectations.ts",
    "policy/review/diff-policies.ts",
    "policy/review/explain.ts",
    "tokens/entitlement.ts",
  ]);
});
