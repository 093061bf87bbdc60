import { Impossible } from "../kernel/assert.ts";
import type { EpochSeconds } from "../kernel/clock.ts";
import type { Jti } from "../kernel/ids.ts";
import type { TokenFacts } from "../ledger/ledger.ts";
import { canonicalJson } from "../policy/canonical-json.ts";
import {
  askedRights,
  boundedScopes,
  exceededFields,
  type MaximumRights,
  maximumOf,
  unknownMembers,
} from "../scopes/bound.ts";
import { type Rights, rightsOf } from "../scopes/meaning.ts";
import type { ScopeField, Scopes } from "../scopes/scopes.ts";
import type { CheckedClaims } from "./claims.ts";
import type { IssuedTokens } from "./issued-tokens.ts";
import type { MintRequest } from "./mint-request.ts";
import { factsOf, type OwnToken } from "./verify.ts";

/** How many tokens may stand above each other. A chain of agents is short; a longer one is a loop. */
export const DEPTH_MAX = 8;

/** A live token that another one is minted under. */
export interface Parent {
  readonly facts: TokenFacts;
  readonly exp: EpochSeconds;
  readonly scopes: Scopes;
  /** What the runtime makes of its scopes. */
  readonly most: MaximumRights;
  /** The token at the top. */
  readonly root: Jti;
  /** How many stand above a token under it. */
  readonly depth: number;
}

/** Where a token stands: its run, and the token that it is under. */
export interface Place {
  readonly run: string | undefined;
  readonly parent: Parent | undefined;
}

/** Why a token cannot stand where the request says. */
export type PlaceRefusal =
  | { readonly reason: "parent_invalid"; readonly why: ParentFault }
  | { readonly reason: "run_invalid"; readonly why: "not_of_parent" }
  | { readonly reason: "revocations_stale" | "no_signing_key" };

/** `not_recorded`: its lineage is not known, so what stops it could not stop what stands under it. */
export type ParentFault = "not_live" | "not_recorded" | "audience_other" | "too_deep";

/**
 * Where the token of a request stands. Rejects with `StoreUnavailable`: the ledger says who stands above the parent. Whether the parent
 * is stopped meanwhile is looked at once more when the entry of the new token is committed.
 */
export async function placeOf(
  issued: IssuedTokens | undefined,
  { run, parent: text }: Pick<MintRequest, "run" | "parent">,
  audience: string,
): Promise<Placed> {
  if (text === undefined) return { kind: "place", place: { run, parent: undefined } };
  if (issued === undefined) throw new Impossible("a parent is read only where tokens are recorded");
  const outcome = await issued.verifyAgain(text);
  if (outcome.kind === "live") return placeUnder(issued, outcome.token, run, audience);
  if (outcome.kind === "not_live") return faulty("not_live");
  return rejected({ reason: outcome.reason === "no_keys" ? "no_signing_key" : "revocations_stale" });
}

/** The place of a token under this one. */
async function placeUnder(
  { revocation: { store } }: IssuedTokens,
  token: OwnToken,
  run: string | undefined,
  audience: string,
): Promise<Placed> {
  const { exp, jti, aud, macp_scopes: scopes } = token.claims;
  // A right at one runtime is none at another.
  if (aud !== audience) return faulty("audience_other");
  const rights = rightsOf(scopes);
  if (rights === undefined) return faulty("not_live");
  const issuance = await store.issuanceOf(jti);
  if (issuance === undefined) return faulty("not_recorded");
  const depth = issuance.depth + 1;
  if (depth > DEPTH_MAX) return faulty("too_deep");
  if (run !== undefined && run !== issuance.run)
    return rejected({ reason: "run_invalid", why: "not_of_parent" });
  const { root } = issuance;
  const parent: Parent = { facts: factsOf(token), exp, scopes, most: maximumOf(rights), root, depth };
  return { kind: "place", place: { run: issuance.run, parent } };
}

type Placed = { readonly kind: "place"; readonly place: Place } | PlaceRejected;

interface PlaceRejected {
  readonly kind: "rejected";
  readonly refusal: PlaceRefusal;
}

function rejected(refusal: PlaceRefusal): PlaceRejected {
  return { kind: "rejected", refusal };
}

function faulty(why: ParentFault): PlaceRejected {
  return rejected({ reason: "parent_invalid", why });
}

/** Scopes that a parent bounds, and the fields in which more was asked for by name. */
export interface BoundedByParent {
  readonly scopes: Scopes;
  readonly narrowed: readonly ScopeField[];
}

/**
 * What is left of scopes under a parent, all five fields written out. A member that the runtime does not know may be a right to somebody
 * else: it stays only where the parent has the same.
 */
export function boundedByParent(scopes: Scopes, { most, scopes: above }: Parent): BoundedByParent {
  const asked = askedRights(scopes);
  if (asked === undefined) throw new Impossible("scopes of a wrong type were not rejected");
  const known = unknownMembers(scopes).filter((member) => isSame(scopes, above, member));
  const members = Object.fromEntries(known.map((member) => [member, scopes[member]]));
  return { scopes: boundedScopes(members, asked, most, known), narrowed: exceededFields(asked, most) };
}

function isSame(scopes: Scopes, above: Scopes, member: string): boolean {
  return Object.hasOwn(above, member) && canonicalJson(scopes[member]) === canonicalJson(above[member]);
}

/** The last check of a token under another one: throws `Impossible` when it would have more than its parent has, whatever code built it. */
export function checkUnder({ exp, macp_scopes: scopes }: CheckedClaims, { exp: end, most }: Parent): void {
  if (exp > end) throw new Impossible("a token would outlive its parent");
  const rights = rightsOf(scopes);
  if (rights === undefined || exceededFields(rights, most).length > 0 || isUnlimited(rights, most))
    throw new Impossible("a token would have more rights than its parent");
}

/** `undefined` is no limit here, where it is "not asked for" above. */
function isUnlimited(rights: Rights, most: MaximumRights): boolean {
  return (
    (rights.allowed_modes === undefined && most.allowed_modes !== undefined) ||
    (rights.max_open_sessions === undefined && most.max_open_sessions !== undefined)
  );
}
