import { promisify } from "node:util";
import { constants, deflate } from "node:zlib";
import type { EpochSeconds } from "../kernel/clock.ts";
import type { Signer } from "../keys/signer.ts";

/** The type of a status list token, in its header and as a media type (draft-ietf-oauth-status-list section 5.1). */
export const STATUS_LIST_TYPE = "statuslist+jwt";

/** How often a list is made again at least, and how long one is valid, in its `ttl`. */
const LIST_LIFE_TTLS = 3;

export interface ListFacts {
  readonly issuer: string;
  /** The address of the list. */
  readonly uri: string;
  /** Where the addresses of all lists are. */
  readonly aggregationUri: string;
  /** One bit for each index. */
  readonly bytes: Buffer;
  readonly iat: EpochSeconds;
  readonly ttlSeconds: number;
}

const compress = promisify(deflate);
const LEVEL = { level: constants.Z_BEST_COMPRESSION };

/** A status list token (draft-ietf-oauth-status-list section 5.1), signed with ES256. */
export async function signedList(
  { issuer, uri, aggregationUri, bytes, iat, ttlSeconds }: ListFacts,
  { kid, signer }: { readonly kid: string; readonly signer: Signer },
): Promise<string> {
  const lst = (await compress(bytes, LEVEL)).toString("base64url");
  const claims = {
    iss: issuer,
    sub: uri,
    iat,
    exp: iat + LIST_LIFE_TTLS * ttlSeconds,
    ttl: ttlSeconds,
    status_list: { bits: 1, lst, aggregation_uri: aggregationUri },
  };
  const input = [{ alg: signer.alg, kid, typ: STATUS_LIST_TYPE }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = await signer.sign(Buffer.from(input, "latin1"));
  return `${input}.${signature.toString("base64url")}`;
}
