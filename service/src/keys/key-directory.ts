import type { EpochSeconds } from "../kernel/clock.ts";
import type { Kid } from "../kernel/ids.ts";
import type { Algorithm } from "./algorithm.ts";
import type { JwksDocument } from "./jwks.ts";
import type { Signer } from "./signer.ts";

/** The key that signs now, with the encoded JWS header that all its tokens share. */
export interface SigningKey {
  readonly kid: Kid;
  /** base64url of `{"alg","kid","typ":"JWT"}`. */
  readonly headerSegment: string;
  readonly signer: Signer;
  /** No token lives past this moment; `undefined` when the key has no end of its own. */
  readonly notAfter: EpochSeconds | undefined;
}

/** What the keys amount to until one of them changes. */
export interface KeyView {
  /** `undefined`: nothing may sign now. */
  readonly signing: SigningKey | undefined;
  /** `undefined`: the answer is 503 rather than an empty or doubtful set, which would not clear a verifier's cache. */
  readonly jwks: JwksDocument | undefined;
}

/** Port. The keys as the hot path sees them: answers come from memory, without waiting for anything. */
export interface KeyDirectory {
  viewAt(now: EpochSeconds): KeyView;
  /** A token with this `exp` is about to be signed with the key. */
  noteSigned(kid: Kid, exp: EpochSeconds): void;
  /** Somebody fetched the JWKS. */
  noteFetch(address: string, userAgent: string | undefined): void;
}

/** The JWS header of a key's tokens (RFC 7515 section 4), encoded. */
export function headerSegmentOf({ alg, kid }: { readonly alg: Algorithm; readonly kid: Kid }): string {
  return Buffer.from(JSON.stringify({ alg, kid, typ: "JWT" })).toString("base64url");
}
