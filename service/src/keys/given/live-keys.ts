import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { KeyDirectory } from "../key-directory.ts";
import { servedAt } from "../key-state.ts";
import { type KeyView, viewOf } from "../key-view.ts";
import type { Signer } from "../signer.ts";
import { type KeyRing, nextChangeAfter, signingKeyAt } from "./key-record.ts";

/** The ring that is in force, and the view of it that the hot path reads: one comparison of numbers for each request. */
export class LiveKeys implements KeyDirectory {
  #ring: KeyRing;
  #signers: ReadonlyMap<Kid, Signer>;
  #view: KeyView | undefined;
  #until = 0;

  readonly #clock: Clock;

  /** `clock` decides when a key signs. It never jumps, so that setting the wall clock neither advances nor delays a key. */
  constructor(ring: KeyRing, signers: ReadonlyMap<Kid, Signer>, clock: Clock) {
    this.#clock = clock;
    this.#ring = ring;
    this.#signers = signers;
  }

  get ring(): KeyRing {
    return this.#ring;
  }

  /** Puts another ring in force, at once and as a whole. */
  replace(ring: KeyRing, signers: ReadonlyMap<Kid, Signer>): void {
    this.#ring = ring;
    this.#signers = signers;
    this.#view = undefined;
  }

  /** The signers of the keys that sign now or still may. */
  signersThatMaySign(now: EpochSeconds): ReadonlyMap<Kid, Signer> {
    const done = new Set(
      this.#ring
        .filter((key) => key.retiringFrom !== undefined && key.retiringFrom <= now)
        .map((key) => key.kid),
    );
    return new Map([...this.#signers].filter(([kid]) => !done.has(kid)));
  }

  /** The view of this moment; computed again only when the state of a key changes. */
  view(): KeyView {
    const now = this.#clock.now();
    if (this.#view === undefined || now >= this.#until) {
      this.#view = this.#compute(now);
      this.#until = nextChangeAfter(this.#ring, now) ?? Number.POSITIVE_INFINITY;
    }
    return this.#view;
  }

  #compute(now: EpochSeconds): KeyView {
    const record = signingKeyAt(this.#ring, now);
    const signer = record && this.#signers.get(record.kid);
    const served = servedAt(this.#ring, now);
    return viewOf(
      record && signer && { kid: record.kid, signer, notAfter: undefined },
      served.map((key) => key.publicJwk),
    );
  }
}
