import { createPublicKey } from "node:crypto";
import { flattenedDecrypt } from "jose";
import { describe, expect, test } from "vitest";
import { DEFAULT_KEY_SET, type KeySetName, parseKeySetName } from "../../kernel/ids.ts";
import { custodyContract } from "../../testing/contracts/custody-contract.ts";
import { apartCustody, custodyOf, keksUnder } from "../../testing/custodies.ts";
import type { HeldKey, KeyCustody } from "./custody.ts";

let sets = 0;
function nextSet(): KeySetName {
  sets += 1;
  return parseKeySetName(`set-${String(sets)}`) ?? DEFAULT_KEY_SET;
}

custodyContract("in this process", () => custodyOf(keksUnder(1), nextSet()));
custodyContract("apart from the store", () => apartCustody());

describe("a custody apart from the store", () => {
  test("opens nothing that was destroyed", async () => {
    const custody = apartCustody();
    const key = await custody.make("ES256");
    await custody.destroy(key);
    expect(await custody.open(key)).toBeUndefined();
    expect(custody.held.size).toBe(0);
  });
});

const custody = custodyOf(keksUnder(1));
const isOpened = async (by: KeyCustody, key: HeldKey, sealed = key.sealed) =>
  (await by.open({ ...key, sealed })) !== undefined;

describe("a sealed private key", () => {
  test("does not open when any one bit of it is flipped", async () => {
    const key = await custody.make("ES256");
    for (let at = 0; at < key.sealed.length; at += 1)
      for (let bit = 0; bit < 7; bit += 1) {
        const flipped = String.fromCharCode(key.sealed.charCodeAt(at) ^ (1 << bit));
        const altered = key.sealed.slice(0, at) + flipped + key.sealed.slice(at + 1);
        expect(await isOpened(custody, key, altered)).toBe(false);
      }
  });

  test("does not open when it is cut short at any length", async () => {
    const key = await custody.make("ES256");
    for (let length = 0; length < key.sealed.length; length += 1)
      expect(await isOpened(custody, key, key.sealed.slice(0, length))).toBe(false);
  });

  test("has one text: another encoding of the same bytes does not open", async () => {
    const key = await custody.make("ES256");
    const spellings = [
      `${key.sealed}=`,
      ` ${key.sealed}`,
      `${key.sealed}\n`,
      key.sealed.replace("..", "..="),
      lastBitsChanged(key.sealed),
    ];
    for (const spelling of spellings) expect(await isOpened(custody, key, spelling)).toBe(false);
  });

  test("opens with no other key-encryption key, also under its name", async () => {
    const key = await custody.make("ES256");
    const other = custodyOf(keksUnder(2));
    expect(await isOpened(other, key)).toBe(false);
    const [otherHeader = ""] = (await other.make("ES256")).sealed.split(".");
    const renamed = [otherHeader, ...key.sealed.split(".").slice(1)].join(".");
    expect(await isOpened(other, key, renamed)).toBe(false);
  });

  test("is never the same twice", async () => {
    const key = await custody.make("ES256");
    const texts = await Promise.all(Array.from({ length: 50 }, () => custody.reseal(key)));
    expect(new Set([...texts, key.sealed]).size).toBe(51);
  });

  test("is an encrypted JWK that any library of JWE reads, with its place as the aad", async () => {
    const key = await custody.make("ES256");
    const [header = "", , iv = "", ciphertext = "", tag = ""] = key.sealed.split(".");
    const place = JSON.stringify(["macp-auth private key", 1, "default", key.kid, "ES256"]);
    const jwe = { protected: header, iv, ciphertext, tag, aad: Buffer.from(place).toString("base64url") };
    const { plaintext, protectedHeader } = await flattenedDecrypt(jwe, keksUnder(1)[0].derive("sealing"));
    expect(protectedHeader).toEqual({ alg: "dir", enc: "A256GCM", kid: keksUnder(1)[0].id, cty: "jwk+json" });
    const jwk = JSON.parse(Buffer.from(plaintext).toString()) as Record<string, string>;
    expect(jwk).toMatchObject({ kty: "EC", crv: "P-256", d: expect.any(String) as string });
    expect(createPublicKey({ key: jwk, format: "jwk" }).export({ format: "jwk" }).x).toBe(jwk["x"]);
  });
});

describe("of several key-encryption keys", () => {
  const both = custodyOf(keksUnder(2, 1));

  test("the first seals and all open, so that a new one can be added before the old one", async () => {
    const key = await custody.make("ES256");
    expect(await isOpened(both, key)).toBe(true);
    const again = (await both.reseal(key)) ?? "";
    expect(await isOpened(custody, key, again)).toBe(false);
    expect(await isOpened(custodyOf(keksUnder(2)), key, again)).toBe(true);
  });
});

/** The same bytes in base64url with the unused bits of the last character set. */
function lastBitsChanged(sealed: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return sealed.slice(0, -1) + alphabet.charAt(alphabet.indexOf(sealed.slice(-1)) + 1);
}
