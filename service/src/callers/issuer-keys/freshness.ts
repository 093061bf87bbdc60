/** Seconds of a stopwatch. */
type Seconds = number;

/** Between two fetches for key ids that are not in the set. */
const COOLDOWN_SECONDS = 30;
const FRESH_SECONDS = { default: 300, min: 60, max: 3600 } as const;
/** How long keys are used after that, while the issuer does not answer. */
const STALE_SECONDS = 3600;
/** From this part of the fresh time on, keys are fetched again while the old ones answer: nobody waits for it. */
const DUE_PART = 0.8;
const BACKOFF_SECONDS_MAX = 60;

/** Until when a fetched key set is used, and how. */
export interface Lifetime {
  readonly dueAt: Seconds;
  readonly freshUntil: Seconds;
  readonly usableUntil: Seconds;
}

/** When an issuer was asked, and when it may be asked again. */
export interface Attempts {
  /** In a row, since the last success. */
  readonly failures: number;
  /** Not before, after a failure. */
  readonly retryAt: Seconds;
  /** Not before, because of an unknown key id. */
  readonly cooldownUntil: Seconds;
}

export const NO_ATTEMPTS: Attempts = { failures: 0, retryAt: 0, cooldownUntil: 0 };

/** What a question for a key leads to. `answer_and_fetch`: the answer does not wait for the fetch. */
export type Step = "answer" | "answer_and_fetch" | "fetch" | "unavailable";

/** The lifetime of a key set that was fetched now. `seconds`: what its server or its document asks for, within 60 s to 1 h. */
export function lifetimeOf(now: Seconds, seconds: number | undefined): Lifetime {
  const { min, max } = FRESH_SECONDS;
  const fresh = Math.min(max, Math.max(min, seconds ?? FRESH_SECONDS.default));
  const freshUntil = now + fresh;
  return { dueAt: now + fresh * DUE_PART, freshUntil, usableUntil: freshUntil + STALE_SECONDS };
}

/**
 * Whether to answer from the known keys, to fetch first, or neither. `isMissing`: the key id is not in the set, and was not looked
 * for in vain lately. Who would have to wait for an issuer that is known not to answer is answered from stale keys.
 */
export function nextStep(
  lifetime: Lifetime | undefined,
  attempts: Attempts,
  now: Seconds,
  isMissing: boolean,
): Step {
  const mayTry = now >= attempts.retryAt;
  if (lifetime === undefined || now >= lifetime.usableUntil) return mayTry ? "fetch" : "unavailable";
  if (!mayTry) return "answer";
  if (isMissing && now >= attempts.cooldownUntil) return "fetch";
  if (now < lifetime.dueAt) return "answer";
  return now >= lifetime.freshUntil && attempts.failures === 0 ? "fetch" : "answer_and_fetch";
}

/** After an answer of the issuer to the fetch that began at `startedAt`. */
export function afterSuccess(startedAt: Seconds): Attempts {
  return { failures: 0, retryAt: 0, cooldownUntil: startedAt + COOLDOWN_SECONDS };
}

/** After a failure: the next attempts wait 1 s, 2 s, 4 s, … up to 60 s. */
export function afterFailure(attempts: Attempts, startedAt: Seconds, now: Seconds): Attempts {
  const failures = attempts.failures + 1;
  return {
    failures,
    retryAt: now + Math.min(BACKOFF_SECONDS_MAX, 2 ** Math.min(attempts.failures, 10)),
    cooldownUntil: startedAt + COOLDOWN_SECONDS,
  };
}
