import type { Clock } from "../../kernel/clock.ts";
import type { IssuerEntry } from "../declared/registry.ts";
import { keysFor } from "../foreign/choose-keys.ts";
import type { IssuerKeys, KnownKeys } from "../foreign/issuer-keys.ts";
import { type FetchedKeys, type FetchKeysDeps, fetchKeys, type KeysFailure } from "./fetch-keys.ts";
import { afterFailure, afterSuccess, lifetimeOf, nextStep, type Step } from "./freshness.ts";
import {
  canJudge,
  hasKid,
  haveSameKeys,
  type IssuerState,
  type IssuerStatus,
  newState,
  statusOf,
} from "./issuer-state.ts";

export interface IssuerKeySetsDeps extends FetchKeysDeps {
  readonly clock: Clock;
}

/**
 * How many tokens may wait for an issuer whose known keys can judge them; others are judged at once. Anyone can name an unknown key, and
 * each that waits is one of the 1,000 mints that may be under way. Without such keys all wait, because any of them may be right.
 */
const WAITING_MAX = 200;

type Wanted = Parameters<IssuerKeys["find"]>[1];

/** The keys of declared issuers: fetched when they are needed, and used as long as `freshness.ts` says. */
export class IssuerKeySets implements IssuerKeys {
  readonly #deps: IssuerKeySetsDeps;
  readonly #states = new Map<string, IssuerState>();
  #generations = 0;

  constructor(deps: IssuerKeySetsDeps) {
    this.#deps = deps;
  }

  async find(issuer: IssuerEntry, wanted: Wanted): Promise<KnownKeys> {
    const state = this.#stateOf(issuer);
    const step = this.#stepOf(state, wanted.kid);
    if (step === "fetch" && this.#mayWait(state, wanted.kid)) await this.#awaitFetch(state, wanted.kid);
    if (step === "answer_and_fetch") void this.#fetch(state);
    // Looked up again: the keys may have been forgotten during the fetch.
    return this.#answer(this.#stateOf(issuer), wanted);
  }

  /** Also fetches keys that are due: proofs that are remembered ask for none. */
  generationOf(issuer: IssuerEntry): number {
    const state = this.#stateOf(issuer);
    const step = this.#stepOf(state, undefined);
    const hadKeys = state.known !== undefined;
    // Nobody needed a key lately, or the issuer is out of reach for too long: what its keys proved must be proved again.
    if (step === "unavailable" || (step === "fetch" && state.flight === undefined)) {
      state.generation = this.#nextGeneration();
    }
    if (step === "unavailable") state.known = undefined;
    if (hadKeys && (step === "fetch" || step === "answer_and_fetch")) void this.#fetch(state);
    return state.generation;
  }

  /**
   * Drops all keys of an issuer now: its next token is verified with keys that are fetched first. Also the sequence number of a
   * SPIFFE bundle, so that the bundle of a restored server is accepted. Pinned keys are part of the configuration, and stay.
   */
  forget(issuer: IssuerEntry): void {
    this.#states.delete(issuer.name);
  }

  /** Drops what is known of all issuers but these: the configuration changed. */
  retain(issuers: readonly IssuerEntry[]): void {
    const names = new Set(issuers.map(({ name }) => name));
    for (const name of this.#states.keys()) {
      if (!names.has(name)) this.#states.delete(name);
    }
  }

  /** What is known of these issuers now, in their order. Asks nobody. */
  list(issuers: readonly IssuerEntry[]): readonly IssuerStatus[] {
    return issuers.map((issuer) => statusOf(this.#stateOf(issuer), this.#now()));
  }

  #stateOf(issuer: IssuerEntry): IssuerState {
    const state = this.#states.get(issuer.name);
    if (state !== undefined && haveSameKeys(state.entry, issuer)) {
      state.entry = issuer;
      return state;
    }
    const fresh = newState(issuer, this.#nextGeneration());
    this.#states.set(issuer.name, fresh);
    return fresh;
  }

  #stepOf({ known, attempts, missing }: IssuerState, kid: string | undefined): Step {
    const now = this.#now();
    const isMissing = kid !== undefined && !hasKid(known, kid) && !missing.has(kid, now);
    return nextStep(known, attempts, now, isMissing);
  }

  #mayWait({ known, waiting }: IssuerState, kid: string | undefined): boolean {
    return waiting < WAITING_MAX || !canJudge(known, kid, this.#now());
  }

  #answer({ known }: IssuerState, wanted: Wanted): KnownKeys {
    const now = this.#now();
    if (known === undefined || now >= known.usableUntil) return { kind: "unavailable" };
    return { kind: "keys", keys: keysFor(known.keySet.keys, wanted), isStale: now >= known.freshUntil };
  }

  async #awaitFetch(state: IssuerState, kid: string | undefined): Promise<void> {
    state.waiting += 1;
    await this.#fetch(state).finally(() => {
      state.waiting -= 1;
    });
    this.#rememberMissing(state, kid);
  }

  #rememberMissing({ known, attempts, missing }: IssuerState, kid: string | undefined): void {
    const wasAnswered = known !== undefined && attempts.failures === 0;
    if (wasAnswered && kid !== undefined && !hasKid(known, kid)) missing.add(kid, this.#now());
  }

  /** One at a time for each issuer: who comes during a fetch waits for that one. */
  #fetch(state: IssuerState): Promise<void> {
    state.flight ??= this.#fetchOnce(state).finally(() => {
      state.flight = undefined;
    });
    return state.flight;
  }

  async #fetchOnce(state: IssuerState): Promise<void> {
    const { entry } = state;
    if (entry.keys.kind === "pinned") return;
    const startedAt = this.#now();
    const outcome = await fetchKeys(this.#deps, entry, entry.keys, state.sequence).catch(
      (): KeysFailure => ({ kind: "failed", reason: "fault" }),
    );
    if (outcome.kind === "fetched") this.#accept(state, outcome, startedAt);
    else this.#reject(state, outcome, startedAt);
  }

  #accept(state: IssuerState, { keySet, text, freshSeconds }: FetchedKeys, startedAt: number): void {
    if (text !== state.known?.text) {
      state.generation = this.#nextGeneration();
      state.missing.clear();
    }
    // From its start: the keys may have been replaced while the reply was under way.
    const lifetime = lifetimeOf(startedAt, freshSeconds);
    state.known = { ...lifetime, keySet, text, fetchedAt: this.#deps.clock.now() };
    state.sequence = keySet.sequence ?? state.sequence;
    state.attempts = afterSuccess(startedAt);
    state.lastFailure = undefined;
  }

  #reject(state: IssuerState, { reason, status }: KeysFailure, startedAt: number): void {
    state.attempts = afterFailure(state.attempts, startedAt, this.#now());
    state.lastFailure = { reason, status, at: this.#deps.clock.now() };
  }

  #nextGeneration(): number {
    this.#generations += 1;
    return this.#generations;
  }

  #now(): number {
    return this.#deps.stopwatch.elapsed();
  }
}
