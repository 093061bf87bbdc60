import { createHash } from "node:crypto";
import type { EpochSeconds } from "../kernel/clock.ts";
import type { Kid } from "../kernel/ids.ts";
import type { Algorithm } from "./algorithm.ts";
import type { PublicJwk } from "./public-jwk.ts";
import type { Signer } from "./signer.ts";

/** The key that signs now, with the encoded JWS header that all its tokens share. */
export interface SigningKey {
  readonly kid: Kid;
  /** base64url of `{"alg","kid","typ":"JWT"}` (RFC 7515 section 4). */
  readonly headerSegment: string;
  readonly signer: Signer;
  /** No token of this key is valid after this moment; `undefined` when the key has no end of its own. */
  readonly notAfter: EpochSeconds | undefined;
}

/** A JWKS answer, rendered once for each change of the keys. */
export interface JwksDocument {
  readonly body: string;
  /** Strong entity tag (RFC 9110 section 8.8.3): a hash of the body, so equal documents have equal tags on every replica. */
  readonly etag: string;
}

/** The signing key and the JWKS until a key changes. */
export interface KeyView {
  /** `undefined`: nothing may sign now. */
  readonly signing: SigningKey | undefined;
  /** `undefined`: the answer is 503 rather than an empty or doubtful set, which would not clear a verifier's cache. */
  readonly jwks: JwksDocument | undefined;
}

/** Nothing signs and nothing is served. */
export const NO_KEYS: KeyView = { signing: undefined, jwks: undefined };

/** The view of the key that signs, if one may, and of the public keys that are served, in their order. */
export function viewOf(
  signing: Omit<SigningKey, "headerSegment"> | undefined,
  served: readonly PublicJwk[],
): KeyView {
  return {
    signing: signing && {
      ...signing,
      headerSegment: headerSegmentOf({ kid: signing.kid, alg: signing.signer.alg }),
    },
    jwks: served.length > 0 ? renderJwks(served) : undefined,
  };
}

/** Renders the JWK Set (RFC 7517 section 5) of public keys. */
export function renderJwks(keys: readonly PublicJwk[]): JwksDocument {
  const body = JSON.stringify({ keys });
  return { body, etag: `"${createHash("sha256").update(body).digest("base64url")}"` };
}

/** The first segment of every token that this key signs: the encoded JWS header (RFC 7515 section 4). */
export function headerSegmentOf({ kid, alg }: { readonly kid: Kid; readonly alg: Algorithm }): string {
  return Buffer.from(JSON.stringify({ alg, kid, typ: "JWT" })).toString("base64url");
}
