import type { ProofKind } from "../../callers/caller.ts";
import type { AuthReason } from "../../callers/rejection.ts";

/** How a proof is called. */
export const PROOF_NAMES: Readonly<Record<ProofKind, string>> = {
  shared_secret: "a shared secret",
  workload_jwt: "a token of an issuer",
  private_key_jwt: "a client assertion (private_key_jwt)",
  certificate: "a client certificate",
  admin_token: "the token of the admin listener",
  this_machine: "a program of this machine",
};

const TEXTS: Readonly<Record<AuthReason, string>> = {
  credential_missing: "there is no credential",
  credential_malformed:
    "it is neither a secret of macp-auth secret generate nor a token nor a certificate; check that it is whole",
  credentials_several: "there are several credentials; send one",
  credential_unknown: "no caller has this secret; compare the line in the access document",
  other_client_named: "the body names another client",
  caller_disabled: "the caller is disabled; remove disabled: true",
  caller_expired: "the caller has expired; set a later date in expires",
  own_token: "it is a token of this service, which proves no caller",
  issuer_unknown: "no issuer of the document has this iss; compare it byte for byte",
  issuer_disabled: "the issuer is disabled; remove disabled: true",
  algorithm_not_allowed: "the issuer's algorithms do not have its alg",
  token_type_not_allowed: "its typ is that of another kind of token",
  keys_unavailable: "the keys of the issuer cannot be fetched; check its keys, or leave out --offline",
  key_unknown: "no key has its kid and alg",
  signature_invalid: "the key does not verify its signature",
  expiry_missing: "it has no exp",
  token_expired: "it has expired",
  token_not_yet_valid: "it is not valid yet; compare the clocks",
  token_too_long: "it is valid for longer than accepted; see max_token_seconds",
  audience_mismatch: "its aud is not exactly the audience of the issuer's entry",
  token_not_of_preset: "it lacks a claim that the preset of its issuer requires, or contradicts itself",
  subject_unmatched: "no rule of a caller matches its subject",
  claims_unmatched: "a rule matches its subject, but not its claims",
  caller_ambiguous: "the rules of several callers match; make them exclude each other",
  review_rejected: "the cluster does not accept the token (TokenReview)",
  review_unavailable: "the cluster does not answer (TokenReview)",
  assertion_id_missing: "it has no jti, or one of more than 256 characters",
  assertion_replayed: "it was used before",
  certificate_malformed:
    "a name in it has a control character, or it has a SPIFFE id that is not its only URI",
  certificate_not_for_clients: "it is of an authority, or its key usage is not that of a client (clientAuth)",
  certificate_weak:
    "its key or its signature is too weak; use RSA of 2048 bits, P-256 or Ed25519, and SHA-256",
  certificate_expired: "it has expired",
  certificate_not_yet_valid: "it is not valid yet; compare the clocks",
  certificate_untrusted:
    "no path leads from it to a client CA that is valid now; compare its issuer, and append the intermediate certificates",
  certificate_revoked: "a revocation list has its serial number",
  revocation_unknown: "its issuer has no revocation list in force in crl_file; renew the list",
  certificate_unmatched: "no rule of a caller matches its names",
  not_this_machine: "it does not come from a program of this machine",
  check_failed: "the check itself failed; see the service's log",
};

/** Why a proof is rejected, and the fix. */
export function authReasonText(reason: AuthReason): string {
  return TEXTS[reason];
}
