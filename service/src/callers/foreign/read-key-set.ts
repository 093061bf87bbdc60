import type { ForeignKey } from "./foreign-key.ts";
import { type KeyUse, readForeignKey, type SkipReason } from "./read-foreign-key.ts";
import { objectIn } from "./strict-json.ts";

/** A set of public keys of others. */
export interface ForeignKeySet {
  /** At most 100. May be empty: then no token verifies. */
  readonly keys: readonly ForeignKey[];
  /** Why other keys of the set are not used, in their order. */
  readonly skipped: readonly SkipReason[];
  /** `spiffe_sequence`: rises with each change of a SPIFFE bundle; `undefined`: not given. */
  readonly sequence: number | undefined;
  /** `spiffe_refresh_hint`; `undefined`: not given. */
  readonly refreshHintSeconds: number | undefined;
}

/** Why a document gives no keys at all: nothing in it can be relied on. */
export type KeySetFault = "not_a_key_set" | "too_many_keys" | "kid_repeated" | "sequence_invalid";

const KEYS_MAX = 100;

/** Reads a JWK Set (RFC 7517 section 5), in which no object names a member twice, or a SPIFFE bundle, whose keys say `use: jwt-svid`. */
export function readKeySet(text: string, use: KeyUse): ForeignKeySet | KeySetFault {
  const document = objectIn(text);
  const members = document?.["keys"];
  if (document === undefined || !Array.isArray(members)) return "not_a_key_set";
  if (members.length > KEYS_MAX) return "too_many_keys";
  const read = members.map((member: unknown) => readForeignKey(member, use));
  const keys = read.filter((outcome) => typeof outcome !== "string");
  const kids = keys.map(({ kid }) => kid).filter((kid) => kid !== undefined);
  if (new Set(kids).size < kids.length) return "kid_repeated";
  const sequence = document["spiffe_sequence"];
  if (sequence !== undefined && !isCount(sequence)) return "sequence_invalid";
  const hint = document["spiffe_refresh_hint"];
  return {
    keys,
    skipped: read.filter((outcome) => typeof outcome === "string"),
    sequence,
    refreshHintSeconds: isCount(hint) ? hint : undefined,
  };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
