import { createPublicKey } from "node:crypto";
import type { ForeignKey } from "../callers/foreign/foreign-key.ts";
import type { Kid } from "../kernel/ids.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import type { KeyDirectory } from "../keys/key-directory.ts";
import { headerSegmentOf, type JwksDocument } from "../keys/key-view.ts";
import type { PublicJwk } from "../keys/public-jwk.ts";

/** A key of ours that is served, ready to verify with. */
export interface OwnKey extends ForeignKey {
  readonly kid: Kid;
  readonly alg: Algorithm;
}

/** The served keys by the first segment of their tokens. */
export type OwnKeys = ReadonlyMap<string, OwnKey>;

/**
 * Reads the served keys, made ready once for each change of them. A token of this service begins with one of these segments, byte for
 * byte: so its algorithm is the one of its key, its type is `JWT`, and its header has no other member. `undefined`: no keys are served.
 */
export function ownKeysOf(directory: Pick<KeyDirectory, "view">): () => OwnKeys | undefined {
  let read: { readonly etag: string; readonly keys: OwnKeys } | undefined;
  return () => {
    const { jwks } = directory.view();
    if (jwks === undefined) return undefined;
    if (read?.etag !== jwks.etag) read = { etag: jwks.etag, keys: keysIn(jwks) };
    return read.keys;
  };
}

function keysIn({ body }: JwksDocument): OwnKeys {
  // Our own rendering, of checked keys.
  const { keys } = JSON.parse(body) as { keys: readonly PublicJwk[] };
  return new Map(
    keys.map((jwk) => {
      const { kid, alg } = jwk;
      const publicKey = createPublicKey({ key: jwk, format: "jwk" });
      return [headerSegmentOf({ kid, alg }), { kid, alg, algorithms: [alg], publicKey }];
    }),
  );
}
