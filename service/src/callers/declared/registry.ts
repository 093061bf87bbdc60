import type { EpochSeconds } from "../../kernel/clock.ts";
import type { CallerId, Role, TokenRights } from "../caller.ts";
import type { Reach } from "../fetch-document.ts";
import type { ForeignAlgorithm, ForeignKey } from "../foreign/foreign-key.ts";
import type { SecretHash } from "../secrets/secret-hash.ts";

/** What a deployment declares: plain data. `checkRegistry` finds what is wrong with it; `openDirectory` makes an index of it. */
export interface CallerRegistry {
  readonly issuers: readonly IssuerEntry[];
  readonly callers: readonly CallerEntry[];
  readonly clientCas: readonly ClientCaEntry[];
}

/** One declared caller. */
export interface CallerEntry {
  readonly id: CallerId;
  /** Who is responsible for it: text for people. */
  readonly owner: string | undefined;
  readonly isDisabled: boolean;
  /** From this moment on its proofs are rejected. */
  readonly notAfter: EpochSeconds | undefined;
  readonly role: Role | undefined;
  /** `undefined`: none beyond its own tokens. */
  readonly rights: TokenRights | undefined;
  /** Several, so that an old and a new secret are valid at the same time. */
  readonly secrets: readonly SecretHash[];
  /** Any one of these is enough. */
  readonly workloads: readonly WorkloadRule[];
  /** The keys that sign its client assertions (RFC 7523); several, so that an old and a new key are valid at the same time. */
  readonly assertionKeys: readonly ForeignKey[];
  /** Any one of these is enough. */
  readonly certificates: readonly CertificateRule[];
}

/** Which tokens of an issuer prove a caller. */
export interface WorkloadRule {
  /** `IssuerEntry.name`. */
  readonly issuer: string;
  /** A pattern of `sub`, with segments that end at `/` or `:` (kernel/pattern.ts). */
  readonly subject: string;
  /** By short claim name: patterns, one of which must match. Each claim named here is required. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
}

/** Which client certificates prove a caller. */
export interface CertificateRule {
  /** `ClientCaEntry.name`. */
  readonly ca: string;
  readonly of: "uri" | "dns" | "subject";
  /** `uri` and `dns`: a pattern, whose segments of a DNS name are its labels; `subject`: a whole distinguished name (RFC 4514). */
  readonly name: string;
}

/** Authorities of client certificates, under one name. */
export interface ClientCaEntry {
  readonly name: string;
  /** Their certificates, as PEM. Empty only where they are the bundle of a trust domain that is not known: then they prove nobody. */
  readonly caPem: string;
  /** They prove only SPIFFE ids of this trust domain (SPIFFE Workload API section 4.6); `undefined`: any name. */
  readonly trustDomain?: string | undefined;
  /** The revocation lists of them and of their intermediates, as PEM. With one, a certificate whose issuer has none is rejected. */
  readonly crlPem: string | undefined;
}

export const PRESETS = ["kubernetes", "github", "gitlab", "spiffe", "oidc"] as const;
/** What kind of issuer it is: which claims its tokens must have, and how they are named here (foreign/presets.ts). */
export type Preset = (typeof PRESETS)[number];

/** An issuer of tokens that prove callers. */
export interface IssuerEntry {
  /** How the document names it: 1 to 64 characters of `[a-z0-9._-]`. */
  readonly name: string;
  readonly preset: Preset;
  /** The `iss` of its tokens, byte for byte. Preset `spiffe`: `spiffe://` and the trust domain; its tokens need no `iss`. */
  readonly issuer: string;
  /** The `aud` that its tokens must have; our own issuer unless declared otherwise. */
  readonly audience: string;
  /** Whether a token may name other audiences beside ours. */
  readonly allowsOtherAudiences: boolean;
  readonly algorithms: readonly ForeignAlgorithm[];
  /** The longest `exp - iat` of its tokens. */
  readonly maxLifeSeconds: number;
  readonly keys: IssuerKeyPlace;
  readonly isDisabled: boolean;
  /** Preset `kubernetes` only: ask the cluster about each token that passed every other check. */
  readonly tokenReview: TokenReviewPlace | undefined;
}

/** How the servers of an issuer are reached. */
export interface IssuerServer {
  /** Whether their names may resolve to private addresses. */
  readonly reach: Reach;
  /** Certificates to trust in place of the system's. */
  readonly caPem: string | undefined;
}

/** Where an issuer's keys are found. */
export type IssuerKeyPlace =
  /** `jwksHosts`: hosts beside the issuer's own on which its keys may be, as `jwks_uri` writes them, with a port that is not 443. */
  | (IssuerServer & { readonly kind: "discovery"; readonly jwksHosts: readonly string[] })
  /** `bearerFile`: the file of a token that is sent for the keys; its text changes with time. */
  | (IssuerServer & { readonly kind: "jwks_url"; readonly url: string; readonly bearerFile?: string })
  | (IssuerServer & { readonly kind: "spiffe_bundle_url"; readonly url: string })
  /** A key set that was read from a file: `document` is its text. */
  | { readonly kind: "pinned"; readonly document: string };

/** Where TokenReviews are sent, and with which credential. */
export interface TokenReviewPlace extends IssuerServer {
  /** Of the API server: `https://kubernetes.default.svc`. */
  readonly url: string;
  /** The file of the bearer token that this service sends; its text changes with time. */
  readonly tokenFile: string;
}
