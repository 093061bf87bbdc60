import { createPublicKey, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { HeldKey, KeyCustody } from "../../keys/custody/custody.ts";
import { thumbprintOf } from "../../keys/import/import-key.ts";
import type { Signer } from "../../keys/signer.ts";
import { testKey } from "../test-keys.ts";

const INPUT = Buffer.from("header.payload");

/** Whether what this signer signs verifies with the public key. */
async function signsFor({ publicJwk }: HeldKey, signer: Signer | undefined): Promise<boolean> {
  const signature = await signer?.sign(INPUT);
  const key = createPublicKey({ key: { ...publicJwk }, format: "jwk" });
  expect(signature?.toString("base64url")).toHaveLength(signer?.signatureChars ?? 0);
  return verify("sha256", INPUT, { key, dsaEncoding: "ieee-p1363" }, signature ?? Buffer.alloc(0));
}

/** What the port `KeyCustody` promises, of one adapter; `open` gives a new custody each time, each of a key set of its own. */
export function custodyContract(name: string, open: () => KeyCustody): void {
  describe(`the custody ${name}`, () => {
    test.each<Algorithm>(["ES256", "RS256"])("makes %s keys that sign for their public key", async (alg) => {
      const custody = open();
      const [key, other] = [await custody.make(alg), await custody.make(alg)];
      expect(key).toMatchObject({
        kid: thumbprintOf(key.publicJwk),
        alg,
        publicJwk: { kid: key.kid, alg, use: "sig" },
      });
      expect(other.kid).not.toBe(key.kid);
      expect(await signsFor(key, await custody.open(key))).toBe(true);
    });

    test("takes over a key under its own kid", async () => {
      const custody = open();
      const given = testKey("blue");
      const key = await custody.adopt(given);
      expect(key).toMatchObject({ kid: "blue", publicJwk: given.publicJwk });
      expect(await signsFor(key, await custody.open(key))).toBe(true);
    });

    test("lets the store hold printable ASCII that shows nothing of the private part", async () => {
      const custody = open();
      const given = testKey("blue");
      const { sealed } = await custody.adopt(given);
      expect(sealed).toMatch(/^[\x21-\x7e]+$/);
      const secret = given.privateKey?.export({ format: "jwk" }).d ?? "";
      const der = given.privateKey?.export({ type: "pkcs8", format: "der" }).toString("base64url") ?? "";
      for (const text of [
        sealed,
        ...sealed.split(".").map((part) => Buffer.from(part, "base64url").toString()),
      ])
        for (const part of [secret, der]) expect(text).not.toContain(part);
    });

    test("opens a private part for its own key and algorithm only, and for no other key set", async () => {
      const custody = open();
      const [key, other] = [await custody.make("ES256"), await custody.make("ES256")];
      expect(await custody.open({ ...other, sealed: key.sealed })).toBeUndefined();
      expect(await custody.open({ ...key, kid: "blue" as Kid })).toBeUndefined();
      expect(await custody.open({ ...key, alg: "RS256" })).toBeUndefined();
      expect(await open().open(key)).toBeUndefined();
      expect(await custody.reseal({ ...other, sealed: key.sealed })).toBeUndefined();
    });

    test("opens nothing that it did not write", async () => {
      const custody = open();
      const key = await custody.make("ES256");
      for (const sealed of ["", ".", "....", `${key.sealed}x`, key.sealed.slice(1), key.sealed.toUpperCase()])
        expect(await custody.open({ ...key, sealed })).toBeUndefined();
    });

    test("seals again, and the key stays the same", async () => {
      const custody = open();
      const key = await custody.make("ES256");
      const sealed = await custody.reseal(key);
      expect(await signsFor(key, await custody.open({ ...key, sealed: sealed ?? "" }))).toBe(true);
    });

    test("destroys a private part as often as it is asked, and no other one", async () => {
      const custody = open();
      const [key, other] = [await custody.make("ES256"), await custody.make("ES256")];
      await custody.destroy(key);
      await custody.destroy(key);
      expect(await signsFor(other, await custody.open(other))).toBe(true);
    });
  });
}
