import { type ForeignAlgorithm, parseForeignAlgorithm } from "./foreign-key.ts";
import { strictBase64url, strictObject } from "./strict-json.ts";

/** The longest credential. */
export const CREDENTIAL_CHARS_MAX = 16_384;

/** A signed text in the compact form (RFC 7515 section 3.1), read but not verified. */
export interface CompactJws {
  readonly text: string;
  readonly alg: ForeignAlgorithm;
  readonly kid: string | undefined;
  /** The media type of `typ`: lower case, without `application/` (RFC 7515 section 4.1.9). */
  readonly typ: string | undefined;
  readonly payload: Buffer;
}

/** Why a text is not such a form, or must not be verified. */
export type JwsFault =
  | "too_large"
  | "not_compact"
  | "not_base64url"
  | "header_unreadable"
  /** `alg` is none of `FOREIGN_ALGORITHMS`. */
  | "algorithm_not_allowed"
  /** `crit`, `b64`, `zip`, or a member that names a key: `jku`, `jwk`, `x5u`, `x5c`. */
  | "header_member_forbidden"
  | "kid_invalid"
  | "typ_invalid";

export type ReadJws =
  | { readonly kind: "jws"; readonly jws: CompactJws }
  | { readonly kind: "malformed"; readonly fault: JwsFault };

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)$/;
const FORBIDDEN = ["crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c"] as const;
const KID = /^[^\p{Cc}\p{Cs}]{1,256}$/u;
const TYP = /^[A-Za-z0-9!#$&^_.+/-]{1,100}$/;

/** Whether a text has the three parts of a compact JWS, or the five of a JWE: it is meant as a token. */
export function looksLikeJwt(text: string): boolean {
  return /^[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){2}(?:(?:\.[A-Za-z0-9_-]*){2})?$/.test(text);
}

/** Reads a compact JWS. The algorithm is checked before a key is looked for, and nothing in the header can name a key but `kid`. */
export function readCompactJws(text: string): ReadJws {
  if (text.length > CREDENTIAL_CHARS_MAX) return malformed("too_large");
  const parts = COMPACT.exec(text)?.slice(1);
  if (parts === undefined) return malformed("not_compact");
  const [header, payload, signature] = parts.map(strictBase64url);
  if (header === undefined || payload === undefined || signature === undefined)
    return malformed("not_base64url");
  const members = strictObject(header);
  return members === undefined ? malformed("header_unreadable") : ofHeader(members, text, payload);
}

function ofHeader(header: Readonly<Record<string, unknown>>, text: string, payload: Buffer): ReadJws {
  const { alg: name, kid, typ } = header;
  const alg = typeof name === "string" ? parseForeignAlgorithm(name) : undefined;
  if (alg === undefined) return malformed("algorithm_not_allowed");
  if (FORBIDDEN.some((member) => Object.hasOwn(header, member))) return malformed("header_member_forbidden");
  if (!isOptional(kid, KID)) return malformed("kid_invalid");
  if (!isOptional(typ, TYP)) return malformed("typ_invalid");
  const type = typ?.toLowerCase().replace(/^application\//, "");
  return { kind: "jws", jws: { text, alg, kid, typ: type, payload } };
}

function isOptional(value: unknown, form: RegExp): value is string | undefined {
  return value === undefined || (typeof value === "string" && form.test(value));
}

function malformed(fault: JwsFault): ReadJws {
  return { kind: "malformed", fault };
}
