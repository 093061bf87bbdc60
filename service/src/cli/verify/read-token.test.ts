import fc from "fast-check";
import { expect, test } from "vitest";
import { readToken } from "./read-token.ts";

const encoded = (text: string) => Buffer.from(text).toString("base64url");
const token = (header: string, claims: string) => `${encoded(header)}.${encoded(claims)}.c2ln`;

test("reads header and claims of a compact token, and takes the line end off", () => {
  const text = token('{"alg":"ES256"}', '{"sub":"é"}');
  expect(readToken(`${text}\n`)).toEqual({
    kind: "token",
    token: text,
    header: { alg: "ES256" },
    claims: { sub: "é" },
  });
});

test.each([
  ["nothing", ""],
  ["JSON serialisation", '{"payload":"e30","signatures":[]}'],
  ["a header line", `Bearer ${token("{}", "{}")}`],
  ["two segments", "e30.e30"],
  ["five segments, as encrypted tokens have", "e30.e30.e30.e30.e30"],
  ["an empty signature", "e30.e30."],
  ["padding", "e30=.e30.c2ln"],
  ["the other base64 alphabet", "e30.e30.+/+/"],
  ["stray bits behind the last byte", "e31.e30.c2ln"],
  ["a space inside", "e30. e30.c2ln"],
  ["a header that is no object", token("[]", "{}")],
  ["claims that are no object", token("{}", "null")],
  ["claims that are no JSON", token("{}", "{")],
  ["bytes that are no UTF-8", `e30.${Buffer.from([0x22, 0xff, 0x22]).toString("base64url")}.c2ln`],
  ["a byte order mark", token("{}", "\uFEFF{}")],
  ["more than 16 KiB", token("{}", JSON.stringify({ sub: "a".repeat(16_384) }))],
])("rejects %s", (_, text) => {
  expect(readToken(text).kind).toBe("rejected");
});

test("never throws, and never repeats what it was given", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 12, unit: "grapheme-ascii" }), (text) => {
      const read = readToken(text);
      if (read.kind === "rejected") expect(read.why).not.toContain(text.trim() || "\u0000");
    }),
  );
});
