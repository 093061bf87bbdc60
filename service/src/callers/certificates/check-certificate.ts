import type { X509Certificate } from "node:crypto";
import type { Clock } from "../../kernel/clock.ts";
import type { CallerId, ProofClaims } from "../caller.ts";
import type { CallerDirectory } from "../directory.ts";
import { SPIFFE_CLAIMS, spiffeClaims, trustDomainOf } from "../foreign/spiffe-id.ts";
import { firstFault, type ProofCheck, type Proved } from "../proved.ts";
import { type AuthReason, type Rejected, rejected } from "../rejection.ts";
import type { RememberedCertificate } from "../workloads/remembered-proofs.ts";
import { type CertificateFacts, certificateFacts } from "./certificate-facts.ts";
import { type PathOutcome, pathTo } from "./certificate-path.ts";
import { type CertificateNames, namesOf, rulesMet } from "./certificate-rules.ts";
import type { ClientCa } from "./client-ca.ts";
import { isStrongKey, isStrongSignature } from "./signatures.ts";

/** The certificate that a client showed when its connection was made. */
export interface PresentedCertificate {
  /** Whether TLS verified it to an authority that the listener accepts. False, too, when there is nothing to verify. */
  readonly isVerified: boolean;
  /** The certificate of the client, then what it sent to prove it. */
  readonly chain: readonly X509Certificate[];
}

/**
 * A client certificate (mTLS): valid now, for clients, of one client CA, not revoked, and named by one caller. The same certificate is
 * not verified again while it and the revocation lists are in force, and a request after that is rejected, also on a connection that was
 * made before.
 */
export function checkCertificate(
  { directory, clock }: { readonly directory: CallerDirectory; readonly clock: Clock },
  { isVerified, chain }: PresentedCertificate,
): Proved | Rejected {
  const now = clock.now();
  const octets = octetsOf(chain);
  const known = isVerified ? directory.rememberedCertificates.find(octets, now) : undefined;
  if (known !== undefined) return proved(directory, known);

  // A stranger has no signature verified; what is wrong with the certificate itself is still said.
  const read = readingOf(isVerified ? directory.clientCas : [], chain, now);
  const facts = factsOf(read);
  const fault = firstFault(read.checks);
  if (fault !== undefined) return rejected(fault, facts);
  const who = whoIs(directory, read);
  if (who.kind === "nobody") return rejected(who.reason, facts);
  const proof = { caller: who.caller, claims: claimsOf(read.leaf), until: read.until };
  directory.rememberedCertificates.remember(octets, proof);
  return proved(directory, proof);
}

/** All requests of a connection have one chain, and each `raw` is a copy. */
function octetsOf(chain: PresentedCertificate["chain"]): Buffer {
  const found = octetsByChain.get(chain);
  if (found !== undefined) return found;
  const octets = Buffer.concat(chain.map(({ raw }) => raw));
  octetsByChain.set(chain, octets);
  return octets;
}

const octetsByChain = new WeakMap<PresentedCertificate["chain"], Buffer>();

function proved(
  { callers }: CallerDirectory,
  { caller: id, claims }: RememberedCertificate,
): Proved | Rejected {
  const caller = callers.get(id);
  if (caller === undefined) return rejected("certificate_unmatched");
  return { kind: "proved", caller, proof: "certificate", claims };
}

/** The certificate of the client and those that may lead from it to a client CA; a client may send more than it needs. */
const CHAIN_MAX = 10;

/** What is found in a certificate and its chain, and what is wrong with it. */
export interface CertificateReading {
  /** Everything but the rules, in the order in which it is reported. */
  readonly checks: readonly ProofCheck[];
  /** `undefined`: it cannot be read. */
  readonly leaf: CertificateFacts | undefined;
  /** The names of the client CAs to which it leads. */
  readonly authorities: readonly string[];
  /** Seconds since the epoch. */
  readonly until: number;
}

/** Reads a chain and follows it to each of the client CAs. */
export function readingOf(
  clientCas: readonly ClientCa[],
  chain: readonly X509Certificate[],
  now: number,
): CertificateReading {
  const facts = chain.slice(0, CHAIN_MAX).map(certificateFacts);
  const leaf = facts[0];
  const formFault = leaf === undefined ? "certificate_malformed" : faultOfNames(leaf);
  const form: ProofCheck = { check: "form", fault: formFault };
  if (leaf === undefined || formFault !== undefined)
    return { checks: [form], leaf: undefined, authorities: [], until: 0 };
  const whole = facts.filter((one) => one !== undefined);
  const outcomes = clientCas
    .filter((ca) => mayProve(ca, leaf))
    .map((ca) => ({ name: ca.name, ...pathTo(ca, whole, now) }));
  const found = outcomes.filter((one) => one.kind === "path");
  // Which of several paths TLS found is not known, so a path with constraints counts only alone.
  const paths = found.length > 1 ? found.filter(({ isConstrained }) => !isConstrained) : found;
  return {
    checks: [form, ...checksOfLeaf(leaf, now), ...(paths.length > 0 ? PATH_FOUND : checksOfPath(outcomes))],
    leaf,
    authorities: paths.map(({ name }) => name),
    until: Math.min(...paths.map(({ until }) => until)),
  };
}

