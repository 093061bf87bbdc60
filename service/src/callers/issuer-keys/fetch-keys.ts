import type { Stopwatch } from "../../kernel/clock.ts";
import type { IssuerEntry, IssuerKeyPlace } from "../declared/registry.ts";
import {
  bearerIn,
  type FetchDocument,
  type FetchFailureReason,
  type FetchOptions,
} from "../fetch-document.ts";
import type { KeyUse } from "../foreign/read-foreign-key.ts";
import { type ForeignKeySet, type KeySetFault, readKeySet } from "../foreign/read-key-set.ts";
import { type DiscoveryFault, discoveryUrlOf, jwksUrlOf } from "./discovery.ts";

/** Why an issuer's keys could not be fetched or read: a closed set. */
export type KeysFailureReason =
  | FetchFailureReason
  | DiscoveryFault
  | KeySetFault
  | "not_utf8"
  /** The file of the token that is sent for the keys cannot be read, or holds none. */
  | "bearer_unreadable"
  /** The sequence number of a SPIFFE bundle is lower than before: it is an old bundle. */
  | "sequence_went_back"
  /** A bug of this service: see its log. */
  | "fault";

export interface KeysFailure {
  readonly kind: "failed";
  readonly reason: KeysFailureReason;
  /** The HTTP status, where that is what was unexpected. */
  readonly status?: number;
}

export interface FetchedKeys {
  readonly kind: "fetched";
  readonly keySet: ForeignKeySet;
  /** The document: the same text has the same keys. */
  readonly text: string;
  /** How long the issuer lets the keys be cached, as it says; `undefined`: it does not. */
  readonly freshSeconds: number | undefined;
}

export interface FetchKeysDeps {
  readonly fetchDocument: FetchDocument;
  /** The text of the file of a bearer token, read now. Rejects when it cannot be read. */
  readonly readBearer: (path: string) => Promise<string>;
  readonly stopwatch: Stopwatch;
}

type FetchedPlace = Exclude<IssuerKeyPlace, { kind: "pinned" }>;

const MEDIA_TYPES = ["application/json", "application/jwk-set+json"];
/** Both requests of a discovery together. */
const SECONDS_MAX = 5;

/** Fetches the keys of an issuer from the place that its entry names, within 5 s. `sequence`: of the last SPIFFE bundle. */
export async function fetchKeys(
  deps: FetchKeysDeps,
  issuer: IssuerEntry,
  place: FetchedPlace,
  sequence: number | undefined,
): Promise<FetchedKeys | KeysFailure> {
  const startedAt = deps.stopwatch.elapsed();
  const fetchText = async (url: string): Promise<Text | KeysFailure> => {
    const seconds = SECONDS_MAX - (deps.stopwatch.elapsed() - startedAt);
    const bearer = await bearerOf(deps, place);
    if (bearer === undefined) return failed("bearer_unreadable");
    const fetched = await deps.fetchDocument(url, { ...optionsOf(place, seconds), ...bearer });
    if (fetched.kind === "failed") return fetched;
    const text = textOf(fetched.bytes);
    return text === undefined ? failed("not_utf8") : { kind: "text", text, maxAge: fetched.maxAgeSeconds };
  };

  // 1. The URL of the keys.
  const found = place.kind === "discovery" ? await discover(issuer, place.jwksHosts, fetchText) : place;
  if (found.kind === "failed") return found;

  // 2. The keys.
  const fetched = await fetchText(found.url);
  if (fetched.kind === "failed") return fetched;
  const keySet = readKeySet(fetched.text, useOf(issuer));
  if (typeof keySet === "string") return failed(keySet);

  // 3. Not older than the last ones.
  if (sequence !== undefined && (keySet.sequence ?? 0) < sequence) return failed("sequence_went_back");
  return {
    kind: "fetched",
    keySet,
    text: fetched.text,
    freshSeconds: keySet.refreshHintSeconds ?? fetched.maxAge,
  };
}

/** How the keys of an issuer say what they are for. */
export function useOf({ keys, preset }: IssuerEntry): KeyUse {
  const isBundle = keys.kind === "spiffe_bundle_url" || (keys.kind === "pinned" && preset === "spiffe");
  return isBundle ? "jwt-svid" : "sig";
}

interface Text {
  readonly kind: "text";
  readonly text: string;
  readonly maxAge: number | undefined;
}

async function discover(
  issuer: IssuerEntry,
  hostsAllowed: readonly string[],
  fetchText: (url: string) => Promise<Text | KeysFailure>,
): Promise<{ readonly kind: "found"; readonly url: string } | KeysFailure> {
  const fetched = await fetchText(discoveryUrlOf(issuer.issuer));
  if (fetched.kind === "failed") return fetched;
  const found = jwksUrlOf(fetched.text, issuer.issuer, hostsAllowed);
  return typeof found === "string" ? failed(found) : { kind: "found", url: found.url };
}

/**
 * The token that is sent for the keys, where there is one; `undefined`: its file cannot be read, or holds none. A key URL alone has
 * one, so that no document can name the host that gets it.
 */
async function bearerOf(
  { readBearer }: Pick<FetchKeysDeps, "readBearer">,
  place: FetchedPlace,
): Promise<Pick<FetchOptions, "bearer"> | undefined> {
  if (place.kind !== "jwks_url" || place.bearerFile === undefined) return {};
  const bearer = await readBearer(place.bearerFile).then(bearerIn, () => undefined);
  return bearer && { bearer };
}

function optionsOf(place: FetchedPlace, seconds: number): FetchOptions {
  return { reach: place.reach, ca: place.caPem, mediaTypes: MEDIA_TYPES, secondsMax: seconds };
}

/** JSON is UTF-8 (RFC 8259 section 8.1). */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function failed(reason: KeysFailureReason): KeysFailure {
  return { kind: "failed", reason };
}
