/** The bounds of every token's TTL, in whole seconds. */
export interface TtlRules {
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** The TTL of a token before any policy: as requested, whole seconds, at least 1, at most the maximum. */
export function grantedTtlSeconds(requestedSeconds: number | undefined, rules: TtlRules): number {
  const requested = requestedSeconds ?? rules.defaultTtlSeconds;
  return Math.max(1, Math.floor(Math.min(requested, rules.maxTtlSeconds)));
}
