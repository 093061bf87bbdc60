import type { Branded } from "../kernel/branded.ts";
import type { Random } from "../kernel/random.ts";

/** Names a status list in the store and in its address: 40 random bits in hexadecimal, 10 characters. */
export type ListId = Branded<string, "ListId">;

/** Which bit of which list says whether a token is stopped. */
export interface StatusPlace {
  readonly list: ListId;
  readonly idx: number;
}

/** The claim of a token that has a status (draft-ietf-oauth-status-list section 6.2). */
export interface StatusClaim {
  readonly status_list: { readonly idx: number; readonly uri: string };
}

/** The bytes of a list's name. */
export const LIST_ID_BYTES = 5;
const LIST_ID = /^[0-9a-f]{10}$/;

/** The name of a new list. */
export function newListId(random: Random): ListId {
  return listIdOf(random.bytes(LIST_ID_BYTES));
}

/** The name that these bytes are. */
export function listIdOf(bytes: Buffer): ListId {
  return bytes.toString("hex") as ListId;
}

/** Reads the name of a list; `undefined` when it is none of ours. */
export function parseListId(text: string): ListId | undefined {
  return LIST_ID.test(text) ? (text as ListId) : undefined;
}

/** Where all lists are, below the public address of the service. */
export const LISTS_PATH = "/statuslists";

/** The address of a list: the `uri` of its tokens and the `sub` of the list. */
export function listUri(publicUrl: string, list: ListId): string {
  return `${publicUrl}${LISTS_PATH}/${list}`;
}

/** The claim of a token in this place. */
export function statusClaim(publicUrl: string, { list, idx }: StatusPlace): StatusClaim {
  return { status_list: { idx, uri: listUri(publicUrl, list) } };
}

/** Reads the claim; `undefined` when it has another form, or a member that this version does not know. */
export function parseStatusClaim(value: unknown): StatusClaim | undefined {
  const list = onlyMembers(value, ["status_list"])?.["status_list"];
  const { idx, uri } = onlyMembers(list, ["idx", "uri"]) ?? {};
  if (typeof uri !== "string" || typeof idx !== "number" || !Number.isSafeInteger(idx) || idx < 0)
    return undefined;
  return { status_list: { idx, uri } };
}

/** An object that has all of these members and no other. */
function onlyMembers(
  value: unknown,
  names: readonly string[],
): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const has = Object.keys(value);
  const isExact = has.length === names.length && names.every((name) => has.includes(name));
  return isExact ? (value as Readonly<Record<string, unknown>>) : undefined;
}
