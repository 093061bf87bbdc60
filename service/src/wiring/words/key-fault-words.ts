import type { FileChangeFault } from "../../keys/given/plan-file-change.ts";
import type { ImportFault, KeyFault, TextForm } from "../../keys/import/import-fault.ts";
import type { Weakness } from "../../keys/import/weak-rsa.ts";

// Each sentence is the end of a line that begins with the place of the key, and says the fix. No fix makes another key of one
// that can be converted: a service that signs with another key has every valid token rejected.

/** Why a key cannot be used, and the fix. */
export function importFaultWords(fault: ImportFault): string {
  return `${fault.key === undefined ? "" : `key ${String(fault.key)} `}${keyFaultWords(fault)}`;
}

const MAKE_ONE = "make one with: macp-auth keygen";
const IN_A_FILE = "put the key into a file and name that in MACP_AUTH_SIGNING_KEY_FILE";

/** The faults whose sentence is always the same. */
const PLAIN = {
  key_and_set:
    "has both keys and kty, and so is a JWK Set and a JSON Web Key at once; remove keys, or move the key into the set",
  set_in_place_of_key: "is a JWK Set; give a set through MACP_AUTH_SIGNING_KEY_FILE",
  set_empty: 'is a JWK Set without keys; give {"keys":[…]} with a private key first',
  public_only: "is a public key; give the private key that belongs to it",
  pem_several: "holds more than one PEM private key; put several keys into a JWK Set",
  pem_beside_damaged:
    "holds a PEM private key and the damaged BEGIN or END line of another; leave one whole key, or put several into a JWK Set",
  pem_encrypted: "is an encrypted PEM key; decrypt it first: openssl pkey -in FILE -out PLAIN",
  pem_literal_line_ends: `is PEM with its line ends written as a backslash and an n; convert it: (umask 077; printf %b "$(tr -d '"' <FILE)" >key.pem)`,
  pem_damaged: "is a PEM private key with damaged content; copy the whole file again",
  pem_without_end: "is PEM without an END line that fits its BEGIN line; copy the whole file again",
  pem_without_private_key: "is PEM without a private key; give a PRIVATE KEY block",
  pgp: "is a PGP key, which signs no tokens; give an RSA or P-256 key as PEM or JWK",
  certificate: "is a certificate, and holds no private key; give the private key that belongs to it",
  openssh:
    "is an OpenSSH key; convert a copy of it: cp FILE key.pem && ssh-keygen -p -N '' -m PKCS8 -f key.pem",
  openssh_unusable: "is an OpenSSH key that is neither RSA nor P-256; give an RSA or P-256 key",
  not_an_object: "is not a JSON object; give a JWK",
  symmetric: `is a symmetric key ("oct"), which every verifier could forge with; ${MAKE_ONE}`,
  kty_missing: "is JSON without kty, so it is not a JWK; give a private JWK",
  kty_unknown: 'has a kty that is neither "RSA" nor "EC"; give an RSA or EC key',
  kid_invalid:
    "has a kid that is not a text of 1 to 256 printable characters, or is blank; fix it or leave it out",
  use_invalid: 'has a use other than "sig"; use a signing key',
  key_ops_invalid:
    'has key_ops that do not allow signing; use ["sign"] for a private key, ["verify"] for a public one, or leave it out',
  curve: `is an EC key that is not on the curve P-256; ${MAKE_ONE}`,
  exponent: `has a public exponent other than 65537; ${MAKE_ONE}`,
  more_primes: "has more than two primes (oth); use a two-prime key",
  private_incomplete: "lacks some of d, p, q, dp, dq, qi; export the whole private key",
  private_inconsistent: "has private members that do not belong together; export the key again",
  private_not_of_public: "has private members that do not belong to its public ones; export the key again",
  first_is_public: "is public only, and the first key of a set signs; put a private key first",
} as const;

const WEAKNESSES: Readonly<Record<Weakness, string>> = {
  even: "its modulus is even",
  small_factor: "its modulus has a small factor",
  roca: "its modulus was made by a faulty generator (ROCA, CVE-2017-15361)",
  close_primes: "its two primes lie too close together (Fermat factorisation)",
};

type JwkFault = Exclude<KeyFault, { reason: "not_a_key" | "not_a_jwk" | "json_with_pem" | "pem_type" }>;

