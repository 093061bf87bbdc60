import { expect, test } from "vitest";
import { parseKeks } from "./key-encryption-keys.ts";

const one = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const two = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index));

test("key-encryption keys are read as base64url, base64 or hex, between commas, lines and comments, in their order", () => {
  const text = `# the new one\n ${two.toString("base64url")},\n\t${one.toString("hex").toUpperCase()}\n`;
  expect(parseKeks(text)).toEqual([two, one]);
  expect(parseKeks(two.toString("base64"))).toEqual([two]);
});

test.each([
  ["there is no key", "", "not-32-bytes"],
  ["there are only comments", `# ${one.toString("hex")}`, "not-32-bytes"],
  ["one is a byte too short", one.subarray(1).toString("base64url"), "not-32-bytes"],
  ["one is a byte too long", `${one.toString("hex")}00`, "not-32-bytes"],
  [
    "the second is not a key",
    `${one.toString("hex")},${two.subarray(8).toString("base64url")}`,
    "not-32-bytes",
  ],
  ["one is all zeros", "00".repeat(32), "one-byte-repeated"],
  ["one is one byte repeated", Buffer.alloc(32, "k").toString("base64url"), "one-byte-repeated"],
  ["one appears twice", `${one.toString("hex")} ${one.toString("base64url")}`, "same-key-twice"],
] as const)("are rejected when %s", (_when, text, fault) => {
  expect(parseKeks(text)).toBe(fault);
});
