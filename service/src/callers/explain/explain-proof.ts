import { type AuthenticateDeps, assertingCaller, readToken } from "../authenticate.ts";
import { explainCertificate } from "../certificates/explain-certificate.ts";
import { checksOfAssertion } from "../client-assertion.ts";
import type { CallerEntry, IssuerEntry } from "../declared/registry.ts";
import { type HashedSecret, issuerOf } from "../directory.ts";
import { keysFor } from "../foreign/choose-keys.ts";
import type { CompactJws } from "../foreign/compact-jws.ts";
import type { ForeignClaims } from "../foreign/foreign-claims.ts";
import type { ClaimValues, WorkloadFacts } from "../foreign/presets.ts";
import { isSignedByOne } from "../foreign/verify-signature.ts";
import { firstFault, type ProofCheck, whyNotNow } from "../proved.ts";
import type { AuthReason } from "../rejection.ts";
import { isSecretOf } from "../secrets/secret-hash.ts";
import { idOfSecret, SECRET_PREFIX } from "../secrets/secret-text.ts";
import { checksOfWorkload, factsOf, faultOfSignature } from "../workloads/workload.ts";
import {
  type CompiledRule,
  matchesClaim,
  matchesSubject,
  resolveWorkload,
} from "../workloads/workload-rules.ts";
import type { ProofExplanation, RuleTrial } from "./explanation.ts";

type ExplainDeps = Omit<AuthenticateDeps, "usedAssertions" | "tokenReviewer">;

const NOTHING = {
  issuer: undefined,
  token: undefined,
  certificate: undefined,
  facts: undefined,
  rules: [],
} as const;

/** Which caller a credential would be, check by check and rule by rule. It uses nothing up and remembers nothing. */
export async function explainProof(deps: ExplainDeps, credential: string): Promise<ProofExplanation> {
  if (credential.includes("-----BEGIN CERTIFICATE-----")) {
    const { caller, checks, ...facts } = explainCertificate(deps, credential);
    return explained({ ...NOTHING, ...facts, proof: "certificate" }, checks, caller, deps.clock.now());
  }
  const ofSetting = deps.directory.settingSecrets.find(({ hash }) => isSecretOf(hash, credential));
  if (ofSetting !== undefined || credential.startsWith(SECRET_PREFIX))
    return explainSecret(deps, credential, ofSetting);
  const read = readToken(credential);
  if (read.kind === "token") return explainToken(deps, read.jws, read.claims);
  return explained({ ...NOTHING, proof: undefined }, [{ check: "form", fault: read.reason }], undefined, 0);
}

function explainSecret(
  { directory, clock }: ExplainDeps,
  text: string,
  ofSetting: HashedSecret | undefined,
): ProofExplanation {
  const id = idOfSecret(text);
  const found = ofSetting ?? directory.secrets.get(id ?? "");
  const isRight = found !== undefined && isSecretOf(found.hash, text);
  const isForm = ofSetting !== undefined || id !== undefined;
  const checks: readonly ProofCheck[] = [
    { check: "form", fault: isForm ? undefined : "credential_malformed" },
    // A text that is no secret is not compared with any.
    ...(isForm
      ? [{ check: "secret" as const, fault: isRight ? undefined : ("credential_unknown" as const) }]
      : []),
  ];
  const caller = isRight ? found.caller : undefined;
  return explained({ ...NOTHING, proof: "shared_secret" }, checks, caller, clock.now());
}

type Facts = Omit<ProofExplanation, "checks" | "reason" | "caller">;

function explained(
  facts: Facts,
  checks: readonly ProofCheck[],
  caller: CallerEntry | undefined,
  now: number,
): ProofExplanation {
  const all: readonly ProofCheck[] =
    caller === undefined ? checks : [...checks, { check: "caller_enabled", fault: whyNotNow(caller, now) }];
  return { ...facts, caller: caller?.id, checks: all, reason: firstFault(all) };
}

