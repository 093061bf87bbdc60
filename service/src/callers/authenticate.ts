import type { Clock, EpochSeconds } from "../kernel/clock.ts";
import { type Caller, parseCallerId, provedCaller } from "./caller.ts";
import { checkCertificate } from "./certificates/check-certificate.ts";
import { checkAssertion } from "./client-assertion.ts";
import type { CallerEntry } from "./declared/registry.ts";
import { type CallerDirectory, type HashedSecret, issuerOf } from "./directory.ts";
import { type CompactJws, looksLikeJwt, readCompactJws } from "./foreign/compact-jws.ts";
import { type ForeignClaims, readForeignClaims } from "./foreign/foreign-claims.ts";
import type { IssuerKeys, TokenReviewer } from "./foreign/issuer-keys.ts";
import { isSignedByOne } from "./foreign/verify-signature.ts";
import { credentialIn, isFromThisMachine, type Presented } from "./presented.ts";
import { type Proved, whyNotNow } from "./proved.ts";
import { type Rejected, rejected } from "./rejection.ts";
import { isSecretOf } from "./secrets/secret-hash.ts";
import { idOfSecret, SECRET_PREFIX, writtenIdOf } from "./secrets/secret-text.ts";
import type { UsedAssertions } from "./used-assertions.ts";
import { checkKnownWorkload, checkWorkload } from "./workloads/workload.ts";

/** What the check of a proof needs of the world. `directory` is the snapshot of this request. */
export interface AuthenticateDeps {
  readonly directory: CallerDirectory;
  /** Our own `iss`. */
  readonly ownIssuer: string;
  readonly issuerKeys: IssuerKeys;
  readonly tokenReviewer: TokenReviewer;
  readonly usedAssertions: UsedAssertions;
  readonly clock: Clock;
}

export type Authenticated = { readonly kind: "caller"; readonly caller: Caller } | Rejected;

/**
 * Who sends a request, for every endpoint of both listeners. A credential of the request is the proof, also where its connection has a
 * client certificate. Rejects, in this order: no or several credentials, one that cannot be read, one that proves nobody, and a caller
 * that is disabled or has ended, which is looked at each time. It throws when a store or a library fails: then there is no
 * caller either.
 */
export async function authenticate(deps: AuthenticateDeps, presented: Presented): Promise<Authenticated> {
  const { clock } = deps;
  const credential = credentialIn(presented.authorization);
  if (credential.kind === "rejected")
    return credential.reason === "credential_missing" ? ofConnection(deps, presented) : credential;
  const outcome = await provedBy(deps, credential.text);
  return outcome.kind === "rejected" ? outcome : admitted(outcome, clock.now());
}

/** Who a connection belongs to: by its client certificate, else as a program of this machine. */
function ofConnection(deps: AuthenticateDeps, presented: Presented): Authenticated {
  const { directory, clock } = deps;
  const certificate = presented.certificate?.();
  if (certificate === undefined) return ofThisMachine(directory, presented, clock.now());
  const outcome = checkCertificate(deps, certificate);
  return outcome.kind === "rejected" ? outcome : admitted(outcome, clock.now());
}

function ofThisMachine(
  { thisMachine }: CallerDirectory,
  { origin }: Presented,
  now: EpochSeconds,
): Authenticated {
  if (thisMachine === undefined) return rejected("credential_missing");
  if (!isFromThisMachine(origin)) return rejected("not_this_machine");
  return admitted({ kind: "proved", caller: thisMachine, proof: "this_machine", claims: {} }, now);
}

function admitted({ caller, proof, claims }: Proved, now: EpochSeconds): Authenticated {
  const { id, role, rights } = caller;
  const reason = whyNotNow(caller, now);
  if (reason !== undefined) return rejected(reason, { callerId: id });
  return { kind: "caller", caller: provedCaller({ kind: "declared", id, proof, claims, role, rights }) };
}

async function provedBy(deps: AuthenticateDeps, text: string): Promise<Proved | Rejected> {
  const { settingSecrets } = deps.directory;
  const ofSetting = settingSecrets.filter(({ hash }) => isSecretOf(hash, text))[0];
  if (ofSetting !== undefined) return provedSecret(ofSetting);
  if (text.startsWith(SECRET_PREFIX)) return checkSecret(deps.directory, text);
  return looksLikeJwt(text) ? checkToken(deps, text) : rejected("credential_unknown");
}

/** An unknown id costs the same HMAC and the same comparison as a known one. */
function checkSecret({ secrets, decoy }: CallerDirectory, text: string): Proved | Rejected {
  const found = secrets.get(writtenIdOf(text));
  const isRight = isSecretOf(found?.hash ?? decoy, text);
  if (found !== undefined && isRight) return provedSecret(found);
  return rejected(idOfSecret(text) === undefined ? "credential_malformed" : "credential_unknown");
}

function provedSecret({ caller, proof }: HashedSecret): Proved {
  return { kind: "proved", caller, proof, claims: {} };
}

/** A signed token: never one of ours; an assertion of a caller that has keys; else a token of a declared issuer. */
async function checkToken(deps: AuthenticateDeps, text: string): Promise<Proved | Rejected> {
  const known = checkKnownWorkload(deps, text);
  if (known !== undefined) return known;
  const read = readToken(text);
  if (read.kind === "rejected") return read;
  const { jws, claims } = read;
  const outcome = await checkReadToken(deps, jws, claims);
  // Every token costs one verification, so that the time does not say whether a caller or an issuer of that name is declared.
  if (outcome.kind === "rejected" && outcome.reason !== "signature_invalid")
    await verifyInVain(deps.directory, jws);
  return outcome;
}

async function verifyInVain({ decoyKeys }: CallerDirectory, jws: CompactJws): Promise<void> {
  const decoy = decoyKeys.get(jws.alg);
  if (decoy !== undefined) await isSignedByOne(jws, [decoy]);
}

async function checkReadToken(
  deps: AuthenticateDeps,
  jws: CompactJws,
  claims: ForeignClaims,
): Promise<Proved | Rejected> {
  if (claims.iss === deps.ownIssuer) return rejected("own_token");
  const caller = assertingCaller(deps.directory, claims);
  if (caller !== undefined) return checkAssertion(deps, caller, jws, claims);
  const issuer = issuerOf(deps.directory, claims);
  if (issuer === undefined) return rejected("issuer_unknown", { subject: claims.sub });
  return checkWorkload(deps, issuer, jws, claims);
}

/** A token, read but not verified. */
export function readToken(
  text: string,
): { readonly kind: "token"; readonly jws: CompactJws; readonly claims: ForeignClaims } | Rejected {
  const read = readCompactJws(text);
  if (read.kind === "malformed")
    return rejected(
      read.fault === "algorithm_not_allowed" ? "algorithm_not_allowed" : "credential_malformed",
    );
  const claims = readForeignClaims(read.jws.payload);
  return claims === undefined ? rejected("credential_malformed") : { kind: "token", jws: read.jws, claims };
}

/** The caller that a token names as its issuer and its subject (RFC 7523 section 3), when that caller has keys. */
export function assertingCaller(
  { callers }: CallerDirectory,
  { iss, sub }: ForeignClaims,
): CallerEntry | undefined {
  const id = iss === sub ? parseCallerId(sub) : undefined;
  const caller = id === undefined ? undefined : callers.get(id);
  return caller !== undefined && caller.assertionKeys.length > 0 ? caller : undefined;
}
