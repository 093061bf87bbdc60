import { ALGORITHM_FACTS, ALGORITHMS } from "../../../keys/algorithm.ts";
import type { ImportedKey } from "../../../keys/import/import-key.ts";
import { shown } from "../../terminal/shown.ts";
import { type Finding, fail, ok, warn } from "../finding.ts";

/** RSA of 3,072 bits and P-256 have it, RSA of 2,048 bits has 112. */
const STRENGTH_BITS_MIN = 128;
/** A verifier that does not know a token's kid tries every key of its algorithm. */
const KEYS_MAX = 4;
/** How many keys a finding names. */
const NAMED_MAX = 8;

/** Keys below 128 bits of strength are a warning: they are safe today, but not for many more years. */
export function keysAreStrong(check: string, keys: readonly ImportedKey[]): readonly Finding[] {
  const short = keys.filter(
    (key) => ALGORITHM_FACTS[key.alg].strengthBits(key.publicKey) < STRENGTH_BITS_MIN,
  );
  if (short.length === 0) return [ok(check, listed(keys))];
  const found = `${listed(short)}: below 128 bits of strength`;
  return [
    warn(
      check,
      found,
      "rotate to ES256, or to RSA of 3072 bits (macp-auth keygen --add-to FILE --bits 3072); a key that is removed at once makes verifiers reject its valid tokens",
    ),
  ];
}

/** Each key of a set costs a verifier one signature check for a token whose kid it does not know. */
export function fewKeysPerAlgorithm(check: string, keys: readonly ImportedKey[]): readonly Finding[] {
  const counts = ALGORITHMS.map((alg) => ({ alg, count: keys.filter((key) => key.alg === alg).length }));
  const many = counts.filter(({ count }) => count > KEYS_MAX);
  if (many.length === 0) return [ok(check, keys.length === 1 ? "1 key" : `${String(keys.length)} keys`)];
  return many.map(({ alg, count }) =>
    warn(
      check,
      `${String(count)} keys for ${alg}: a verifier tries each of them on a token with an unknown kid`,
      `remove the keys whose last token has expired; at most ${String(KEYS_MAX)}`,
    ),
  );
}

/** One failure for each reason why a key must not be used. */
export function importFaults(check: string, faults: readonly string[]): readonly Finding[] {
  return faults.map((fault) => fail(check, fault));
}

function listed(keys: readonly ImportedKey[]): string {
  const more = keys.length > NAMED_MAX ? ` and ${String(keys.length - NAMED_MAX)} more` : "";
  return keys.slice(0, NAMED_MAX).map(described).join(", ") + more;
}

function described(key: ImportedKey): string {
  return `${ALGORITHM_FACTS[key.alg].sizeOf(key.publicKey)} ${shown(key.kid, 48)}`;
}
