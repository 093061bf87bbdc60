import { quotedName } from "../../config/shown-value.ts";
import type { FeedFailure } from "../../guard/feed/feed-failure.ts";

/** What the settings are called that a line advises to change. */
export interface FeedNames {
  readonly url: string;
  readonly tokenFile: string;
  readonly caFile: string;
  readonly issuer: string;
}

/** Why a guard learns nothing from its mint, and the fix: one line. */
export function feedFailureLine({ reason, detail }: FeedFailure, names: FeedNames): string {
  switch (reason) {
    case "credential_rejected":
      return `the mint rejects the credential in the file of ${names.tokenFile}; put the credential of a declared caller there`;
    case "not_allowed":
      return `the caller in the file of ${names.tokenFile} may not follow what is revoked; give its entry at the mint guards: true`;
    case "no_feed":
      return `the mint answers 404: it records no tokens, or none of its callers has guards: true, or ${names.url} is another program`;
    case "credential_unreadable":
      return `the file of ${names.tokenFile} ${detail ?? "holds no credential"}`;
    case "issuer_other":
      return `the mint issues tokens as ${quotedName(detail ?? "")}, which is not ${names.issuer} of this guard; set it to the same`;
    case "limited":
      return "the mint limits requests of this address; raise its limit, a guard polls up to five times a second";
    case "mint_blind":
      return "the mint does not know now itself what is revoked, or serves no key; see its log";
    case "too_many":
      return "the mint has more revocations than this guard may hold; revoke by sender, caller or run in place of single tokens";
    case "certificate_untrusted":
    case "certificate_expired":
    case "certificate_wrong_host":
    case "tls_failed":
      return `the certificate of the mint is not accepted (${reason}); see ${names.caFile}`;
    case "page_malformed":
    case "type_unexpected":
    case "reply_malformed":
    case "encoding_unexpected":
    case "too_large":
    case "redirected":
      return `what answers at ${names.url} is no mint of this version (${reason})`;
    default:
      return `the mint cannot be reached (${detail === undefined ? reason : `${reason} ${detail}`}); see that it runs, and ${names.url}`;
  }
}
