import type { CallerId } from "./caller.ts";

/** Why a request has no caller: a closed set, for the log and for metrics. A stranger learns none of it but `credentials_several`. */
export const AUTH_REASONS = [
  "credential_missing",
  "credential_malformed",
  /** 400: more than one credential. */
  "credentials_several",
  "credential_unknown",
  /** The body names another caller than the credential proves. */
  "other_client_named",
  "caller_disabled",
  "caller_expired",
  "own_token",
  "issuer_unknown",
  "issuer_disabled",
  "algorithm_not_allowed",
  "token_type_not_allowed",
  "keys_unavailable",
  "key_unknown",
  "signature_invalid",
  "expiry_missing",
  "token_expired",
  "token_not_yet_valid",
  "token_too_long",
  "audience_mismatch",
  /** The token is not what the preset of its issuer promises. */
  "token_not_of_preset",
  "subject_unmatched",
  "claims_unmatched",
  "caller_ambiguous",
  "review_rejected",
  "review_unavailable",
  "assertion_id_missing",
  "assertion_replayed",
  "certificate_malformed",
  /** It is one of an authority, or for servers only. */
  "certificate_not_for_clients",
  "certificate_weak",
  "certificate_expired",
  "certificate_not_yet_valid",
  /** It leads to no declared client CA, or TLS did not verify it. */
  "certificate_untrusted",
  "certificate_revoked",
  /** A revocation list is required, and none of its issuer is in force. */
  "revocation_unknown",
  "certificate_unmatched",
  "not_this_machine",
  /** Only while callers are observed: the check itself failed, or took longer than 250 ms. */
  "check_failed",
] as const;
export type AuthReason = (typeof AUTH_REASONS)[number];

/** A request without a caller. The facts beside the reason are for the log only. */
export interface Rejected {
  readonly kind: "rejected";
  readonly reason: AuthReason;
  /** Who it would be, where the proof named somebody. */
  readonly callerId?: CallerId;
  /** The name of the declared issuer. */
  readonly issuer?: string;
  /** `sub` as sent. */
  readonly subject?: string;
}

export function rejected(reason: AuthReason, facts: Omit<Rejected, "kind" | "reason"> = {}): Rejected {
  return { kind: "rejected", reason, ...facts };
}
