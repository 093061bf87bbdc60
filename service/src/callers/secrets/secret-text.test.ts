import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { Secret } from "../../kernel/secret.ts";
import { decoyHash, hashSecret, isSecretOf, parseSecretHash, writeSecretHash } from "./secret-hash.ts";
import { generateSecret, idOfSecret } from "./secret-text.ts";

const random = systemRandom();

describe("a generated secret", () => {
  test("has a form that secret scanners can find", () => {
    const text = generateSecret(random).reveal();
    expect(text).toMatch(/^macps_[a-z2-7]{12}_[A-Za-z0-9_-]{43}_[a-z2-7]{6}$/);
    expect(idOfSecret(text)).toBe(text.slice(6, 18));
  });

  test("holds 256 random bits and an id of its own", () => {
    const taken: number[] = [];
    generateSecret({
      bytes(count) {
        taken.push(count);
        return random.bytes(count);
      },
    });
    expect(taken).toEqual([12, 32]);
    expect(new Set(Array.from({ length: 100 }, () => idOfSecret(generateSecret(random).reveal()))).size).toBe(
      100,
    );
  });

  test("with one other character is no secret, and is found to be none without a look-up", () => {
    const text = generateSecret(random).reveal();
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom("a", "b", "Z", "0", "2", "9", "-", "_"),
        (at, character) => {
          fc.pre(text[at] !== character);
          expect(idOfSecret(text.slice(0, at) + character + text.slice(at + 1))).toBeUndefined();
        },
      ),
    );
  });

  test.each(["", "macps_", "macps_abcdefghijkl_short_abcdef"])("is not %j", (text) => {
    expect(idOfSecret(text)).toBeUndefined();
  });
});

describe("the stored form of a secret", () => {
  test("proves the secret, and does not contain it", () => {
    const secret = generateSecret(random);
    const stored = writeSecretHash(hashSecret(random, secret));
    expect(stored).toMatch(/^hmac-sha256:[a-z2-7]{12}:[A-Za-z0-9_-]{22}:[A-Za-z0-9_-]{43}$/);
    expect(stored).not.toContain(secret.reveal().slice(19, 62));
    const hash = parseSecretHash(stored);
    expect(hash !== undefined && isSecretOf(hash, secret.reveal())).toBe(true);
  });

  test("is another one each time, since each hash has a key of its own", () => {
    const secret = generateSecret(random);
    expect(writeSecretHash(hashSecret(random, secret))).not.toBe(writeSecretHash(hashSecret(random, secret)));
  });

  test("proves no other secret, whatever its length", () => {
    const hash = hashSecret(random, generateSecret(random));
    fc.assert(fc.property(fc.string(), (text) => !isSecretOf(hash, text)));
    expect(isSecretOf(hash, generateSecret(random).reveal())).toBe(false);
  });

  test.each([
    "",
    "sha256:abcdefghijkl:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "hmac-sha256:abcdefghijkl:AAAAAAAAAAAAAAAAAAAAAA",
    // The last characters have bits that no byte holds.
    "hmac-sha256:abcdefghijkl:AAAAAAAAAAAAAAAAAAAAAB:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "hmac-sha256:abcdefghijkl:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
    "hmac-sha256:abcdefghijkl:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
  ])("is not %j", (text) => {
    expect(parseSecretHash(text)).toBeUndefined();
  });

  test("holds the HMAC-SHA-256 that another program computes with the key and the secret", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 300 }), (text) => {
        const { key, mac } = hashSecret(random, new Secret(text));
        expect(Buffer.from(mac)).toEqual(createHmac("sha256", key).update(text).digest());
      }),
    );
  });

  test("of a secret that a setting holds may be of any text", () => {
    const hash = hashSecret(random, new Secret("a passphrase of more than 32 characters"));
    expect(isSecretOf(hash, "a passphrase of more than 32 characters")).toBe(true);
  });

  test("that stands for an unknown secret is of the same sizes, so that a comparison costs the same", () => {
    const [real, decoy] = [hashSecret(random, generateSecret(random)), decoyHash(random)];
    expect([decoy.key.length, decoy.mac.length]).toEqual([real.key.length, real.mac.length]);
  });
});
