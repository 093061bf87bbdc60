import type { NoAnswer } from "../client/http-client.ts";

const UNKNOWN_AUTHORITY =
  "its certificate is not from an authority that is known here; name the authority with --ca-file";

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host name is unknown",
  ECONNRESET: "the connection was closed before the answer",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  EPROTO: "it does not speak TLS there, or no version that is accepted here",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there; use an http address",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS there; use an http address",
};

/** Why a server gave no answer, in words. */
export function whyNoAnswer({ code, timeoutMs }: NoAnswer): string {
  if (code === "TIMEOUT") return `no complete answer within ${String(timeoutMs / 1_000)} seconds`;
  return WORDS[code] ?? code;
}
