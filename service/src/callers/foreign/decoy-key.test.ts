import { expect, test } from "vitest";
import { decoyKey } from "./decoy-key.ts";
import { FOREIGN_ALGORITHMS } from "./foreign-key.ts";

test.each(FOREIGN_ALGORITHMS)(
  "the decoy of %s is a key of its kind, of the size that most have",
  (algorithm) => {
    const { publicKey, algorithms } = decoyKey(algorithm);
    expect(algorithms).toEqual([algorithm]);
    const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {};
    const expected = {
      RS: 2048,
      PS: 2048,
      ES: algorithm === "ES384" ? "secp384r1" : "prime256v1",
      Ed: undefined,
    };
    expect(modulusLength ?? namedCurve).toBe(expected[algorithm.slice(0, 2) as keyof typeof expected]);
  },
);