function keyFaultWords(fault: KeyFault): string {
  switch (fault.reason) {
    case "not_a_key": {
      const [is, fix] = FORMS[fault.form];
      return `${is}; ${fix}`;
    }
    case "not_a_jwk": {
      const [is, fix] = FORMS[fault.form];
      return `${is}; ${/\bFILE\b/.test(fix) ? `give a private JWK, or ${IN_A_FILE}` : fix}`;
    }
    case "json_with_pem":
      return `is JSON with a PEM key inside, not a JWK; take the key out: (umask 077; jq -r .${fault.member} FILE >key.pem)`;
    case "pem_type":
      return `is a PEM key of the type ${fault.type}, and only RSA and P-256 keys can sign; give another key`;
    default:
      return jwkFaultWords(fault);
  }
}

function jwkFaultWords(fault: JwkFault): string {
  switch (fault.reason) {
    case "alg_invalid":
      return `has an alg other than "${fault.alg}", the one that its kty signs here; fix or remove alg`;
    case "member_invalid":
      return `has a member ${fault.member} that is missing or not base64url; export the key again`;
    case "member_length":
      return `has a member ${fault.member} that is not ${String(fault.bytes)} bytes long (RFC 7518 section 6.2); export the key again`;
    case "rsa_too_short":
      return `is an RSA key of ${String(fault.bits)} bits, fewer than ${String(fault.bitsBound)}; ${MAKE_ONE}`;
    case "rsa_too_long":
      return `is an RSA key of ${String(fault.bits)} bits, more than the runtime's ${String(fault.bitsBound)}; ${MAKE_ONE}`;
    case "weak":
      return `is weak: ${WEAKNESSES[fault.weakness]}; ${MAKE_ONE}`;
    case "numbers_invalid":
      return `is not a valid ${fault.kty} key: its numbers do not fit together; export the key again`;
    case "repeats":
      return `repeats key ${String(fault.position)} (same kid or same key); remove one of them`;
    default:
      return PLAIN[fault.reason];
  }
}

/** What a text that is not a key is, and what turns it into a key file. */
const FORMS: Readonly<Record<TextForm, readonly [is: string, fix: string]>> = {
  empty: ["is empty", "put the private key there"],
  utf16: ["is UTF-16 text", "convert it: (umask 077; iconv -f UTF-16 -t UTF-8 FILE >key)"],
  pkcs12: [
    "is a PKCS#12 file",
    "take the key out of it: openssl pkcs12 -in FILE -nodes -nocerts -out key.pem",
  ],
  der: ["is DER, which is binary", "convert it: openssl pkey -inform DER -in FILE -out key.pem"],
  binary: [
    "is a Java keystore or another binary file",
    "take the key out of a keystore: keytool -importkeystore -srckeystore FILE -destkeystore key.p12 -deststoretype PKCS12",
  ],
  putty: ["is a PuTTY key", "convert it: puttygen FILE -O private-openssh -o key.pem"],
  ssh_public: ["is an SSH public key", "give the private key that belongs to it"],
  token: ["is a token, not a key", "give a private JWK, a JWK Set or a PEM private key"],
  base64: ["is a key in base64", "decode it: (umask 077; base64 -d FILE >key)"],
  base64_without_lines: [
    "is a key in base64 without its BEGIN and END lines",
    "convert it: base64 -d FILE | openssl pkey -inform DER -out key.pem",
  ],
  xml: ["is a key in XML", "export it as PKCS#8 PEM"],
  kubernetes_secret: ["is the manifest of a Kubernetes Secret", "take the value out of its data: base64 -d"],
  quoted: [
    "is in quotation marks",
    "remove those at the beginning and the end, and any backslash before those inside",
  ],
  json_array: ["is a JSON array", 'give one private JWK, or a JWK Set: {"keys":[…]}'],
  json_escaped: ["is JSON with backslashes before its quotation marks", "remove the backslashes"],
  json_with_invisible: [
    "is not valid JSON, and holds a character that cannot be seen",
    "copy the key again, as plain text",
  ],
  json_damaged: ["is not valid JSON: it was cut off, or a character of it was changed", "copy the key again"],
  pem: ["is PEM", IN_A_FILE],
  path: ["is the path of a file", "set MACP_AUTH_SIGNING_KEY_FILE to it"],
  unknown: ["is neither a JSON Web Key, a JWK Set nor a PEM private key", "give one of these"],
};

/** Why a changed key file cannot be followed, and the fix. */
export function fileChangeFaultWords(fault: FileChangeFault): string {
  switch (fault.reason) {
    case "no_key":
      return "holds no key; put a private key first";
    case "other_algorithm":
      return `has a first key for ${fault.alg}, but MACP_AUTH_SIGNING_ALG is ${fault.wanted}; a change of algorithm needs a restart`;
    case "kid_of_another_key":
      return "gives a served kid to another key; a kid names one key indefinitely, so give the new key a kid of its own";
    case "key_renamed":
      return "gives a served key another kid; leave its kid as it is";
  }
}
