import { invisibleInLines } from "../../kernel/printable.ts";
import type { TextForm } from "./import-fault.ts";

const BASE64 = /^[A-Za-z0-9+/=\s]{40,}$/;

/** Texts that people provide instead of a private key, and how each is recognised. The first match wins. */
const FORMS: readonly (readonly [TextForm, (text: string) => boolean])[] = [
  ["empty", (text) => text === ""],
  ["utf16", (text) => text.includes("\0") && /^(?:\ufffd\ufffd)?(?:[^\0\ufffd]\0|\0[^\0\ufffd])/.test(text)],
  ["pkcs12", (text) => derVersion(text) === 3],
  ["der", (text) => derVersion(text) !== undefined || text.startsWith("0\ufffd")],
  ["binary", (text) => text.startsWith("\ufffd\ufffd\ufffd\ufffd")],
  ["putty", (text) => /^PuTTY-User-Key-File-/.test(text)],
  ["ssh_public", (text) => /^(?:ssh-|ecdsa-sha2-|---- BEGIN SSH2 PUBLIC)/.test(text)],
  ["token", (text) => /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text)],
  ["base64", (text) => BASE64.test(text) && /^\s*(?:-----BEGIN |\{)/.test(decoded(text))],
  ["base64_without_lines", (text) => BASE64.test(text) && text.startsWith("MI")],
  ["xml", (text) => /^\s*<(?:\?xml|RSAKeyValue)/.test(text)],
  ["kubernetes_secret", (text) => /^kind: *Secret\s*$/m.test(text)],
  ["quoted", (text) => /^["']/.test(text)],
  ["json_array", (text) => text.startsWith("[")],
  ["json_escaped", (text) => /^\{\s*\\"/.test(text)],
  ["json_with_invisible", (text) => text.startsWith("{") && invisibleInLines(text) !== undefined],
  ["json_damaged", (text) => text.startsWith("{")],
];

/** What the content of a key file is that is neither a JSON object nor PEM. */
export function formOfFile(text: string): TextForm {
  return FORMS.find(([, fits]) => fits(text))?.[0] ?? "unknown";
}

/** The same for a text that stands where one JWK belongs, and that no command can read as a file. */
export function formOfText(text: string): TextForm {
  if (text.includes("-----BEGIN ")) return "pem";
  return /^[~./][^\s{}"]*$/.test(text) ? "path" : formOfFile(text);
}

/** The version of a private key or of PKCS#12 in DER that was read as text: a SEQUENCE, its length, an INTEGER of one byte (RFC 5208, RFC 7292 section 4). */
function derVersion(text: string): number | undefined {
  const at = text.startsWith("0") ? text.slice(0, 9).indexOf("\u0002\u0001") : -1;
  return at < 0 ? undefined : text.charCodeAt(at + 2);
}

function decoded(text: string): string {
  return Buffer.from(text, "base64").toString("latin1");
}
