import { type ImportOutcome, importJwk } from "../../../keys/import/import-key.ts";

/** One key of a JWKS as a verifier meets it. Private members are known by name alone: their values are not kept. */
export interface ServedKey {
  /** From 1. */
  readonly position: number;
  readonly kty: string | undefined;
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly use: string | undefined;
  readonly privateMembers: readonly string[];
  /** Its public numbers, judged as an import would; `undefined` for a key that is neither RSA nor EC. */
  readonly outcome: ImportOutcome | undefined;
}

/** The keys of a JWKS document, or why it is none. */
export type ServedSet =
  | { readonly kind: "set"; readonly keys: readonly ServedKey[] }
  | { readonly kind: "unreadable"; readonly why: string };

const KEYS_MAX = 100;
/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;
const NUMBERS = ["kty", "kid", "n", "e", "crv", "x", "y"] as const;

/** Reads a JWKS document (RFC 7517 section 5). */
export function readServedKeys(body: string): ServedSet {
  const members = membersOf(body);
  if (typeof members === "string") return { kind: "unreadable", why: members };
  if (members.length > KEYS_MAX)
    return {
      kind: "unreadable",
      why: `holds ${String(members.length)} keys, more than any verifier should try`,
    };
  return { kind: "set", keys: members.map((member, index) => servedKey(member, index + 1)) };
}

function membersOf(body: string): readonly unknown[] | string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== "object" || parsed === null || !("keys" in parsed)) return "has no member keys";
    return Array.isArray(parsed.keys)
      ? (parsed.keys as readonly unknown[])
      : "has a member keys that is no array";
  } catch {
    // The parser's own message quotes the text, which may hold a private key.
    return "is not JSON";
  }
}

function servedKey(member: unknown, position: number): ServedKey {
  const jwk =
    typeof member === "object" && member !== null ? (member as Readonly<Record<string, unknown>>) : {};
  const kty = textOf(jwk, "kty");
  return {
    position,
    kty,
    kid: textOf(jwk, "kid"),
    alg: textOf(jwk, "alg"),
    use: textOf(jwk, "use"),
    privateMembers: PRIVATE_MEMBERS.filter((name) => name in jwk),
    outcome: kty === "RSA" || kty === "EC" ? importJwk(JSON.stringify(publicNumbers(jwk))) : undefined,
  };
}

function publicNumbers(jwk: Readonly<Record<string, unknown>>): Record<string, string | undefined> {
  return Object.fromEntries(NUMBERS.map((name) => [name, textOf(jwk, name)]));
}

function textOf(jwk: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = jwk[name];
  return typeof value === "string" ? value : undefined;
}
