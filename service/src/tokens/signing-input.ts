import type { Branded } from "../kernel/branded.ts";
import type { SigningKey } from "../keys/key-view.ts";
import type { CheckedClaims } from "./claims.ts";

/** What is signed of a token: its encoded header and checked claims (RFC 7515 section 5.1). Nothing else is ever signed with a served key. */
export type SigningInput = Branded<string, "SigningInput">;

/** The signing input of a token with these claims. */
export function signingInputOf({ headerSegment }: SigningKey, claims: CheckedClaims): SigningInput {
  return `${headerSegment}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}` as SigningInput;
}

/** How long the token will be, in bytes. */
export function tokenBytes({ signer }: SigningKey, input: SigningInput): number {
  return input.length + 1 + signer.signatureChars;
}

/** The token in compact form (RFC 7515 section 7.1). Rejects when the key cannot be used. */
export async function signed({ signer }: SigningKey, input: SigningInput): Promise<string> {
  const signature = await signer.sign(Buffer.from(input, "latin1"));
  return `${input}.${signature.toString("base64url")}`;
}
