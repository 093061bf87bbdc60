import { createPrivateKey, type JsonWebKey } from "node:crypto";
import type { KeyFault } from "./import-fault.ts";

/** The private key of a PEM text as a JWK, or why it gives none. */
export type PemReading =
  | { readonly kind: "key"; readonly jwk: JsonWebKey }
  | { readonly kind: "rejected"; readonly fault: KeyFault };

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

/** Reads PEM with one private key: PKCS#8, PKCS#1 or SEC1, not encrypted. Certificates, curve parameters and other text beside it are ignored. */
export function readPemKey(text: string): PemReading {
  const blocks = [...text.matchAll(BLOCK)].map(
    ([whole, label = "", content = ""]): Block => ({ whole, label, content }),
  );
  const keys = blocks.filter(({ label }) => /(?:^| )PRIVATE KEY$/.test(label));
  const [key] = keys;
  if (key === undefined) return rejected({ reason: whyNoPrivateKey(text, blocks) });
  if (keys.length > 1) return rejected({ reason: "pem_several" });
  // It is not known which of two keys is meant, also when the other is damaged.
  if (MARK.test(text.replace(key.whole, "\n"))) return rejected({ reason: "pem_beside_damaged" });
  if (key.label === "OPENSSH PRIVATE KEY")
    return rejected({ reason: isUsableOpenSsh(key.content) ? "openssh" : "openssh_unusable" });
  if (ENCRYPTED.test(`${key.label}\n${key.content}`)) return rejected({ reason: "pem_encrypted" });
  return keyOf(key);
}

function keyOf({ label, content }: Block): PemReading {
  if (/^\\[nr]/.test(content)) return rejected({ reason: "pem_literal_line_ends" });
  if (!BASE64.test(content)) return rejected({ reason: "pem_damaged" });
  // Indented lines, blank ones and lost line ends change nothing of a key, and the library wants the usual form.
  const lines = content.replace(/\s+/g, "").match(LINE) ?? [];
  const pem = [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
  // The library's own messages are dropped on purpose: they may quote the key.
  const key = attempt(() => createPrivateKey(pem));
  if (key === undefined) return rejected({ reason: "pem_damaged" });
  const jwk = attempt(() => key.export({ format: "jwk" }));
  const type = key.asymmetricKeyType ?? "unknown";
  return jwk === undefined ? rejected({ reason: "pem_type", type }) : { kind: "key", jwk };
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** What a PEM text without a private key is. */
function whyNoPrivateKey(text: string, blocks: readonly Block[]) {
  const labels = blocks.map(({ label }) => label).join(", ");
  if (/PGP/.test(text)) return "pgp";
  if (blocks.length === 0) return "pem_without_end";
  if (/PUBLIC KEY/.test(labels)) return "public_only";
  return /CERTIFICATE/.test(labels) ? "certificate" : "pem_without_private_key";
}

/** The types of OpenSSH keys that this service can sign with, once they are converted (RFC 4253 section 6.6, RFC 5656 section 10.1). */
const OPENSSH_TYPES = ["ssh-rsa", "ecdsa-sha2-nistp256"];

function isUsableOpenSsh(content: string): boolean {
  const binary = Buffer.from(content, "base64").toString("latin1");
  return OPENSSH_TYPES.some((type) => binary.includes(type));
}

function rejected(fault: KeyFault): PemReading {
  return { kind: "rejected", fault };
}
