import { createHmac, generateKeyPairSync } from "node:crypto";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { ForeignKey } from "../callers/foreign/foreign-key.ts";
import { epochSeconds } from "../kernel/clock.ts";
import { localSigner } from "../keys/signer.ts";
import { LIST_BYTES_MAX, LIST_CHARS_MAX, readStatusList } from "./read-status-list.ts";

const NOW = epochSeconds(1_800_000_000);
const URI = "https://auth.example/statuslists/0123456789";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEY: ForeignKey = { kid: "k", algorithms: ["ES256"], publicKey };
const HEADER = { alg: "ES256", kid: "k", typ: "statuslist+jwt" };

function lst(bytes: Buffer): string {
  return deflateSync(bytes).toString("base64url");
}

const CLAIMS = {
  iss: "macp-auth-service",
  sub: URI,
  iat: NOW - 5,
  exp: NOW + 40,
  ttl: 15,
  status_list: { bits: 1, lst: lst(Buffer.of(0b1011_1001, 0b1010_0011)) },
};

/** A signed text of these parts. */
async function signed(claims: unknown, header: object = HEADER): Promise<string> {
  const input = [header, claims]
    .map((part) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = await localSigner("ES256", privateKey).sign(Buffer.from(input));
  return `${input}.${signature.toString("base64url")}`;
}

const read = (text: string, keys = [KEY]) => readStatusList(text, { keys, uri: URI, now: NOW });
async function faultOf(text: string, keys = [KEY]): Promise<string> {
  const outcome = await read(text, keys);
  return outcome.kind === "rejected" ? outcome.fault : "none";
}

test("the bits of the draft's own example are read as it lists them, and there is none after the last", async () => {
  const outcome = await read(await signed(CLAIMS));
  if (outcome.kind !== "list") throw new Error(outcome.fault);
  const { statusOf, size, iat, exp, ttlSeconds } = outcome.list;
  expect({ size, iat, exp, ttlSeconds }).toEqual({ size: 16, iat: NOW - 5, exp: NOW + 40, ttlSeconds: 15 });
  const bits = Array.from({ length: 17 }, (_, idx) => statusOf(idx));
  expect(bits).toEqual([1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, undefined]);
});

test.each([
  [2, [1, 2, 3, 0]],
  [4, [9, 3]],
  [8, [0x39]],
])("lists of %i bits for each token are read too", async (bits, expected) => {
  const byte = bits === 2 ? 0b0011_1001 : 0x39;
  const outcome = await read(await signed({ ...CLAIMS, status_list: { bits, lst: lst(Buffer.of(byte)) } }));
  if (outcome.kind !== "list") throw new Error(outcome.fault);
  expect(expected.map((_, idx) => outcome.list.statusOf(idx))).toEqual(expected);
});

describe("what is no list that may be believed (R38)", () => {
  test.each<[string, string, () => Promise<string> | string]>([
    ["a token of another type", "type_other", () => signed(CLAIMS, { ...HEADER, typ: "JWT" })],
    [
      "one with the type as a media type of another kind",
      "type_other",
      () => signed(CLAIMS, { ...HEADER, typ: "statuslist+cwt" }),
    ],
    ["one without a type", "type_other", () => signed(CLAIMS, { alg: "ES256", kid: "k" })],
    ["one that nobody signed", "algorithm_not_allowed", () => signed(CLAIMS, { ...HEADER, alg: "none" })],
    ["one with a message authentication code", "algorithm_not_allowed", macced],
    ["one that names its own key", "header_member_forbidden", () => signed(CLAIMS, { ...HEADER, jwk: {} })],
    ["one with an extension", "header_member_forbidden", () => signed(CLAIMS, { ...HEADER, crit: ["x"] })],
    ["one that another key signed", "signature_invalid", async () => changed(await signed(CLAIMS))],
    ["one of a key that nobody has", "signature_invalid", () => signed(CLAIMS, { ...HEADER, kid: "other" })],
    ["one of another address", "subject_other", () => signed({ ...CLAIMS, sub: `${URI}0` })],
    ["one without an address", "subject_other", () => signed({ ...CLAIMS, sub: undefined })],
    [
      "one without the time when it was made",
      "claims_unreadable",
      () => signed({ ...CLAIMS, iat: undefined }),
    ],
    ["one of the future", "not_yet_issued", () => signed({ ...CLAIMS, iat: NOW + 61 })],
    ["one that has expired", "expired", () => signed({ ...CLAIMS, exp: NOW })],
    ["one with a ttl of zero", "claims_unreadable", () => signed({ ...CLAIMS, ttl: 0 })],
    ["one with an exp that is a text", "claims_unreadable", () => signed({ ...CLAIMS, exp: "9999999999" })],
    ["one without bits", "claims_unreadable", () => signed({ ...CLAIMS, status_list: undefined })],
    [
      "one of three bits for each token",
      "bits_invalid",
      () => signed({ ...CLAIMS, status_list: { bits: 3, lst: lst(Buffer.of(0)) } }),
    ],
    [
      "one that is not compressed",
      "list_unreadable",
      () => signed({ ...CLAIMS, status_list: { bits: 1, lst: "AAAA" } }),
    ],
    [
      "one whose bits are no base64url",
      "list_unreadable",
      () => signed({ ...CLAIMS, status_list: { bits: 1, lst: "+/==" } }),
    ],
    [
      "one that names a claim twice",
      "claims_unreadable",
      () => signed(`{"sub":"x",${JSON.stringify(CLAIMS).slice(1)}`),
    ],
    ["one that is no JSON", "claims_unreadable", () => signed("no")],
    ["an empty text", "not_compact", () => ""],
    ["a text of two parts", "not_compact", () => "a.b"],
    ["a text without end", "too_large", () => "a".repeat(LIST_CHARS_MAX + 1)],
  ])("%s: %s", async (_, fault, text) => {
    expect(await faultOf(await text())).toBe(fault);
  });

  test("one that would inflate to more than 2 MiB is rejected without being inflated, and 2 MiB are read", async () => {
    const bomb = (bytes: number) =>
      signed({ ...CLAIMS, status_list: { bits: 1, lst: lst(Buffer.alloc(bytes)) } });
    const small = await bomb(LIST_BYTES_MAX * 64);
    expect(small.length).toBeLessThan(LIST_BYTES_MAX / 8);
    const before = process.memoryUsage().arrayBuffers;
    expect(await faultOf(small)).toBe("list_unreadable");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(LIST_BYTES_MAX * 8);
    expect(await faultOf(await bomb(LIST_BYTES_MAX))).toBe("none");
    expect(await faultOf(await bomb(LIST_BYTES_MAX + 1))).toBe("list_unreadable");
  });
});

/** The public key as a secret, as the well-known confusion has it. */
function macced(): string {
  const input = [{ ...HEADER, alg: "HS256" }, CLAIMS]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const pem = publicKey.export({ format: "pem", type: "spki" });
  return `${input}.${createHmac("sha256", pem).update(input).digest("base64url")}`;
}

/** The same text with another signature of the right form. */
function changed(text: string): string {
  const end = text.lastIndexOf(".") + 1;
  return `${text.slice(0, end)}${Buffer.alloc(64, 7).toString("base64url")}`;
}
