import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SOURCES = fileURLToPath(new URL("../", import.meta.url));
const page = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");

/** What a key does next, and the states of a reader: no lines of the log. */
const OTHERS = ["becomes_ready", "begins_to_sign", "leaves_jwks", "none", "stops_signing"];

/** The names of the events that the code logs. */
const events = new Set(
  readdirSync(SOURCES, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".ts") && !/\.test\.ts$|^testing/.test(name))
    .flatMap((name) => [...readFileSync(join(SOURCES, name), "utf8").matchAll(/\bevent: "([a-z_]+)"/g)])
    .map(([, event = ""]) => event)
    .filter((event) => !OTHERS.includes(event)),
);

/** The first column of the tables of events. */
const documented = new Set(
  page
    .split("\n")
    .filter((line) => /^\| `[a-z_]+`(?:, `[a-z_]+`)* \| (?:debug|info|warn|error)/.test(line))
    .flatMap((line) => [...(line.split(" | ")[0] ?? "").matchAll(/`([a-z_]+)`/g)])
    .map(([, event = ""]) => event),
);

test("docs/operations.md has a row for each event that the service logs", () => {
  expect(events.size).toBeGreaterThan(40);
  expect([...events].filter((event) => !documented.has(event))).toEqual([]);
});
