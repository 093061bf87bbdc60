import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { KeyUsage } from "../key-directory.ts";
import type { JwksFetches } from "./key-store.ts";
import { VerifierLog } from "./verifier-sightings.ts";

/** What the keys were used for since it was last reported. */
export interface Usage {
  /** The latest `exp` that was signed with each key. */
  readonly signings: ReadonlyMap<Kid, EpochSeconds>;
  readonly fetches: JwksFetches;
}

/** Counts what the keys are used for between two reports to the store; `version` is that of the set in force. */
export class UsageLog implements KeyUsage {
  readonly #version: () => number;
  readonly #verifiers: VerifierLog;
  #signings = new Map<Kid, EpochSeconds>();

  constructor(clock: Clock, version: () => number) {
    this.#version = version;
    this.#verifiers = new VerifierLog(clock);
  }

  noteSigned(kid: Kid, exp: EpochSeconds): void {
    const known = this.#signings.get(kid);
    if (known === undefined || exp > known) this.#signings.set(kid, exp);
  }

  noteFetch(address: string, userAgent: string | undefined): void {
    this.#verifiers.note(address, userAgent, this.#version());
  }

  /** Everything since the last `take`. */
  take(): Usage {
    const signings = this.#signings;
    this.#signings = new Map();
    return { signings, fetches: this.#verifiers.take() };
  }

  /** Adds back usage that could not be reported. */
  putBack({ signings, fetches }: Usage): void {
    for (const [kid, exp] of signings) this.noteSigned(kid, exp);
    this.#verifiers.putBack(fetches);
  }
}
