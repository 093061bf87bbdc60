import type { Checked } from "../../../guard/check.ts";
import { IDENTITY_HEADERS, identityOf } from "../../../guard/identity.ts";
import { type RequiredRead, readRequired } from "../../../guard/required-scopes.ts";
import { REJECTED, type RejectionHeader } from "../rejection-headers.ts";
import {
  type CheckRequest,
  type CheckResponse,
  type HeaderToSet,
  type HttpRequest,
  OVERWRITE,
} from "./messages.ts";

/** A header of the request that Envoy asks about: its name in lower case. */
export type ClientHeader = readonly [name: string, value: string];

/** What is asked about a request. */
export interface Asked {
  readonly headers: readonly ClientHeader[];
  /** The value of each `Authorization` header. */
  readonly authorization: readonly string[];
  /** What the proxy's configuration requires by `context_extensions`. */
  readonly required: RequiredRead;
}

/** Reads a call. Headers in both forms are all read: then there are two of `Authorization`, and nothing passes. */
export function askedIn({ attributes }: CheckRequest): Asked {
  const headers = headersIn(attributes?.request?.http);
  return {
    headers,
    authorization: headers.filter(([name]) => name === "authorization").map(([, value]) => value),
    required: readRequired(Object.entries(attributes?.contextExtensions ?? {})),
  };
}

function headersIn(http: HttpRequest | null | undefined): readonly ClientHeader[] {
  const joined = Object.entries(http?.headers ?? {});
  const raw = (http?.headerMap?.headers ?? []).map(
    ({ key, value, rawValue }) => [key, rawValue.length > 0 ? rawValue.toString("latin1") : value] as const,
  );
  return [...joined, ...raw].map(([name, value]) => [name.toLowerCase(), value]);
}

/** Statuses of gRPC, of HTTP, and what a person reads, who learns no more than the kind. */
const DENIED = {
  unauthenticated: denied(16, 401, "a valid token is required", REJECTED.unauthenticated),
  forbidden: denied(7, 403, "this token does not allow this", REJECTED.forbidden),
  unavailable: denied(14, 503, "it cannot be known now whether this token is valid", REJECTED.unavailable),
} as const;

/** Nothing that is wrong in a proxy's configuration lets a request pass. */
export const MISCONFIGURED: CheckResponse = DENIED.forbidden;

/** The answer to a call. Nothing that its client said of its identity reaches those behind the proxy. */
export function responseTo(outcome: Checked, headers: readonly ClientHeader[]): CheckResponse {
  if (outcome.kind !== "allowed") return DENIED[outcome.kind];
  return {
    status: { code: 0 },
    okResponse: {
      headers: identityOf(outcome.token).map(([key, value]) => toSet(key, value)),
      headersToRemove: claimedIdentities(headers),
    },
  };
}

/**
 * The names of what looks like an identity to a server that takes an underscore for a dash, as those behind CGI and WSGI do, or any sign
 * for one, as some do (RFC 9110 section 5.6.2 has the signs of names). Envoy removes after it sets, so the names that are set are not
 * among them: those are replaced.
 */
function claimedIdentities(headers: readonly ClientHeader[]): readonly string[] {
  const names = headers.map(([name]) => name).filter((name) => /^x[^a-z0-9]auth[^a-z0-9]/.test(name));
  return [...new Set(names)].filter((name) => !SET.has(name));
}

const SET: ReadonlySet<string> = new Set(IDENTITY_HEADERS);

function denied(
  grpcCode: number,
  status: number,
  body: string,
  headers: readonly RejectionHeader[],
): CheckResponse {
  return {
    status: { code: grpcCode },
    deniedResponse: {
      status: { code: status },
      headers: headers.map(([name, value]) => toSet(name, value)),
      body,
    },
  };
}

function toSet(key: string, value: string): HeaderToSet {
  return { header: { key, value }, appendAction: OVERWRITE };
}
