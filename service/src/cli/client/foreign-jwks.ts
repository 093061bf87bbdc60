import { z } from "zod";

/** A member of another type counts as absent, as it does for a verifier that looks for a text. */
const Text = z.string().optional().catch(undefined);

const ForeignMembers = z.object({
  kty: Text,
  kid: Text,
  alg: Text,
  use: Text,
  n: Text,
  e: Text,
  crv: Text,
  x: Text,
  y: Text,
});

/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;

/** A key of a JWK Set that somebody else wrote: nothing of it is checked. The values of private members are not kept. */
export interface ForeignKey extends z.infer<typeof ForeignMembers> {
  /** Which private members it has, by name. */
  readonly privateMembers: readonly string[];
}

/** A JWK Set (RFC 7517 section 5), a single JWK, or why the text is neither. */
export type ForeignJwks =
  | { readonly kind: "set"; readonly keys: readonly ForeignKey[] }
  | { readonly kind: "single"; readonly keys: readonly [ForeignKey] }
  | { readonly kind: "neither"; readonly fault: "not_json" | "not_an_object" | "keys_not_an_array" };

/** Reads a key set as leniently as verifiers do. */
export function readForeignJwks(text: string): ForeignJwks {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    // The parser's own message quotes the text, which may hold a private key.
    return { kind: "neither", fault: "not_json" };
  }
  if (typeof document !== "object" || document === null || Array.isArray(document))
    return { kind: "neither", fault: "not_an_object" };
  if (!("keys" in document)) return { kind: "single", keys: [foreignKey(document)] };
  if (!Array.isArray(document.keys)) return { kind: "neither", fault: "keys_not_an_array" };
  return { kind: "set", keys: document.keys.map(foreignKey) };
}

function foreignKey(member: unknown): ForeignKey {
  const isObject = typeof member === "object" && member !== null && !Array.isArray(member);
  const jwk = isObject ? member : {};
  return { ...ForeignMembers.parse(jwk), privateMembers: PRIVATE_MEMBERS.filter((name) => name in jwk) };
}
