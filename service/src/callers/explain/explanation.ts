import type { CallerId, ProofKind } from "../caller.ts";
import type { CertificateFacts } from "../certificates/certificate-facts.ts";
import type { CompactJws } from "../foreign/compact-jws.ts";
import type { ForeignClaims } from "../foreign/foreign-claims.ts";
import type { WorkloadFacts } from "../foreign/presets.ts";
import type { ProofCheck } from "../proved.ts";
import type { AuthReason } from "../rejection.ts";

/** What a proof is worth: for the person who declared the callers, never for a stranger. */
export interface ProofExplanation {
  /** `undefined`: nothing here reads it. */
  readonly proof:
    | Extract<ProofKind, "shared_secret" | "workload_jwt" | "private_key_jwt" | "certificate">
    | undefined;
  /** Who it is, or would be if nothing had failed. */
  readonly caller: CallerId | undefined;
  /** Why `authenticate` would reject it; `undefined`: it would not. A single use, and a TokenReview, are not tried. */
  readonly reason: AuthReason | undefined;
  /** Every check that could be made, also those after the first that failed. */
  readonly checks: readonly ProofCheck[];
  /** The name of the declared issuer; of a certificate, the client CAs to which it leads. */
  readonly issuer: string | undefined;
  /** The token, decoded; `undefined` for a secret. */
  readonly token:
    | { readonly header: Pick<CompactJws, "alg" | "kid" | "typ">; readonly claims: ForeignClaims }
    | undefined;
  /** The certificate, decoded; `undefined` for other proofs. */
  readonly certificate: CertificateFacts | undefined;
  /** What the preset of the issuer reads in it: what rules, grants and templates may name. */
  readonly facts: WorkloadFacts | undefined;
  /** Each rule of that issuer. */
  readonly rules: readonly RuleTrial[];
}

/** How a token or a certificate meets one rule. */
export interface RuleTrial {
  readonly caller: CallerId;
  readonly subject: {
    readonly of: "subject" | "uri" | "dns";
    readonly pattern: string;
    readonly isMet: boolean;
  };
  /** Of a rule for certificates: the client CA that it is for. */
  readonly clientCa: { readonly name: string; readonly isMet: boolean } | undefined;
  readonly claims: readonly {
    readonly name: string;
    readonly patterns: readonly string[];
    /** What the token says; `undefined`: nothing. */
    readonly value: string | readonly string[] | undefined;
    readonly isMet: boolean;
  }[];
  readonly isMet: boolean;
}
