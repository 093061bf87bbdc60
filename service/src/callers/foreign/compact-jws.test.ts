import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCompactJws } from "./compact-jws.ts";
import { hasRepeatedMember } from "./repeated-member.ts";

const encoded = (text: string): string => Buffer.from(text).toString("base64url");
const token = (header: object | string, payload = "{}", signature = "AAAA"): string =>
  `${encoded(typeof header === "string" ? header : JSON.stringify(header))}.${encoded(payload)}.${signature}`;
const faultOf = (text: string): string => {
  const read = readCompactJws(text);
  return read.kind === "jws" ? "none" : read.fault;
};

describe("a token is read only in the strict compact form", () => {
  test("of three parts with a known algorithm", () => {
    expect(readCompactJws(token({ alg: "ES256", kid: "k", typ: "application/JWT" }))).toMatchObject({
      kind: "jws",
      jws: { alg: "ES256", kid: "k", typ: "jwt", payload: Buffer.from("{}") },
    });
  });

  test.each([
    ["nothing", ""],
    ["two parts", "e30.e30"],
    ["a JWE of five parts", "e30.e30.e30.e30.e30"],
    ["the JSON form", JSON.stringify({ payload: "e30", signatures: [] })],
    ["no signature", `${encoded('{"alg":"ES256"}')}.e30.`],
    ["padding", `${encoded('{"alg":"ES256"}')}.e30=.AAAA`],
    ["characters of base64", `${encoded('{"alg":"ES256"}')}.e30.AA+/`],
    ["a space", `${encoded('{"alg":"ES256"}')}.e30.AA AA`],
    ["a line break at the end", `${encoded('{"alg":"ES256"}')}.e30.AAAA\n`],
  ])("and not with %s", (_name, text) => {
    expect(faultOf(text)).toBe("not_compact");
  });

  test.each(["AAB", "A", "AAAAB"])("and not with bits that belong to no byte: %s", (signature) => {
    expect(faultOf(token({ alg: "ES256" }, "{}", signature))).toBe("not_base64url");
  });

  test("of at most 16 KiB", () => {
    expect(faultOf(token({ alg: "ES256" }, "x".repeat(12_000)))).toBe("none");
    expect(faultOf(token({ alg: "ES256" }, "x".repeat(13_000)))).toBe("too_large");
  });

  test.each([
    ["an array", "[]"],
    ["a text", '"ES256"'],
    ["no JSON", "{alg:ES256}"],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]).toString("latin1")],
    ["a byte order mark", '\ufeff{"alg":"ES256"}'],
    ["a member twice", '{"alg":"none","alg":"ES256"}'],
    ["a member twice, once with an escape", '{"alg":"none","\\u0061lg":"ES256"}'],
  ])("with a header that is %s: rejected", (_name, header) => {
    const text =
      _name === "bytes that are not UTF-8"
        ? `${Buffer.from(header, "latin1").toString("base64url")}.e30.AAAA`
        : token(header);
    expect(faultOf(text)).toBe("header_unreadable");
  });

  test.each([
    "none",
    "None",
    "nOnE",
    "HS256",
    "hs256",
    "es256",
    "ES256K",
    "RSA1_5",
    "",
    null,
    7,
    ["ES256"],
    undefined,
  ])("and never with the algorithm %j", (alg) => {
    expect(faultOf(token({ alg }))).toBe("algorithm_not_allowed");
  });

  test.each(["crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c"])(
    "and never with the header member %s, even when it is null",
    (member) => {
      for (const value of [null, "", [], {}, ["exp"], true, false])
        expect(faultOf(token({ alg: "ES256", [member]: value }))).toBe("header_member_forbidden");
    },
  );

  test.each([7, "", "k".repeat(257), "a\nb", null])("and not with the key id %j", (kid) => {
    expect(faultOf(token({ alg: "ES256", kid }))).toBe("kid_invalid");
  });

  test.each([7, "", "a b", null])("and not with the type %j", (typ) => {
    expect(faultOf(token({ alg: "ES256", typ }))).toBe("typ_invalid");
  });
});

describe("a member that is there twice", () => {
  test.each([
    '{"a":1,"a":1}',
    '{"x":{"a":1,"b":2,"a":3}}',
    '{"x":[{"a":1,"a":2}]}',
    '{"a":"a","a":"b"}',
    '{"a\\"":1,"b":{},"a\\u0022":2}',
    '{"a":[1,2,"a"],"b":{"a":1},"a":0}',
    '{"__proto__":1,"__proto__":2}',
  ])("is found in %s", (json) => {
    expect(hasRepeatedMember(json)).toBe(true);
  });

  test("is found in no text that JSON.stringify writes", () => {
    fc.assert(fc.property(fc.json(), (json) => !hasRepeatedMember(JSON.stringify(JSON.parse(json)))));
  });

  test("is found wherever it is put", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), fc.jsonValue(), (one, name, other) => {
        const member = (value: unknown): string => `${JSON.stringify(name)}:${JSON.stringify(value)}`;
        expect(hasRepeatedMember(`[1,{${member(one)},"${name.length}x-other":[],${member(other)}}]`)).toBe(
          true,
        );
      }),
    );
  });
});
