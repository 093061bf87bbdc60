import { type ImportOutcome, importJwk } from "../../../keys/import/import-key.ts";
import { type ForeignJwks, type ForeignKey, readForeignJwks } from "../../client/foreign-jwks.ts";

/** One key of a JWKS as a verifier meets it. */
export interface ServedKey extends ForeignKey {
  /** From 1. */
  readonly position: number;
  /** Its public numbers, judged as an import would; `undefined` for a key that is neither RSA nor EC. */
  readonly outcome: ImportOutcome | undefined;
}

/** The keys of a JWKS document, or why it is none. */
export type ServedSet =
  | { readonly kind: "set"; readonly keys: readonly ServedKey[] }
  | { readonly kind: "unreadable"; readonly why: string };

const KEYS_MAX = 100;
const FAULTS = {
  not_json: "is not JSON",
  not_an_object: "has no member keys",
  keys_not_an_array: "has a member keys that is not an array",
} as const satisfies Record<Extract<ForeignJwks, { kind: "neither" }>["fault"], string>;

/** Reads a JWKS document (RFC 7517 section 5). */
export function readServedKeys(body: string): ServedSet {
  const read = readForeignJwks(body);
  if (read.kind !== "set")
    return { kind: "unreadable", why: FAULTS[read.kind === "single" ? "not_an_object" : read.fault] };
  const { keys } = read;
  if (keys.length > KEYS_MAX)
    return {
      kind: "unreadable",
      why: `holds ${String(keys.length)} keys, more than a verifier should try`,
    };
  return { kind: "set", keys: keys.map((key, index) => servedKey(key, index + 1)) };
}

function servedKey(key: ForeignKey, position: number): ServedKey {
  const { kty, kid, n, e, crv, x, y } = key;
  const isAsymmetric = kty === "RSA" || kty === "EC";
  return {
    ...key,
    position,
    outcome: isAsymmetric ? importJwk(JSON.stringify({ kty, kid, n, e, crv, x, y })) : undefined,
  };
}
