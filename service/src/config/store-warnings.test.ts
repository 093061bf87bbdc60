import { expect, test } from "vitest";
import { loadSettings } from "./environment.ts";

function warningsOf(url: string, more: Readonly<Record<string, string>> = {}): readonly string[] {
  return loadSettings({ MACP_AUTH_STORE_URL: url, MACP_AUTH_KEK: "a".repeat(43), ...more }).warnings;
}

test.each([
  ["postgres://auth:hunter2@db.example/keys", "prefer"],
  ["postgres://auth:hunter2@db.example/keys?sslmode=prefer", "prefer"],
  ["postgres://auth:hunter2@db.example/keys?sslmode=require", "require"],
  ["postgres://auth:hunter2@192.0.2.7/keys?sslmode=require", "require"],
  ["postgres://auth:hunter2@127.0.0.1,db.example/keys?sslmode=require", "require"],
])("a store whose server is not checked draws one warning with the fix: %s", (url, mode) => {
  expect(warningsOf(url)).toEqual([
    `MACP_AUTH_STORE_URL has sslmode=${mode}, which does not check that the server is the right one: anyone on the network between can take its place; use sslmode=verify-full&sslrootcert=FILE`,
  ]);
});

test.each([
  "postgres://auth@db.example/keys?sslmode=verify-full",
  "postgres://auth@db.example/keys?sslrootcert=/ca.pem",
  "postgres://auth@db.example/keys?sslmode=require&sslrootcert=/ca.pem",
  "postgres://auth@db.example/keys?sslmode=verify-ca&sslrootcert=/ca.pem",
  // An operator decided to trust this network.
  "postgres://auth@db.example/keys?sslmode=disable",
  "postgres://auth@localhost/keys",
  "postgres://auth@127.0.0.1,[::1]:5433/keys?sslmode=require",
  "postgres:///keys?host=/var/run/postgresql",
  "sqlite:keys.db",
  "memory:",
])("a store whose server is checked, or is on this machine, draws none: %s", (url) => {
  expect(warningsOf(url)).toEqual([]);
});

test("a store that is not used draws no warning about its server", () => {
  const warnings = warningsOf("postgres://auth@db.example/keys", { MACP_AUTH_SIGNING_KEY_FILE: "/key.pem" });
  expect(warnings.join()).not.toContain("sslmode");
});
