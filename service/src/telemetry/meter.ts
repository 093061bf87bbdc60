import type { LimitReason } from "../limits/limit-reason.ts";

/** Port. Counts what the guard decides. */
export interface GuardMeter {
  /** A proxy asked whether a request may pass: `allowed`, or why not. */
  checked(door: "http" | "grpc", result: string): void;
}

/** Port. Counts what happens on the hot path. */
export interface Meter {
  minted(kid: string): void;
  rejected(reason: string): void;
  jwksServed(status: 200 | 304 | 503): void;
  /** A request without a caller was rejected. */
  callerRejected(reason: string): void;
  /** A token was minted that would have been rejected, were callers and policy enforced. */
  wouldReject(caller: string, reason: string): void;
  /** A request passed that would have been rejected, were limits enforced. */
  limitObserved(reason: LimitReason | "limit_connections"): void;
  /** A caller asked about a token: `active`, or why not. */
  introspected(result: string): void;
  /** A caller asked for the end of a token. */
  revocationAsked(result: "revoked" | "nothing"): void;
  /** A request to introspect or to revoke was rejected. */
  oauthRejected(operation: "introspect" | "revoke", reason: string): void;
  /** A guard of another process polled: `page`, or why it got none. */
  guardFed(result: string): void;
  /** A connection was closed because its address has too many. */
  connectionLimited(): void;
}

/** For a service without an admin listener: nobody could read the figures. */
export const noMeter: Meter & GuardMeter = {
  minted: () => undefined,
  rejected: () => undefined,
  jwksServed: () => undefined,
  callerRejected: () => undefined,
  wouldReject: () => undefined,
  limitObserved: () => undefined,
  introspected: () => undefined,
  revocationAsked: () => undefined,
  oauthRejected: () => undefined,
  guardFed: () => undefined,
  connectionLimited: () => undefined,
  checked: () => undefined,
};
