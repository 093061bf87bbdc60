import { promisify } from "node:util";
import { inflate } from "node:zlib";
import type { ForeignKey } from "../callers/foreign/foreign-key.ts";
import { strictBase64url, strictObject } from "../callers/foreign/strict-json.ts";
import { isSignedByOne } from "../callers/foreign/verify-signature.ts";
import type { EpochSeconds } from "../kernel/clock.ts";
import { STATUS_LIST_TYPE } from "./list-token.ts";

/** The longest status list token that is read. */
export const LIST_CHARS_MAX = 4 * 1_048_576;
/** The longest list that one is inflated to: 16 million tokens at one bit each. */
export const LIST_BYTES_MAX = 2 * 1_048_576;

/** The algorithms of lists: asymmetric ones only. A message authentication code could be made by anyone who verifies it. */
const ALGORITHMS = ["ES256", "RS256", "PS256", "ES384", "EdDSA"] as const;
type ListAlgorithm = (typeof ALGORITHMS)[number];

/** A status list that a trusted key signed. */
export interface StatusList {
  readonly iat: number;
  readonly exp: number | undefined;
  readonly ttlSeconds: number | undefined;
  /** How many tokens it is of. */
  readonly size: number;
  /** The status of a token: 0 valid, 1 invalid, 2 suspended. `undefined`: the list does not have this index. */
  readonly statusOf: (idx: number) => number | undefined;
}

/** Why a text is no status list that may be believed. */
export type ListFault =
  | "too_large"
  | "not_compact"
  | "header_unreadable"
  /** `typ` is not `statuslist+jwt`. */
  | "type_other"
  /** `none`, a message authentication code, or one that is not known. */
  | "algorithm_not_allowed"
  | "header_member_forbidden"
  | "signature_invalid"
  | "claims_unreadable"
  /** It is the list of another address than the token names. */
  | "subject_other"
  | "not_yet_issued"
  | "expired"
  | "bits_invalid"
  /** Not zlib, or more than `LIST_BYTES_MAX` when it is inflated. */
  | "list_unreadable";

export type ReadStatusList =
  | { readonly kind: "list"; readonly list: StatusList }
  | { readonly kind: "rejected"; readonly fault: ListFault };

export interface ListExpected {
  readonly keys: readonly ForeignKey[];
  /** The `uri` of the token: `sub` of its list. */
  readonly uri: string;
  readonly now: EpochSeconds;
}

/** The clock of the issuer may be ahead by so much. */
const SKEW_SECONDS = 60;
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
const FORBIDDEN = ["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c"] as const;

/** Reads and verifies a status list token (draft-ietf-oauth-status-list section 8.3): the signature first, and then what it says. */
export async function readStatusList(text: string, expected: ListExpected): Promise<ReadStatusList> {
  if (text.length > LIST_CHARS_MAX) return rejected("too_large");
  const [head, payload, signature] = (COMPACT.exec(text)?.slice(1) ?? []).map(strictBase64url);
  if (head === undefined || payload === undefined || signature === undefined) return rejected("not_compact");
  const named = headerIn(head);
  if (typeof named === "string") return rejected(named);
  const keys = expected.keys.filter(({ kid }) => named.kid === undefined || kid === named.kid);
  const isSigned = await isSignedByOne({ text, ...named, payload }, keys);
  return isSigned ? listIn(payload, expected) : rejected("signature_invalid");
}

interface NamedByHeader {
  readonly alg: ListAlgorithm;
  readonly kid: string | undefined;
  readonly typ: string;
}

function headerIn(bytes: Buffer): NamedByHeader | ListFault {
  const members = strictObject(bytes);
  if (members === undefined) return "header_unreadable";
  const { typ, kid } = members;
  if (typ !== STATUS_LIST_TYPE) return "type_other";
  const alg = ALGORITHMS.find((name) => name === members["alg"]);
  if (alg === undefined) return "algorithm_not_allowed";
  if (FORBIDDEN.some((member) => Object.hasOwn(members, member))) return "header_member_forbidden";
  if (kid !== undefined && typeof kid !== "string") return "header_unreadable";
  return { alg, kid, typ };
}

async function listIn(payload: Buffer, { uri, now }: ListExpected): Promise<ReadStatusList> {
  const members = strictObject(payload);
  if (members === undefined) return rejected("claims_unreadable");
  if (members["sub"] !== uri) return rejected("subject_other");
  const times = timesIn(members, now);
  if (typeof times === "string") return rejected(times);
  const list = await bitsIn(members["status_list"]);
  if (typeof list === "string") return rejected(list);
  return { kind: "list", list: { ...times, ...list } };
}

function timesIn(
  { iat, exp, ttl }: Readonly<Record<string, unknown>>,
  now: EpochSeconds,
): Pick<StatusList, "iat" | "exp" | "ttlSeconds"> | ListFault {
  if (typeof iat !== "number" || !isOptionalNumber(exp) || !isOptionalNumber(ttl)) return "claims_unreadable";
  if (ttl !== undefined && ttl <= 0) return "claims_unreadable";
  if (iat > now + SKEW_SECONDS) return "not_yet_issued";
  return exp !== undefined && exp <= now ? "expired" : { iat, exp, ttlSeconds: ttl };
}

function isOptionalNumber(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === "number" && Number.isFinite(value));
}

const inflated = promisify(inflate);

/** The bits of the claim. Inflating stops at the bound: a kilobyte can hold a megabyte of zeros. */
async function bitsIn(claim: unknown): Promise<Pick<StatusList, "size" | "statusOf"> | ListFault> {
  if (typeof claim !== "object" || claim === null) return "claims_unreadable";
  const { bits, lst } = claim as Readonly<Record<string, unknown>>;
  if (bits !== 1 && bits !== 2 && bits !== 4 && bits !== 8) return "bits_invalid";
  const compressed = typeof lst === "string" ? strictBase64url(lst) : undefined;
  if (compressed === undefined) return "list_unreadable";
  const bytes = await inflated(compressed, { maxOutputLength: LIST_BYTES_MAX }).catch(() => undefined);
  if (bytes === undefined) return "list_unreadable";
  const size = (bytes.length * 8) / bits;
  const mask = (1 << bits) - 1;
  const statusOf = (idx: number): number | undefined => {
    const byte = bytes[Math.floor((idx * bits) / 8)];
    return byte === undefined ? undefined : (byte >> ((idx * bits) % 8)) & mask;
  };
  return { size, statusOf };
}

function rejected(fault: ListFault): ReadStatusList {
  return { kind: "rejected", fault };
}
