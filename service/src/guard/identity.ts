import type { OwnToken } from "../tokens/verify.ts";

/** What is said to those behind the guard of who sends a request. */
export const IDENTITY_HEADERS = [
  "x-auth-subject",
  "x-auth-token-id",
  "x-auth-scopes",
  "x-auth-expires",
] as const;
export type IdentityHeader = (typeof IDENTITY_HEADERS)[number];

/**
 * The identity of an allowed request, each value in printable ASCII (RFC 9110 section 5.5): the subject percent-encoded, the id of the
 * token, its scopes as compact JSON, and its end in seconds since 1970.
 */
export function identityOf({
  claims: { sub, jti, macp_scopes, exp },
}: OwnToken): readonly (readonly [IdentityHeader, string])[] {
  return [
    ["x-auth-subject", percentEncoded(sub)],
    ["x-auth-token-id", jti],
    ["x-auth-scopes", asciiJson(macp_scopes)],
    ["x-auth-expires", String(exp)],
  ];
}

/** Every byte that is no visible ASCII character, and `%` itself: `decodeURIComponent` gives the text back. */
function percentEncoded(text: string): string {
  if (/^[\x21-\x24\x26-\x7e]*$/.test(text)) return text;
  return [...Buffer.from(text)]
    .map((byte) =>
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

/** JSON whose other characters are escaped as JSON does it (RFC 8259 section 7): any JSON reader gives them back. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