async function explainToken(
  deps: ExplainDeps,
  jws: CompactJws,
  claims: ForeignClaims,
): Promise<ProofExplanation> {
  const { directory, ownIssuer } = deps;
  const token = { header: { alg: jws.alg, kid: jws.kid, typ: jws.typ }, claims };
  const start: readonly ProofCheck[] = [
    { check: "form", fault: undefined },
    { check: "not_our_own", fault: claims.iss === ownIssuer ? "own_token" : undefined },
  ];
  const now = deps.clock.now();
  const caller = assertingCaller(directory, claims);
  if (caller !== undefined) {
    const checks = [
      ...start,
      await assertionSignature(caller, jws),
      ...checksOfAssertion(ownIssuer, jws, claims, now),
    ];
    return explained({ ...NOTHING, token, proof: "private_key_jwt" }, checks, caller, now);
  }
  const issuer = issuerOf(directory, claims);
  if (issuer === undefined) {
    const checks: readonly ProofCheck[] = [...start, { check: "issuer", fault: "issuer_unknown" }];
    return explained({ ...NOTHING, token, proof: undefined }, checks, undefined, now);
  }
  return explainWorkload(deps, issuer, jws, claims, start);
}

async function assertionSignature(caller: CallerEntry, jws: CompactJws): Promise<ProofCheck> {
  const keys = keysFor(caller.assertionKeys, jws);
  const isSigned = await isSignedByOne(jws, keys);
  const fault = keys.length === 0 ? "key_unknown" : "signature_invalid";
  return { check: "signature", fault: isSigned ? undefined : fault };
}

async function explainWorkload(
  deps: ExplainDeps,
  issuer: IssuerEntry,
  jws: CompactJws,
  claims: ForeignClaims,
  start: readonly ProofCheck[],
): Promise<ProofExplanation> {
  const { directory } = deps;
  const now = deps.clock.now();
  const facts = factsOf(issuer, claims);
  const rules = directory.rules.get(issuer.name) ?? [];
  const who = facts && whoIs(deps, issuer, facts);
  const checks: ProofCheck[] = [
    ...start,
    { check: "issuer", fault: undefined },
    { check: "issuer_enabled", fault: issuer.isDisabled ? "issuer_disabled" : undefined },
    ...checksOfWorkload(issuer, jws, claims, now),
    { check: "signature", fault: await faultOfSignature(deps.issuerKeys, issuer, jws) },
    { check: "preset", fault: facts === undefined ? "token_not_of_preset" : undefined },
  ];
  if (who !== undefined) checks.push({ check: "rules", fault: who.fault });
  const token = { header: { alg: jws.alg, kid: jws.kid, typ: jws.typ }, claims };
  const trials = facts === undefined ? [] : rules.map((rule) => trialOf(rule, facts));
  return explained(
    { ...NOTHING, proof: "workload_jwt", issuer: issuer.name, token, facts, rules: trials },
    checks,
    who?.caller,
    now,
  );
}

function whoIs(
  { directory }: ExplainDeps,
  issuer: IssuerEntry,
  facts: WorkloadFacts,
): { readonly caller: CallerEntry | undefined; readonly fault: AuthReason | undefined } {
  const index = directory.ruleIndexes.get(issuer.name);
  const found = index && resolveWorkload(index, facts);
  if (found?.kind === "caller") return { caller: directory.callers.get(found.caller), fault: undefined };
  if (found?.kind === "ambiguous") return { caller: undefined, fault: "caller_ambiguous" };
  return { caller: undefined, fault: found?.reason ?? "subject_unmatched" };
}

function trialOf({ caller, subject, claims }: CompiledRule, facts: WorkloadFacts): RuleTrial {
  const isSubjectMet = matchesSubject(subject, facts);
  const trials = claims.map((claim) => ({
    name: claim.name,
    patterns: claim.patterns.map(({ source }) => source),
    value: valueIn(facts.claims, claim.name),
    isMet: matchesClaim(claim, facts.claims),
  }));
  return {
    caller,
    subject: { of: "subject", pattern: subject.source, isMet: isSubjectMet },
    clientCa: undefined,
    claims: trials,
    isMet: isSubjectMet && trials.every(({ isMet }) => isMet),
  };
}

function valueIn(claims: ClaimValues, name: string): string | readonly string[] | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
