import type { JsonWebKey, KeyObject } from "node:crypto";
import { Impossible } from "../../kernel/assert.ts";
import { ALGORITHM_FACTS, type Algorithm } from "../algorithm.ts";
import { type ImportedKey, importJwk } from "../import/import-key.ts";

/** A fresh key that has passed the same import rules as any other; its kid is its thumbprint. */
export async function makeKey(alg: Algorithm, bits?: number): Promise<ImportedKey> {
  for (;;) {
    const privateKey = await ALGORITHM_FACTS[alg].makePrivateKey(bits);
    const outcome = importJwk(JSON.stringify(privateKey.export({ format: "jwk" })));
    const key = outcome.kind === "imported" ? outcome.keys[0] : undefined;
    if (key === undefined) throw new Impossible("a key made here does not pass the import rules");
    // One thumbprint in 64 begins with a dash, and a command line would take such a kid for an option.
    if (!key.kid.startsWith("-")) return key;
  }
}

/** The private JWK of a key, with the members that say what it is for. Secret: only for writing a key file. */
export function privateJwkOf(privateKey: KeyObject, kid: string, alg: Algorithm): JsonWebKey {
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}