/** The authorities of a trust domain prove its own SPIFFE ids, and no other name (SPIFFE Workload API section 4.6). */
function mayProve({ trustDomain }: ClientCa, { uris }: CertificateFacts): boolean {
  return trustDomain === undefined || trustDomain === trustDomainOf(uris[0] ?? "");
}

/** A certificate of SPIFFE has one URI, which is a SPIFFE id (X509-SVID section 2). */
function faultOfNames({ uris }: CertificateFacts): AuthReason | undefined {
  const isSpiffe = uris.some((uri) => /^spiffe:/i.test(uri));
  const isWhole = uris.length === 1 && trustDomainOf(uris[0] ?? "") !== undefined;
  return isSpiffe && !isWhole ? "certificate_malformed" : undefined;
}

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

function checksOfLeaf(leaf: CertificateFacts, now: number): readonly ProofCheck[] {
  const { x509, signatureAlgorithm } = leaf;
  const isStrong = isStrongKey(x509.publicKey) && isStrongSignature(signatureAlgorithm);
  return [
    { check: "certificate_use", fault: isForClients(leaf) ? undefined : "certificate_not_for_clients" },
    { check: "strength", fault: isStrong ? undefined : "certificate_weak" },
    { check: "times", fault: faultOfTimes(leaf, now) },
  ];
}

/** Whether it is no authority's, and its key may prove a client. SPIFFE requires that its key usage says so (X509-SVID section 4.3). */
function isForClients(leaf: CertificateFacts): boolean {
  const { isAuthority, keyUsage, purposes } = leaf;
  const mayIssue = isAuthority || keyUsage?.has("keyCertSign") === true || keyUsage?.has("cRLSign") === true;
  const mayProve = keyUsage?.has("digitalSignature") ?? !isSpiffeId(leaf);
  return !mayIssue && mayProve && (purposes === undefined || purposes.includes(CLIENT_AUTH));
}

function isSpiffeId({ uris }: CertificateFacts): boolean {
  return trustDomainOf(uris[0] ?? "") !== undefined;
}

function faultOfTimes({ notBefore, notAfter }: CertificateFacts, now: number): AuthReason | undefined {
  if (now > notAfter) return "certificate_expired";
  return now < notBefore ? "certificate_not_yet_valid" : undefined;
}

/** One path is enough. */
const PATH_FOUND: readonly ProofCheck[] = [
  { check: "authority", fault: undefined },
  { check: "revocation", fault: undefined },
];

/** Why there is no path. A revocation says more than that other client CAs do not know the certificate. */
function checksOfPath(outcomes: readonly PathOutcome[]): readonly ProofCheck[] {
  const reasons = outcomes.flatMap((outcome) => (outcome.kind === "none" ? [outcome.reason] : []));
  const revocation = (["certificate_revoked", "revocation_unknown"] as const).find((reason) =>
    reasons.includes(reason),
  );
  return revocation === undefined
    ? [{ check: "authority", fault: "certificate_untrusted" }]
    : [
        { check: "authority", fault: undefined },
        { check: "revocation", fault: revocation },
      ];
}

/** Whom a certificate proves. */
type CertificateHolder =
  | { readonly kind: "caller"; readonly caller: CallerId }
  | { readonly kind: "nobody"; readonly reason: "certificate_unmatched" | "caller_ambiguous" };

/** The one caller whose rule a certificate meets; two callers are none. */
export function whoIs(
  { certificateRules }: CallerDirectory,
  { leaf, authorities }: CertificateReading,
): CertificateHolder {
  const met = leaf === undefined ? [] : rulesMet(certificateRules, authorities, namesOf(leaf));
  const [caller, ...more] = new Set(met.map((rule) => rule.caller));
  if (caller === undefined) return { kind: "nobody", reason: "certificate_unmatched" };
  return more.length > 0 ? { kind: "nobody", reason: "caller_ambiguous" } : { kind: "caller", caller };
}

/** The claims that a certificate may have. */
export const CERTIFICATE_CLAIMS = ["common_name", "dns", "uri", ...SPIFFE_CLAIMS] as const;

/** What grants may require and templates may name. */
export function claimsOf(leaf: CertificateFacts | undefined): ProofClaims {
  if (leaf === undefined) return {};
  const { subject, uris } = leaf;
  const names: CertificateNames = namesOf(leaf);
  const only = (name: string, values: readonly string[]): ProofClaims =>
    values.length === 1 && values[0] !== undefined ? { [name]: values[0] } : {};
  return {
    ...only("common_name", subject.commonNames),
    ...only(
      "dns",
      names.dns.map((name) => name.replaceAll("/", ".")),
    ),
    ...(isSpiffeId(leaf) ? spiffeClaims(uris[0] ?? "") : only("uri", uris)),
  };
}

/** For the log: the client CA, and the name that says most. */
function factsOf({ leaf, authorities }: CertificateReading): Omit<Rejected, "kind" | "reason"> {
  const subject = leaf && (leaf.uris[0] ?? leaf.dnsNames[0] ?? leaf.subject.text);
  return {
    ...(authorities[0] === undefined ? {} : { issuer: authorities[0] }),
    ...(subject === undefined ? {} : { subject }),
  };
}
