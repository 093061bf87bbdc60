import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "./secret.ts";

test("no way of printing a secret shows it; only the method for its text returns it", () => {
  const secret = new Secret("hunter2");
  const ways = [
    String(secret),
    secret.toString(),
    JSON.stringify({ secret }),
    inspect(secret, { showHidden: true }),
    inspect({ deep: { in: [secret] } }, { depth: 9 }),
    format("%s %o %j", secret, secret, secret),
    JSON.stringify(Object.entries(secret)),
  ];
  for (const way of ways) expect(way).not.toContain("hunter2");
  expect(inspect(secret)).toBe("[secret]");
  expect(secret.reveal()).toBe("hunter2");
});
