import type { Clock } from "../../kernel/clock.ts";
import type { CallerId, ProofClaims } from "../caller.ts";
import type { IssuerEntry } from "../declared/registry.ts";
import type { CallerDirectory } from "../directory.ts";
import type { CompactJws } from "../foreign/compact-jws.ts";
import { type ForeignClaims, faultOfTimes, isForAudience, SKEW_SECONDS } from "../foreign/foreign-claims.ts";
import type { IssuerKeys, TokenReviewer } from "../foreign/issuer-keys.ts";
import { type ClaimValues, PRESET_RULES, type WorkloadFacts } from "../foreign/presets.ts";
import { isSignedByOne } from "../foreign/verify-signature.ts";
import { firstFault, type ProofCheck, type Proved } from "../proved.ts";
import { type AuthReason, type Rejected, rejected } from "../rejection.ts";
import { type RuleIndex, resolveWorkload } from "./workload-rules.ts";

export interface WorkloadDeps {
  readonly directory: CallerDirectory;
  readonly issuerKeys: IssuerKeys;
  readonly tokenReviewer: TokenReviewer;
  readonly clock: Clock;
}

/** A cluster is asked again about a token after this time: a deleted pod proves nobody for longer. */
const REVIEW_SECONDS_MAX = 10;

const NO_RULES: RuleIndex = { bySubject: new Map(), byClaim: new Map(), others: [] };

/**
 * A token that was verified before and is presented again: it is neither read nor verified while its issuer's keys are the same.
 * Whether it has expired is looked at each time, as is whether its caller is disabled. `undefined`: it is not known.
 */
export function checkKnownWorkload(deps: WorkloadDeps, token: string): Proved | Rejected | undefined {
  const { directory, issuerKeys, clock } = deps;
  const known = directory.remembered.find(token, clock.now());
  if (known === undefined || known.generation !== issuerKeys.generationOf(known.issuer)) return undefined;
  return provedWorkload(directory, known.caller, known.claims);
}

/** A token of a declared issuer. It is remembered once it is verified. */
export async function checkWorkload(
  deps: WorkloadDeps,
  issuer: IssuerEntry,
  jws: CompactJws,
  claims: ForeignClaims,
): Promise<Proved | Rejected> {
  const { directory, issuerKeys } = deps;
  const facts = { issuer: issuer.name, subject: claims.sub };
  if (issuer.isDisabled) return rejected("issuer_disabled", facts);
  // Before the keys are looked for: those that come meanwhile have not verified it.
  const generation = issuerKeys.generationOf(issuer);
  const outcome = await verifiedWorkload(deps, issuer, jws, claims);
  if (typeof outcome === "string") return rejected(outcome, facts);
  const until = Math.min(outcome.usableUntil, (claims.exp ?? 0) + SKEW_SECONDS);
  directory.remembered.remember(jws.text, { ...outcome, issuer, generation, until });
  return provedWorkload(directory, outcome.caller, outcome.claims);
}

function provedWorkload(directory: CallerDirectory, id: CallerId, claims: ProofClaims): Proved | Rejected {
  const caller = directory.callers.get(id);
  if (caller === undefined) return rejected("credential_unknown");
  return { kind: "proved", caller, proof: "workload_jwt", claims };
}

interface VerifiedWorkload {
  readonly caller: CallerId;
  readonly claims: ProofClaims;
  /** Seconds since the epoch. */
  readonly usableUntil: number;
}

/** Reads what the token says, then checks the signature, then who it is, then asks the cluster. */
async function verifiedWorkload(
  deps: WorkloadDeps,
  issuer: IssuerEntry,
  jws: CompactJws,
  claims: ForeignClaims,
): Promise<VerifiedWorkload | AuthReason> {
  const fault = firstFault(checksOfWorkload(issuer, jws, claims, deps.clock.now()));
  if (fault !== undefined) return fault;
  const unsigned = await faultOfSignature(deps.issuerKeys, issuer, jws);
  if (unsigned !== undefined) return unsigned;
  const facts = factsOf(issuer, claims);
  if (facts === undefined) return "token_not_of_preset";
  const resolution = resolveWorkload(deps.directory.ruleIndexes.get(issuer.name) ?? NO_RULES, facts);
  if (resolution.kind === "none") return resolution.reason;
  if (resolution.kind === "ambiguous") return "caller_ambiguous";
  const { caller } = resolution;
  const proved = { caller, claims: textsOf(facts.claims), usableUntil: Number.POSITIVE_INFINITY };
  if (issuer.tokenReview === undefined) return proved;
  // From the question on: the pod may be deleted while the answer is under way.
  const usableUntil = deps.clock.now() + REVIEW_SECONDS_MAX;
  const refusal = await faultOfReview(deps.tokenReviewer, issuer, jws, claims);
  return refusal ?? { ...proved, usableUntil };
}

/** What a token says, if it is what the preset of its issuer promises. */
export function factsOf({ preset }: IssuerEntry, claims: ForeignClaims): WorkloadFacts | undefined {
  return PRESET_RULES[preset].read(claims);
}

/** The checks of a token beside its signature, each with what is wrong: in the order in which `authenticate` reports them. */
export function checksOfWorkload(
  issuer: IssuerEntry,
  { alg, typ }: CompactJws,
  claims: ForeignClaims,
  now: number,
): readonly ProofCheck[] {
  const isType = typ === undefined || PRESET_RULES[issuer.preset].types.includes(typ);
  const isAudience = isForAudience(claims, issuer.audience, issuer.allowsOtherAudiences);
  return [
    { check: "algorithm", fault: issuer.algorithms.includes(alg) ? undefined : "algorithm_not_allowed" },
    { check: "type", fault: isType ? undefined : "token_type_not_allowed" },
    { check: "audience", fault: isAudience ? undefined : "audience_mismatch" },
    { check: "times", fault: faultOfTimes(claims, now, issuer.maxLifeSeconds) },
  ];
}

/** Whether a key of the issuer signed the token. */
export async function faultOfSignature(
  issuerKeys: IssuerKeys,
  issuer: IssuerEntry,
  jws: CompactJws,
): Promise<AuthReason | undefined> {
  const known = await issuerKeys.find(issuer, { kid: jws.kid, alg: jws.alg });
  if (known.kind === "unavailable") return "keys_unavailable";
  if (known.keys.length === 0) return "key_unknown";
  return (await isSignedByOne(jws, known.keys)) ? undefined : "signature_invalid";
}

/** What the cluster says of a token: it is authenticated, for our audience, as the subject that it names. */
async function faultOfReview(
  reviewer: TokenReviewer,
  issuer: IssuerEntry,
  { text }: CompactJws,
  { sub }: ForeignClaims,
): Promise<AuthReason | undefined> {
  const answer = await reviewer.review(issuer, text);
  if (answer.kind === "unavailable") return "review_unavailable";
  if (answer.kind === "not_authenticated") return "review_rejected";
  const isConfirmed = answer.audiences.includes(issuer.audience) && answer.username === sub;
  return isConfirmed ? undefined : "review_rejected";
}

/** The claims that are one text: those that a grant can require and a template can name. */
function textsOf(claims: ClaimValues): ProofClaims {
  return Object.fromEntries(
    Object.entries(claims).filter((claim): claim is [string, string] => typeof claim[1] === "string"),
  );
}
