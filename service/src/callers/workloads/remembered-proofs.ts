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

/** The most proofs that are remembered, of each kind. */
export const REMEMBERED_PROOFS_MAX = 10_000;

/** How much memory they may take: a token of 16 KiB has claims of nearly as much, so their number alone is no bound. */
export const REMEMBERED_BYTES_MAX = { tokens: 12 * 1_048_576, certificates: 4 * 1_048_576 } as const;

/** A proof, and about how much memory it takes. */
interface Entry<Proof> {
  readonly proof: Proof;
  readonly bytes: number;
}

/**
 * Tokens that were verified, by the SHA-256 of their text, or certificates by that of their octets: the same one is presented again for
 * every mint. It belongs to one snapshot of what is declared, and holds no token. Those that were added first leave first, until the
 * rest is within both bounds.
 */
export class RememberedProofs<
  Proof extends { readonly claims: ProofClaims; readonly until: number } = RememberedProof,
> {
  readonly #entries = new Map<string, Entry<Proof>>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What a token proved at its last presentation, unless it has expired since. */
  find(token: string | Uint8Array, now: number): Proof | undefined {
    const digest = digestOf(token);
    const proof = this.#entries.get(digest)?.proof;
    if (proof === undefined || now < proof.until) return proof;
    this.#drop(digest);
    return undefined;
  }

  remember(token: string | Uint8Array, proof: Proof): void {
    const digest = digestOf(token);
    this.#drop(digest);
    const bytes = bytesOf(proof.claims);
    this.#entries.set(digest, { proof, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= REMEMBERED_PROOFS_MAX && this.#bytes <= this.#bytesMax) return;
      this.#drop(oldest);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  #drop(digest: string): void {
    this.#bytes -= this.#entries.get(digest)?.bytes ?? 0;
    this.#entries.delete(digest);
  }
}

function digestOf(token: string | Uint8Array): string {
  return hash("sha256", token, "base64");
}

/** What a proof takes beside its claims: its digest, its place in the map, its members. Measured. */
const ENTRY_BYTES = 350;
/** What a claim takes beside its characters, at most: 30 where every token has the same names, up to 140 where each has its own. Measured. */
const CLAIM_BYTES = 120;
/** V8 holds a text with any other character in two bytes for each. */
const ONE_BYTE = /^[\0-\xff]*$/;

/** About how much memory a proof with these claims takes. Names are counted too: an issuer may choose other ones in each token. */
function bytesOf(claims: ProofClaims): number {
  const sizeOf = (text: string): number => (ONE_BYTE.test(text) ? text.length : 2 * text.length);
  return Object.entries(claims).reduce(
    (bytes, [name, value]) => bytes + CLAIM_BYTES + sizeOf(name) + sizeOf(value),
    ENTRY_BYTES,
  );
}
