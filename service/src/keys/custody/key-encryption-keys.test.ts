import { expect, test } from "vitest";
import { parseKeks } from "./key-encryption-keys.ts";

const one = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const two = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index));

test("key-encryption keys are read as base64url, base64 or hex, between commas, lines and comments, the first of them first", () => {
  const text = `# the new one\n ${two.toString("base64url")},\n\t${one.toString("hex").toUpperCase()}\n`;
  expect(parseKeks("KEK", text)).toEqual([two, one]);
  expect(parseKeks("KEK", two.toString("base64"))).toEqual([two]);
});

test.each([
  ["there is none", "", /32 bytes/],
  ["there are comments alone", `# ${one.toString("hex")}`, /32 bytes/],
  ["one is a byte too short", one.subarray(1).toString("base64url"), /32 bytes/],
  ["one is a byte too long", `${one.toString("hex")}00`, /32 bytes/],
  ["the second is no key", `${one.toString("hex")},${two.subarray(8).toString("base64url")}`, /32 bytes/],
  ["one is all zeros", "00".repeat(32), /one byte repeated/],
  ["one is one byte repeated", Buffer.alloc(32, "k").toString("base64url"), /one byte repeated/],
  ["one is there twice", `${one.toString("hex")} ${one.toString("base64url")}`, /same key twice/],
])("are refused when %s, in a line that names the variable and holds none of them", (_when, text, line) => {
  let message = "";
  try {
    parseKeks("MACP_AUTH_KEK_FILE", text);
  } catch (thrown) {
    message = String(thrown);
  }
  expect(message).toMatch(line);
  expect(message).toContain("MACP_AUTH_KEK_FILE");
  for (const part of text.split(/[ ,#]+/).filter((piece) => piece.length > 8))
    expect(message).not.toContain(part);
});
