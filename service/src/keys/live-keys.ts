import type { EpochSeconds } from "../kernel/clock.ts";
import type { Kid } from "../kernel/ids.ts";
import { type JwksDocument, renderJwks } from "./jwks.ts";
import { type KeyRecord, type KeyRing, nextChangeAfter, servedAt, signingKeyAt } from "./key-record.ts";
import type { Signer } from "./signer.ts";

/** The key that signs now, with the encoded JWS header that all its tokens share. */
export interface SigningKey {
  readonly kid: Kid;
  /** base64url of `{"alg","kid","typ":"JWT"}`. */
  readonly headerSegment: string;
  readonly signer: Signer;
}

/** What the keys amount to between two changes. */
export interface KeyView {
  /** `undefined`: nothing may sign now. */
  readonly signing: SigningKey | undefined;
  /** `undefined`: no key is served, and the answer is 503 rather than an empty set, which would not clear a verifier's cache. */
  readonly jwks: JwksDocument | undefined;
  readonly served: readonly KeyRecord[];
}

/** The ring that is in force, and the view of it that the hot path reads: one comparison of numbers for each request. */
export class LiveKeys {
  #ring: KeyRing;
  #signers: ReadonlyMap<Kid, Signer>;
  #view: KeyView | undefined;
  #from = 0;
  #until = 0;

  constructor(ring: KeyRing, signers: ReadonlyMap<Kid, Signer>) {
    this.#ring = ring;
    this.#signers = signers;
  }

  get ring(): KeyRing {
    return this.#ring;
  }

  /** Puts another ring in force, at once and whole. */
  replace(ring: KeyRing, signers: ReadonlyMap<Kid, Signer>): void {
    this.#ring = ring;
    this.#signers = signers;
    this.#view = undefined;
  }

  /** The signers of the keys that sign now or still may. */
  signersThatMaySign(now: EpochSeconds): ReadonlyMap<Kid, Signer> {
    const done = new Set(this.#ring.filter((key) => key.retiredFrom !== undefined && key.retiredFrom <= now).map((key) => key.kid));
    return new Map([...this.#signers].filter(([kid]) => !done.has(kid)));
  }

  /** The view at `now`; computed anew only when a key's moment has come or the clock went back. */
  viewAt(now: EpochSeconds): KeyView {
    if (this.#view === undefined || now < this.#from || now >= this.#until) {
      this.#view = this.#compute(now);
      this.#from = now;
      this.#until = nextChangeAfter(this.#ring, now) ?? Number.POSITIVE_INFINITY;
    }
    return this.#view;
  }

  #compute(now: EpochSeconds): KeyView {
    const record = signingKeyAt(this.#ring, now);
    const signer = record && this.#signers.get(record.kid);
    const served = servedAt(this.#ring, now);
    return {
      signing: record && signer && { kid: record.kid, headerSegment: headerSegmentOf(record), signer },
      jwks: served.length > 0 ? renderJwks(served.map((key) => key.publicJwk)) : undefined,
      served,
    };
  }
}

function headerSegmentOf(record: KeyRecord): string {
  return Buffer.from(JSON.stringify({ alg: record.alg, kid: record.kid, typ: "JWT" })).toString("base64url");
}
