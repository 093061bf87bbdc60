import { quotedName } from "../../config/shown-value.ts";
import type { FeedFailure } from "../../guard/feed/feed-failure.ts";

/** What the settings are called that a line advises to change. */
export interface FeedNames {
  readonly url: string;
  readonly tokenFile: string;
  readonly caFile: string;
  readonly issuer: string;
}

type Line = (names: FeedNames, detail: string | undefined, reason: string) => string;

const UNTRUSTED: Line = ({ caFile }, _detail, reason) =>
  `the certificate of the mint is not accepted (${reason}); see ${caFile}`;
const NO_MINT: Line = ({ url }, _detail, reason) =>
  `what answers at ${url} is no mint of this version (${reason})`;
const UNREACHABLE: Line = ({ url }, detail, reason) =>
  `the mint cannot be reached (${detail === undefined ? reason : `${reason} ${detail}`}); see that it runs, and ${url}`;

const LINES: { readonly [Reason in FeedFailure["reason"]]?: Line } = {
  credential_rejected: ({ tokenFile }) =>
    `the mint rejects the credential in the file of ${tokenFile}; put the credential of a declared caller there`,
  not_allowed: ({ tokenFile }) =>
    `the caller in the file of ${tokenFile} may not follow what is revoked; give its entry at the mint guards: true`,
  no_feed: ({ url }) =>
    `the mint answers 404: it records no tokens, or none of its callers has guards: true, or ${url} is another program`,
  credential_unreadable: ({ tokenFile }, detail = "holds no credential") =>
    `the file of ${tokenFile} ${detail}`,
  issuer_other: ({ issuer }, detail = "") =>
    `the mint issues tokens as ${quotedName(detail)}, which is not ${issuer} of this guard; set it to the same`,
  limited: () =>
    "the mint limits requests of this address; raise its limit, a guard polls up to five times a second",
  mint_blind: () => "the mint does not know now itself what is revoked, or serves no key; see its log",
  too_many: () =>
    "the mint has more revocations than this guard may hold; revoke by sender, caller or run in place of single tokens",
  certificate_untrusted: UNTRUSTED,
  certificate_expired: UNTRUSTED,
  certificate_wrong_host: UNTRUSTED,
  tls_failed: UNTRUSTED,
  page_malformed: NO_MINT,
  type_unexpected: NO_MINT,
  reply_malformed: NO_MINT,
  encoding_unexpected: NO_MINT,
  too_large: NO_MINT,
  redirected: NO_MINT,
};

/** Why a guard learns nothing from its mint, and the fix: one line. */
export function feedFailureLine({ reason, detail }: FeedFailure, names: FeedNames): string {
  return (LINES[reason] ?? UNREACHABLE)(names, detail, reason);
}
