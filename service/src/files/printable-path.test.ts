import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { printablePath } from "./printable-path.ts";

describe("a path in a message", () => {
  test.each([
    "kek",
    "signing-key",
    "macp-auth-key-encryption-keys-of-production",
    "conf/keys/of-the-service-in-production/kek",
    "/run/secrets/2026/macp-auth-signing-key-0123456789abcdef",
    "./kek",
    "keys.db",
  ])("is shown when it is %s, as kek generate and others name files", (path) => {
    expect(printablePath(path)).toBe(path);
  });

  test.each([
    ["a key-encryption key", randomBytes(32).toString("base64url").replace(/^./, "0")],
    ["one in hex", randomBytes(32).toString("hex")],
    ["one in base64", randomBytes(32).toString("base64").replace(/^./, "0")],
    ["one in base64 that begins like a folder", randomBytes(32).toString("base64").replace(/^./, "/")],
    ["two of them", `0${"k".repeat(42)} 1${"K".repeat(42)}`],
    ["one in quotation marks", `"0${"k".repeat(42)}"`],
    ["one with a character in it that cannot be seen", `0${"k".repeat(20)}\u200b${"K".repeat(22)}`],
    ["a JWK", '{"kty":"EC"}'],
    ["PEM", "-----BEGIN PRIVATE KEY-----"],
    ["a token", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
  ])("is not shown when it is %s in the wrong place", (_kind, text) => {
    expect(printablePath(text)).toBe("(not shown: it looks like a secret)");
  });
});
