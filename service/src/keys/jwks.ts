import { createHash } from "node:crypto";
import type { PublicJwk } from "./import/import-key.ts";

/** A JWKS answer, rendered once for each change of the ring. */
export interface JwksDocument {
  readonly body: string;
  /** Strong entity tag (RFC 9110 section 8.8.3): a hash of the body, so equal documents have equal tags on every replica. */
  readonly etag: string;
}

/** Renders the JWK Set (RFC 7517 section 5) of the given public keys, in that order. */
export function renderJwks(keys: readonly PublicJwk[]): JwksDocument {
  const body = JSON.stringify({ keys });
  return { body, etag: `"${createHash("sha256").update(body).digest("base64url")}"` };
}
