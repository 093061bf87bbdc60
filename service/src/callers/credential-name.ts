import { readToken } from "./authenticate.ts";
import type { PresentedCertificate } from "./certificates/check-certificate.ts";
import { looksLikeJwt } from "./foreign/compact-jws.ts";
import { credentialIn, type Presented } from "./presented.ts";
import type { AuthReason } from "./rejection.ts";
import { SECRET_PREFIX, writtenIdOf } from "./secrets/secret-text.ts";

/** By what a credential is found again, before anything of it is checked. It is not the credential. */
export interface CredentialName {
  /**
   * `secret`: it could be guessed. `token`: it is signed, which no guess is, and anyone may write any name into one. `certificate`: only
   * who has its key can present it.
   */
  readonly kind: "secret" | "token" | "certificate";
  readonly name: string;
  /** Another name of a token or a certificate, which costs more to find: whom it speaks for. Its successor has it too. */
  readonly subject: (() => string | undefined) | undefined;
}

/** As much of the end of a signature as no two tokens have in common. */
const SIGNATURE_CHARS = 32;

/** What a request presents, by name; `undefined`: no credential, or several. */
export function credentialNameOf({ authorization, certificate }: Presented): CredentialName | undefined {
  if (authorization.length === 0) return nameOfCertificate(certificate?.());
  const credential = credentialIn(authorization);
  if (credential.kind === "rejected") return undefined;
  const { text } = credential;
  if (text.startsWith(SECRET_PREFIX)) return { kind: "secret", name: writtenIdOf(text), subject: undefined };
  if (!looksLikeJwt(text)) return THE_SETTINGS_SECRET;
  return { kind: "token", name: text.slice(-SIGNATURE_CHARS), subject: () => subjectOf(text) };
}

/** By its digest. What it says of itself counts only where TLS verified it: anyone can write any name into a certificate. */
function nameOfCertificate(presented: PresentedCertificate | undefined): CredentialName | undefined {
  const leaf = presented?.chain[0];
  if (leaf === undefined) return undefined;
  const { fingerprint256, subject, subjectAltName } = leaf;
  return {
    kind: "certificate",
    name: `certificate ${fingerprint256}`,
    subject: presented?.isVerified === true ? () => `certificate ${subjectAltName ?? subject}` : undefined,
  };
}

/** A secret that is a setting of its own has any form, so every text that has none is a guess at it. */
const THE_SETTINGS_SECRET: CredentialName = { kind: "secret", name: "", subject: undefined };

function subjectOf(text: string): string | undefined {
  const read = readToken(text);
  return read.kind === "token" ? `${read.claims.iss ?? ""} ${read.claims.sub}` : undefined;
}

/** Neither a failed proof nor a right one: nothing was presented, our side could not check it, or its caller may not call now. */
const UNDECIDED: ReadonlySet<AuthReason> = new Set([
  "credential_missing",
  "credentials_several",
  "other_client_named",
  "caller_disabled",
  "caller_expired",
  "issuer_disabled",
  "revocation_unknown",
  "keys_unavailable",
  "review_unavailable",
  "not_this_machine",
  "check_failed",
]);

/** Whether a rejection means that a proof was presented and is wrong. */
export function isFailedProof(reason: AuthReason): boolean {
  return !UNDECIDED.has(reason);
}
