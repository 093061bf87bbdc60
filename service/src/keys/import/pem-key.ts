import { createPrivateKey, type JsonWebKey } from "node:crypto";

/** The private key of a PEM text as a JWK, or why it gives none. The line holds nothing of the text. */
export type PemReading =
  | { readonly kind: "key"; readonly jwk: JsonWebKey }
  | { readonly kind: "refused"; readonly fault: string };

/** RFC 7468, and the headers of RFC 1421 that encrypted PKCS#1 and SEC1 have. */
const BLOCK = /-----BEGIN ([A-Z0-9 ]*)-----((?:(?!-----BEGIN )[\s\S])*?)-----END \1-----/g;
/** A BEGIN or END line of a private key, however damaged: fewer or other dashes, small letters, another blank. */
const MARK =
  /[\p{Pd}\u2212]{2}\s*(?:BEGIN|END)(?![^\p{Pd}\u2212\r\n]*PUBLIC)[^\p{Pd}\u2212\r\n]*(?:PRIV|KEY)/iu;
const ENCRYPTED = /^ENCRYPTED |Proc-Type: *4, *ENCRYPTED/m;
/** What stands between the lines of an unencrypted block: base64, however it is broken into lines. */
const BASE64 = /^[A-Za-z0-9+/=\s]*$/;
const LINE = /.{1,64}/g;

interface Block {
  /** All of it, its BEGIN and END lines included. */
  readonly whole: string;
  readonly label: string;
  readonly content: string;
}

/** Whether a text is meant to be PEM: text before and after its blocks is allowed, as `openssl pkcs12` writes it (RFC 7468 section 2). */
export function isPem(text: string): boolean {
  return !/^\s*[[{]/.test(text) && text.includes("-----BEGIN ");
}

/** Reads PEM with one private key: PKCS#8, PKCS#1 or SEC1, not encrypted. Certificates, curve parameters and other text beside it are passed over. */
export function readPemKey(text: string): PemReading {
  const blocks = [...text.matchAll(BLOCK)].map(
    ([whole, label = "", content = ""]): Block => ({ whole, label, content }),
  );
  const keys = blocks.filter(({ label }) => /(?:^| )PRIVATE KEY$/.test(label));
  const [key] = keys;
  if (key === undefined) return refused(whyNoPrivateKey(text, blocks));
  if (keys.length > 1) return refused("holds more than one PEM private key; put several keys into a JWK Set");
  // Which of two keys is meant nobody knows, also when the other is damaged.
  if (MARK.test(text.replace(key.whole, "\n"))) return refused(BESIDE);
  if (key.label === "OPENSSH PRIVATE KEY") return refused(openSshFault(key.content));
  if (ENCRYPTED.test(`${key.label}\n${key.content}`))
    return refused("is an encrypted PEM key; decrypt it first: openssl pkey -in FILE -out PLAIN");
  return keyOf(key);
}

function keyOf({ label, content }: Block): PemReading {
  if (/^\\[nr]/.test(content)) return refused(LITERAL);
  if (!BASE64.test(content)) return refused(DAMAGED);
  // Indented lines, blank ones and lost line ends change nothing of a key, and the library wants the usual form.
  const lines = content.replace(/\s+/g, "").match(LINE) ?? [];
  const pem = [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
  // The library's own messages are dropped on purpose: they may quote what they were given.
  const key = attempt(() => createPrivateKey(pem));
  if (key === undefined) return refused(DAMAGED);
  const jwk = attempt(() => key.export({ format: "jwk" }));
  const type = key.asymmetricKeyType ?? "unknown";
  return jwk === undefined
    ? refused(`is a PEM key of the type ${type}, and only RSA and P-256 keys can sign; give another key`)
    : { kind: "key", jwk };
}

const LITERAL = `is PEM with its line ends written as a backslash and an n; convert it: (umask 077; printf %b "$(tr -d '"' <FILE)" >key.pem)`;
const BESIDE =
  "holds a PEM private key and the damaged BEGIN or END line of another; keep one whole key, or put several into a JWK Set";
const DAMAGED = "is a PEM private key with damaged content; copy the whole file again";

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** What a PEM text without a private key is, and what to do about it. */
function whyNoPrivateKey(text: string, blocks: readonly Block[]): string {
  const labels = blocks.map(({ label }) => label).join(", ");
  if (/PGP/.test(text)) return "is a PGP key, which signs no tokens; give an RSA or P-256 key as PEM or JWK";
  if (blocks.length === 0)
    return "is PEM without an END line that fits its BEGIN line; copy the whole file again";
  if (/PUBLIC KEY/.test(labels)) return "is a public key; give the private key that belongs to it";
  if (/CERTIFICATE/.test(labels))
    return "is a certificate, and holds no private key; give the private key that belongs to it";
  return "is PEM without a private key; give a PRIVATE KEY block";
}

/** The types of OpenSSH keys that this service can sign with, once they are converted (RFC 4253 section 6.6, RFC 5656 section 10.1). */
const OPENSSH_TYPES = ["ssh-rsa", "ecdsa-sha2-nistp256"];

function openSshFault(content: string): string {
  const binary = Buffer.from(content, "base64").toString("latin1");
  return OPENSSH_TYPES.some((type) => binary.includes(type))
    ? "is an OpenSSH key; convert a copy of it: cp FILE key.pem && ssh-keygen -p -N '' -m PKCS8 -f key.pem"
    : "is an OpenSSH key that is neither RSA nor P-256; give an RSA or P-256 key";
}

function refused(fault: string): PemReading {
  return { kind: "refused", fault };
}
