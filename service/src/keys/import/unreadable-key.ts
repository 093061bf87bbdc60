import { invisibleInLines } from "../../kernel/printable.ts";

// Texts that people give for a private key, and that are none as they stand: each is named, with the command that makes a key
// of it. Never with one that makes another key: a service that signs with another key has every living token rejected.

/** A form that is recognised: how, what it is, and what turns it into a key file. */
interface Form {
  readonly fits: (text: string) => boolean;
  readonly is: string;
  readonly fix: string;
}

const BASE64 = /^[A-Za-z0-9+/=\s]{40,}$/;

const FORMS: readonly Form[] = [
  { fits: (text) => text === "", is: "is empty", fix: "put the private key there" },
  {
    fits: (text) => text.includes("\0") && /^(?:\ufffd\ufffd)?(?:[^\0\ufffd]\0|\0[^\0\ufffd])/.test(text),
    is: "is UTF-16 text",
    fix: "convert it: (umask 077; iconv -f UTF-16 -t UTF-8 FILE >key)",
  },
  {
    fits: (text) => derVersion(text) === 3,
    is: "is a PKCS#12 file",
    fix: "take the key out of it: openssl pkcs12 -in FILE -nodes -nocerts -out key.pem",
  },
  {
    fits: (text) => derVersion(text) !== undefined || text.startsWith("0\ufffd"),
    is: "is DER, which is binary",
    fix: "convert it: openssl pkey -inform DER -in FILE -out key.pem",
  },
  {
    fits: (text) => text.startsWith("\ufffd\ufffd\ufffd\ufffd"),
    is: "is a Java keystore or another binary file",
    fix: "take the key out of a keystore: keytool -importkeystore -srckeystore FILE -destkeystore key.p12 -deststoretype PKCS12",
  },
  {
    fits: (text) => /^PuTTY-User-Key-File-/.test(text),
    is: "is a PuTTY key",
    fix: "convert it: puttygen FILE -O private-openssh -o key.pem",
  },
  {
    fits: (text) => /^(?:ssh-|ecdsa-sha2-|---- BEGIN SSH2 PUBLIC)/.test(text),
    is: "is an SSH public key",
    fix: "give the private key that belongs to it",
  },
  {
    fits: (text) => /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text),
    is: "is a token, not a key",
    fix: "give a private JWK, a JWK Set or a PEM private key",
  },
  {
    fits: (text) => BASE64.test(text) && /^\s*(?:-----BEGIN |\{)/.test(decoded(text)),
    is: "is a key in base64",
    fix: "decode it: (umask 077; base64 -d FILE >key)",
  },
  {
    fits: (text) => BASE64.test(text) && text.startsWith("MI"),
    is: "is a key in base64 without its BEGIN and END lines",
    fix: "convert it: base64 -d FILE | openssl pkey -inform DER -out key.pem",
  },
  {
    fits: (text) => /^\s*<(?:\?xml|RSAKeyValue)/.test(text),
    is: "is a key in XML",
    fix: "export it as PKCS#8 PEM",
  },
  {
    fits: (text) => /^kind: *Secret\s*$/m.test(text),
    is: "is the manifest of a Kubernetes Secret",
    fix: "take the value out of its data: base64 -d",
  },
  {
    fits: (text) => /^["']/.test(text),
    is: "is in quotation marks",
    fix: "remove those at the beginning and the end, and any backslash before those inside",
  },
  {
    fits: (text) => text.startsWith("["),
    is: "is a JSON array",
    fix: 'give one private JWK, or a JWK Set: {"keys":[…]}',
  },
  {
    fits: (text) => /^\{\s*\\"/.test(text),
    is: "is JSON with backslashes before its quotation marks",
    fix: "remove the backslashes",
  },
  {
    fits: (text) => text.startsWith("{") && invisibleInLines(text) !== undefined,
    is: "is not valid JSON, and holds a character that cannot be seen",
    fix: "copy the key again, as plain text",
  },
  {
    fits: (text) => text.startsWith("{"),
    is: "is not valid JSON: it was cut off, or a character of it was changed",
    fix: "copy the key again",
  },
];

const UNKNOWN: Pick<Form, "is" | "fix"> = {
  is: "is neither a JSON Web Key, a JWK Set nor a PEM private key",
  fix: "give one of these",
};

/** Why the content of a key file that is neither a JSON object nor PEM is no key, and the fix. Holds nothing of the text. */
export function whyNoKey(text: string): string {
  const { is, fix } = formOf(text);
  return `${is}; ${fix}`;
}

/** The same for a text that stands where one JWK belongs, and cannot be handed to a command. */
export function whyNoJwk(text: string): string {
  if (text.includes("-----BEGIN ")) return `is PEM; ${IN_A_FILE}`;
  if (/^[~./][^\s{}"]*$/.test(text)) return "is the path of a file; set MACP_AUTH_SIGNING_KEY_FILE to it";
  const { is, fix } = formOf(text);
  return fix.includes("FILE") ? `${is}; give a private JWK, or ${IN_A_FILE}` : `${is}; ${fix}`;
}

const IN_A_FILE = "put the key into a file and name that in MACP_AUTH_SIGNING_KEY_FILE";

function formOf(text: string): Pick<Form, "is" | "fix"> {
  return FORMS.find(({ fits }) => fits(text)) ?? UNKNOWN;
}

/** The version of a private key or of PKCS#12 in DER that was read as text: a SEQUENCE, its length, an INTEGER of one byte (RFC 5208, RFC 7292 section 4). */
function derVersion(text: string): number | undefined {
  const at = text.startsWith("0") ? text.slice(0, 9).indexOf("\u0002\u0001") : -1;
  return at < 0 ? undefined : text.charCodeAt(at + 2);
}

function decoded(text: string): string {
  return Buffer.from(text, "base64").toString("latin1");
}
