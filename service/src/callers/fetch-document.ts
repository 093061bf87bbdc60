import { Secret } from "../kernel/secret.ts";

/**
 * Which addresses a host may resolve to. `public`: only addresses that are reachable from the whole internet. `private`: also
 * those of private networks and of this machine. Link-local addresses, where clouds serve their metadata, never.
 */
export type Reach = "public" | "private";

/** How one document is fetched. */
export interface FetchOptions {
  readonly reach: Reach;
  /** PEM certificates of the authorities that are trusted in place of the machine's; `undefined`: the machine's. */
  readonly ca: string | undefined;
  /** Media types that are accepted, in lower case. */
  readonly mediaTypes: readonly string[];
  /** Sent as `Authorization: Bearer`. Redirects are not followed, so no other host sees it. */
  readonly bearer?: Secret;
  /** At most 5, which is what it is unless given. */
  readonly secondsMax?: number;
}

/** Why a request gave no document: a closed set. */
export type FetchFailureReason =
  /** The URL: not one, with credentials, or neither https nor on this machine. */
  | "url_invalid"
  | "url_insecure"
  /** The host: no address, or one that the reach excludes. */
  | "name_unresolved"
  | "address_forbidden"
  /** The connection: within 3 s. */
  | "connect_failed"
  | "connect_timeout"
  | "certificate_untrusted"
  | "certificate_expired"
  | "certificate_wrong_host"
  | "tls_failed"
  /** The reply: all of it within 5 s of the start. */
  | "timeout"
  | "connection_lost"
  | "reply_malformed"
  | "redirected"
  | "status_unexpected"
  | "type_unexpected"
  | "encoding_unexpected"
  | "too_large";

export interface FetchFailed {
  readonly kind: "failed";
  readonly reason: FetchFailureReason;
  /** The HTTP status, where that is what was unexpected. */
  readonly status?: number;
}

export interface FetchedDocument {
  readonly kind: "document";
  /** At most 100 KiB. */
  readonly bytes: Uint8Array;
  /** The media type, in lower case, without parameters. */
  readonly contentType: string;
  /** How long the server lets it be cached (RFC 9111 section 5.2.2.1), less its age; `undefined`: the server does not say. */
  readonly maxAgeSeconds: number | undefined;
}

/** Port. Fetches one small document by GET. Answers within 5 s whatever the server does; never rejects because of it. */
export type FetchDocument = (url: string, options: FetchOptions) => Promise<FetchedDocument | FetchFailed>;

/** Port. The same by POST of a JSON text; status 200 or 201. */
export type PostDocument = (
  url: string,
  json: string,
  options: FetchOptions,
) => Promise<FetchedDocument | FetchFailed>;

/** What an HTTP header can hold (RFC 6750 section 2.1). */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/;

/** The bearer token in the text of a file, without the blanks around it; `undefined`: there is none. */
export function bearerIn(text: string): Secret | undefined {
  const bare = text.trim();
  return BEARER.test(bare) ? new Secret(bare) : undefined;
}
