import { compactVerify, errors } from "jose";
import type { CompactJws } from "./compact-jws.ts";
import type { ForeignKey } from "./foreign-key.ts";

/** Whether one of the keys signed the text. The algorithm is the one that the header was read with, and the key must allow it (R2). */
export async function isSignedByOne(jws: CompactJws, keys: readonly ForeignKey[]): Promise<boolean> {
  for (const key of keys) if (await isSignedBy(jws, key)) return true;
  return false;
}

async function isSignedBy({ text, alg }: CompactJws, key: ForeignKey): Promise<boolean> {
  if (!key.algorithms.includes(alg)) return false;
  try {
    await compactVerify(text, key.publicKey, { algorithms: [alg] });
    return true;
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError) return false;
    throw thrown;
  }
}
