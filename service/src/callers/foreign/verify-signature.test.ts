import { CompactSign, exportJWK, generateKeyPair } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { type ForeignSigner, foreignSigner, signedText } from "../../testing/callers.ts";
import { keysFor } from "./choose-keys.ts";
import { type CompactJws, readCompactJws } from "./compact-jws.ts";
import { FOREIGN_ALGORITHMS } from "./foreign-key.ts";
import { readKeySet } from "./read-key-set.ts";
import { isSignedByOne } from "./verify-signature.ts";

let [ec, otherEc, rsa]: ForeignSigner[] = [];
beforeAll(async () => {
  [ec, otherEc, rsa] = await Promise.all([
    foreignSigner("k"),
    foreignSigner("l"),
    foreignSigner("k", "RS256"),
  ]);
});

async function jwsOf(signer: ForeignSigner): Promise<CompactJws> {
  const read = readCompactJws(await signedText(signer, "{}"));
  if (read.kind === "malformed") throw new Error(read.fault);
  return read.jws;
}

function made(signer: ForeignSigner | undefined): ForeignSigner {
  if (signer === undefined) throw new Error("no key was made");
  return signer;
}

describe("a signature", () => {
  test("is verified by the key that made it, whichever of them it is", async () => {
    const jws = await jwsOf(made(ec));
    expect(await isSignedByOne(jws, [made(ec).key])).toBe(true);
    expect(await isSignedByOne(jws, [made(otherEc).key, made(ec).key])).toBe(true);
    expect(await isSignedByOne(jws, [made(otherEc).key])).toBe(false);
    expect(await isSignedByOne(jws, [])).toBe(false);
  });

  test.each(FOREIGN_ALGORITHMS)(
    "of %s that jose makes is verified, and with one other bit it is not",
    async (alg) => {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      const read = readKeySet(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg }] }), "sig");
      const keys = typeof read === "string" ? [] : read.keys;
      const text = await new CompactSign(Buffer.from("{}")).setProtectedHeader({ alg }).sign(privateKey);
      const jws = readCompactJws(text);
      if (jws.kind === "malformed") throw new Error(jws.fault);
      expect(await isSignedByOne(jws.jws, keys)).toBe(true);
      const signature = Buffer.from(text.slice(text.lastIndexOf(".") + 1), "base64url");
      for (let at = 0; at < signature.length; at += 7) {
        const other = Buffer.from(signature);
        other[at] = (other[at] ?? 0) ^ 1;
        const changed = text.slice(0, text.lastIndexOf(".") + 1) + other.toString("base64url");
        expect(await isSignedByOne({ ...jws.jws, text: changed }, keys)).toBe(false);
      }
    },
  );

  test("is not verified by its key when that key is for another algorithm", async () => {
    const key = { ...made(rsa).key, algorithms: ["PS256" as const] };
    expect(await isSignedByOne(await jwsOf(made(rsa)), [key])).toBe(false);
  });

  test("is not verified by a key of another type", async () => {
    const jws = await jwsOf(made(ec));
    expect(await isSignedByOne({ ...jws, alg: "RS256" }, [made(rsa).key])).toBe(false);
  });
});

describe("the keys that may have signed a token", () => {
  test("are those of its key id and its algorithm", () => {
    const keys = [ec, otherEc, rsa].map((signer) => made(signer).key);
    expect(keysFor(keys, { kid: "k", alg: "ES256" })).toEqual([made(ec).key]);
    expect(keysFor(keys, { kid: "k", alg: "RS256" })).toEqual([made(rsa).key]);
    expect(keysFor(keys, { kid: "l", alg: "RS256" })).toEqual([]);
    expect(keysFor(keys, { kid: "m", alg: "ES256" })).toEqual([]);
  });

  test("are the only key for its algorithm when it names none, and none when there are several", () => {
    const keys = [ec, otherEc, rsa].map((signer) => made(signer).key);
    expect(keysFor(keys, { kid: undefined, alg: "RS256" })).toEqual([made(rsa).key]);
    expect(keysFor(keys, { kid: undefined, alg: "ES256" })).toEqual([]);
  });
});
