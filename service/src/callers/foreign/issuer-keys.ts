import type { IssuerEntry } from "../declared/registry.ts";
import type { ForeignAlgorithm, ForeignKey } from "./foreign-key.ts";

/** What is known of an issuer's keys now. */
export type KnownKeys =
  /** `keys` may be empty: the issuer has no such key. `isStale`: the issuer did not answer lately. */
  | { readonly kind: "keys"; readonly keys: readonly ForeignKey[]; readonly isStale: boolean }
  | { readonly kind: "unavailable" };

/** Port. The keys of declared issuers. The keys come from the places of the `IssuerEntry`, never from a token. */
export interface IssuerKeys {
  /**
   * The keys that may have signed a token with this header. With a `kid`, only keys of that id; without one, only when the issuer
   * has exactly one key for `alg`. An unknown `kid` may cause one fetch, within the limits of the adapter. Never rejects.
   */
  find(
    issuer: IssuerEntry,
    wanted: { readonly kid: string | undefined; readonly alg: ForeignAlgorithm },
  ): Promise<KnownKeys>;
  /** Changes whenever the known keys of the issuer change or are forgotten: what was verified before must be verified again. */
  generationOf(issuer: IssuerEntry): number;
}

/** Port. Asks a Kubernetes cluster whether a token is still accepted (`authentication.k8s.io/v1` TokenReview). Never rejects. */
export interface TokenReviewer {
  review(
    issuer: IssuerEntry,
    token: string,
  ): Promise<
    | { readonly kind: "authenticated"; readonly username: string; readonly audiences: readonly string[] }
    | { readonly kind: "not_authenticated" }
    | { readonly kind: "unavailable" }
  >;
}
