import type { AuthReason } from "../rejection.ts";
import type { CertificateFacts } from "./certificate-facts.ts";
import type { ClientCa } from "./client-ca.ts";
import { isStrongKey, isStrongSignature } from "./signatures.ts";

/** How a chain leads to a client CA (RFC 5280 section 6), or why it does not. */
export type PathOutcome =
  | {
      readonly kind: "path";
      /** Seconds since the epoch: not valid from then on, by a certificate or a revocation list of the path. */
      readonly until: number;
      /** Whether an authority of the path may only name some names. TLS checks that on the path that it finds. */
      readonly isConstrained: boolean;
    }
  | { readonly kind: "none"; readonly reason: PathReason };

export type PathReason = Extract<
  AuthReason,
  "certificate_untrusted" | "certificate_revoked" | "revocation_unknown"
>;

/** How many certificates between the leaf and the client CA are accepted. */
const INTERMEDIATES_MAX = 4;

/** A part of a path, from the leaf up. */
interface Climb {
  readonly certificate: CertificateFacts;
  /** Certificates that were sent and are not in the path yet. */
  readonly others: readonly CertificateFacts[];
  readonly intermediates: number;
  readonly until: number;
  readonly isConstrained: boolean;
}

const UNTRUSTED: PathOutcome = { kind: "none", reason: "certificate_untrusted" };

/**
 * The path from a leaf to an authority of a client CA: each signature is verified, each authority is valid now and may sign
 * certificates, and none of the path is revoked. TLS verified a path too, but Node does not say to which authority. `chain`: the leaf
 * first, then what was sent with it.
 */
export function pathTo(ca: ClientCa, chain: readonly CertificateFacts[], now: number): PathOutcome {
  const [leaf, ...others] = chain;
  if (leaf === undefined) return UNTRUSTED;
  const until = leaf.notAfter + 1;
  return climb(ca, { certificate: leaf, others, intermediates: 0, until, isConstrained: false }, now);
}

function climb(ca: ClientCa, at: Climb, now: number): PathOutcome {
  let best = UNTRUSTED;
  for (const authority of ca.authorities) {
    const outcome = stepped(ca, at, authority, now);
    if (typeof outcome === "object") return { kind: "path", ...outcome };
    if (outcome !== "certificate_untrusted") best = { kind: "none", reason: outcome };
  }
  if (at.intermediates === INTERMEDIATES_MAX) return best;
  for (const next of at.others) {
    const outcome = stepped(ca, at, next, now);
    if (typeof outcome === "string") {
      if (outcome !== "certificate_untrusted") best = { kind: "none", reason: outcome };
      continue;
    }
    const rest = {
      certificate: next,
      others: at.others.filter((other) => other !== next),
      intermediates: at.intermediates + 1,
      ...outcome,
    };
    const found = climb(ca, rest, now);
    if (found.kind === "path") return found;
    if (found.reason !== "certificate_untrusted") best = found;
  }
  return best;
}

/** One step up, or why this authority is none for the certificate. */
function stepped(
  { revocations }: ClientCa,
  { certificate, intermediates, until, isConstrained }: Climb,
  authority: CertificateFacts,
  now: number,
): Pick<Climb, "until" | "isConstrained"> | PathReason {
  if (!mayIssue(authority, intermediates, now) || !isIssuedBy(certificate, authority))
    return "certificate_untrusted";
  const known = revocations === undefined ? now + 1 : knownUntil(revocations, certificate, authority, now);
  if (typeof known === "string") return known;
  return {
    until: Math.min(until, authority.notAfter + 1, revocations === undefined ? until : known),
    isConstrained: isConstrained || authority.hasNameConstraints,
  };
}

function mayIssue(
  { isAuthority, pathLengthMax, keyUsage, notBefore, notAfter, x509 }: CertificateFacts,
  intermediates: number,
  now: number,
): boolean {
  return (
    isAuthority &&
    (pathLengthMax === undefined || pathLengthMax >= intermediates) &&
    (keyUsage === undefined || keyUsage.has("keyCertSign")) &&
    now >= notBefore &&
    now <= notAfter &&
    isStrongKey(x509.publicKey)
  );
}

function isIssuedBy(certificate: CertificateFacts, authority: CertificateFacts): boolean {
  return (
    certificate.issuerName === authority.subjectName &&
    isStrongSignature(certificate.signatureAlgorithm) &&
    certificate.x509.checkIssued(authority.x509) &&
    certificate.x509.verify(authority.x509.publicKey)
  );
}

/** Until when the lists of its issuer say that a certificate is not revoked. Without a list in force nobody knows. */
function knownUntil(
  revocations: NonNullable<ClientCa["revocations"]>,
  { serial }: CertificateFacts,
  { subjectName, keyUsage, x509 }: CertificateFacts,
  now: number,
): number | PathReason {
  if (keyUsage !== undefined && !keyUsage.has("cRLSign")) return "revocation_unknown";
  const own = revocations.filter(
    (list) => list.issuerName === subjectName && list.isSignedBy(x509.publicKey),
  );
  if (own.some(({ serials }) => serials.has(serial))) return "certificate_revoked";
  const until = Math.max(...own.map(({ nextUpdate }) => nextUpdate));
  return now < until ? until : "revocation_unknown";
}
