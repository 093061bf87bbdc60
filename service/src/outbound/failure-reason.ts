import type { FetchFailureReason } from "../callers/fetch-document.ts";
import { codeOf } from "../kernel/faults.ts";
import { ADDRESS_FORBIDDEN } from "./checked-lookup.ts";

const BY_CODE: ReadonlyMap<string, FetchFailureReason> = new Map([
  [ADDRESS_FORBIDDEN, "address_forbidden"],
  ["ENOTFOUND", "name_unresolved"],
  ["EAI_AGAIN", "name_unresolved"],
  ["EAI_FAIL", "name_unresolved"],
  ["EAI_NODATA", "name_unresolved"],
  ["EAI_NONAME", "name_unresolved"],
  ["CERT_HAS_EXPIRED", "certificate_expired"],
  ["CERT_NOT_YET_VALID", "certificate_expired"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate_wrong_host"],
  ["EPROTO", "tls_failed"],
]);

/** What OpenSSL calls a chain that does not end at a trusted authority, or is not a chain. */
const UNTRUSTED =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.+|CERT_.+|INVALID_.+)$/;

/** The reason for an error of a request, by its code; `isConnected`: whether the handshake was over. */
export function failureReason(thrown: unknown, isConnected: boolean): FetchFailureReason {
  const code = codeOf(thrown) ?? "";
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  if (code.startsWith("HPE_")) return "reply_malformed";
  if (UNTRUSTED.test(code)) return "certificate_untrusted";
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) return "tls_failed";
  return isConnected ? "connection_lost" : "connect_failed";
}
