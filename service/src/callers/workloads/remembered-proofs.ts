import { hash } from "node:crypto";
import type { CallerId, ProofClaims } from "../caller.ts";
import type { IssuerEntry } from "../declared/registry.ts";

/** A token that was verified: what it proved, and until when that may be used again. */
export interface RememberedProof {
  readonly caller: CallerId;
  readonly claims: ProofClaims;
  readonly issuer: IssuerEntry;
  /** `IssuerKeys.generationOf` at the time. */
  readonly generation: number;
  /** Seconds since the epoch: not used from then on. */
  readonly until: number;
}

/** A client certificate that was verified: what it proved. `until`: as above. */
export interface RememberedCertificate {
  readonly caller: CallerId;
  readonly claims: ProofClaims;
  readonly until: number;
}

/** The most proofs that are remembered. */
export const REMEMBERED_PROOFS_MAX = 10_000;

/**
 * Tokens that were verified, by the SHA-256 of their text, or certificates by that of their octets: the same one is presented again for
 * every mint. It belongs to one snapshot of what is declared, and holds no token. The one that was added first leaves first.
 */
export class RememberedProofs<Proof extends { readonly until: number } = RememberedProof> {
  readonly #proofs = new Map<string, Proof>();

  /** What a token proved at its last presentation, unless it has expired since. */
  find(token: string | Uint8Array, now: number): Proof | undefined {
    const digest = digestOf(token);
    const proof = this.#proofs.get(digest);
    if (proof === undefined || now < proof.until) return proof;
    this.#proofs.delete(digest);
    return undefined;
  }

  remember(token: string | Uint8Array, proof: Proof): void {
    const digest = digestOf(token);
    this.#proofs.delete(digest);
    const [oldest] = this.#proofs.keys();
    if (this.#proofs.size >= REMEMBERED_PROOFS_MAX && oldest !== undefined) this.#proofs.delete(oldest);
    this.#proofs.set(digest, proof);
  }

  get size(): number {
    return this.#proofs.size;
  }
}

function digestOf(token: string | Uint8Array): string {
  return hash("sha256", token, "base64");
}
