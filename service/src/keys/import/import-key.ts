import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { type Kid, parseKid } from "../../kernel/ids.ts";
import { printable } from "../../kernel/printable.ts";
import type { Algorithm } from "../algorithm.ts";
import { faultsOfEc, faultsOfRsa, MAKE_ONE } from "./key-numbers.ts";
import { isPem, readPemKey } from "./pem-key.ts";
import { whyNoJwk, whyNoKey } from "./unreadable-key.ts";

/** One key as the JWKS shows it: public members only (RFC 7517 section 4, RFC 7518 section 6). */
export type PublicJwk =
  | {
      readonly kty: "RSA";
      readonly n: string;
      readonly e: string;
      readonly kid: Kid;
      readonly alg: "RS256";
      readonly use: "sig";
    }
  | {
      readonly kty: "EC";
      readonly crv: "P-256";
      readonly x: string;
      readonly y: string;
      readonly kid: Kid;
      readonly alg: "ES256";
      readonly use: "sig";
    };

/** A key that passed every import rule; `privateKey` is there when it can sign. */
export interface ImportedKey {
  readonly kid: Kid;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  /** RFC 7638 SHA-256 thumbprint, base64url. Two keys with one thumbprint are one key. */
  readonly thumbprint: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject | undefined;
}

/** Keys, or one line for each reason why not. The lines hold no key material; the caller puts the key's place before them. */
export type ImportOutcome =
  | { readonly kind: "imported"; readonly keys: readonly ImportedKey[] }
  | { readonly kind: "refused"; readonly faults: readonly string[] };

/** Why a public key is refused where a key must sign. */
export const PUBLIC_ONLY = "is a public key; give the private key that belongs to it";
const KEY_AND_SET =
  "has both keys and kty, and so is a JWK Set and a JSON Web Key at once; remove keys, or move the key into the set";

/** Reads a key file: a private JWK, a JWK Set whose first key is private, or one PEM private key (PKCS#8, PKCS#1 or SEC1, unencrypted). */
export function importKeys(text: string): ImportOutcome {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (isPem(trimmed)) return importPem(trimmed);
  const parsed = parseObject(trimmed);
  if (parsed === undefined) return refused(whyNoKey(trimmed));
  if (isKeyAndSet(parsed)) return refused(KEY_AND_SET);
  if ("keys" in parsed) return importSet(parsed["keys"]);
  const outcome = importOne(parsed);
  const signs = outcome.kind === "refused" || outcome.keys[0]?.privateKey !== undefined;
  return signs ? outcome : refused(PUBLIC_ONLY);
}

/** Reads a single JWK, as `MACP_AUTH_SIGNING_KEY_JSON` holds it. A public one is taken too: who needs it to sign looks at `privateKey`. */
export function importJwk(text: string): ImportOutcome {
  const parsed = parseObject(text);
  if (parsed === undefined) return refused(whyNoJwk(text.trim()));
  if (isKeyAndSet(parsed)) return refused(KEY_AND_SET);
  if ("keys" in parsed) return refused("is a JWK Set; give a set through MACP_AUTH_SIGNING_KEY_FILE");
  return importOne(parsed);
}

/** RFC 7638: SHA-256 over the required members in lexical order, base64url. */
export function thumbprintOf(
  jwk: { kty: "RSA"; n: string; e: string } | { kty: "EC"; crv: string; x: string; y: string },
): string {
  const members =
    jwk.kty === "RSA"
      ? { e: jwk.e, kty: jwk.kty, n: jwk.n }
      : { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y };
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url");
}

function importPem(text: string): ImportOutcome {
  const read = readPemKey(text);
  return read.kind === "refused" ? refused(read.fault) : importOne(read.jwk);
}

/** Some readers would take the set and others the key. */
function isKeyAndSet(parsed: Readonly<Record<string, unknown>>): boolean {
  return "keys" in parsed && "kty" in parsed;
}

function importSet(members: unknown): ImportOutcome {
  if (!Array.isArray(members) || members.length === 0)
    return refused('is a JWK Set without keys; give {"keys":[…]} with a private key first');
  const outcomes = members.map((member: unknown) => importOne(member));
  const keys = outcomes.flatMap((outcome) => (outcome.kind === "imported" ? outcome.keys : []));
  const faults = outcomes.flatMap((outcome, index) =>
    outcome.kind === "refused" ? outcome.faults.map((fault) => `key ${String(index + 1)} ${fault}`) : [],
  );
  if (faults.length === 0) faults.push(...faultsOfSet(keys));
  return faults.length > 0 ? { kind: "refused", faults } : { kind: "imported", keys };
}

function faultsOfSet(keys: readonly ImportedKey[]): string[] {
  const faults: string[] = [];
  keys.forEach((key, index) => {
    const twin = keys.findIndex((other) => other.kid === key.kid || other.thumbprint === key.thumbprint);
    if (twin < index)
      faults.push(
        `key ${String(index + 1)} repeats key ${String(twin + 1)} (same kid or same key); remove one of them`,
      );
  });
  if (keys[0]?.privateKey === undefined)
    faults.push("key 1 is public only, and the first key of a set signs; put a private key first");
  return faults;
}

function importOne(value: unknown): ImportOutcome {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return refused("is not a JSON object");
  const jwk = value as Record<string, unknown>;
  const kty = jwk["kty"];
  if (kty === "oct")
    return refused(`is a symmetric key ("oct"), which every verifier could forge with; ${MAKE_ONE}`);
  if (kty === undefined) return refused(whyNoKty(jwk));
  if (kty !== "RSA" && kty !== "EC")
    return refused('has a kty that is neither "RSA" nor "EC"; give an RSA or EC key');
  const faults = [...faultsOfMetadata(jwk, kty), ...(kty === "RSA" ? faultsOfRsa(jwk) : faultsOfEc(jwk))];
  return faults.length > 0 ? { kind: "refused", faults } : build(jwk, kty);
}

/** Cloud providers hand out JSON with a PEM key inside. */
function whyNoKty(json: Record<string, unknown>): string {
  const pem = Object.entries(json).find(([, value]) => typeof value === "string" && isPem(value))?.[0];
  return pem === "private_key" || pem === "privateKey"
    ? `is JSON with a PEM key inside, not a JWK; take the key out: (umask 077; jq -r .${pem} FILE >key.pem)`
    : "is JSON without kty, so it is not a JWK; give a private JWK";
}

function faultsOfMetadata(jwk: Record<string, unknown>, kty: "RSA" | "EC"): string[] {
  const { kid, use, alg, key_ops: operations } = jwk;
  const wanted = kty === "RSA" ? "RS256" : "ES256";
  const rules: readonly [boolean, string][] = [
    [
      kid === undefined || (typeof kid === "string" && isPrintableKid(kid)),
      "has a kid that is not a text of 1 to 256 printable characters, or is blank; mend it or leave it out",
    ],
    [use === undefined || use === "sig", 'has a use other than "sig"; use a signing key'],
    [
      alg === undefined || alg === wanted,
      `has an alg other than "${wanted}", the one that its kty signs here; mend or remove alg`,
    ],
    [
      operations === undefined || areSigningOperations(operations, "d" in jwk ? "sign" : "verify"),
      'has key_ops that do not allow signing; use ["sign"] for a private key, ["verify"] for a public one, or leave it out',
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, fault]) => fault);
}

/** A name that looks like no other and hides nothing in a log. A backslash does neither, though a log doubles it. */
export function isPrintableKid(kid: string): kid is Kid {
  const text = kid.replaceAll("\\", "/");
  return parseKid(kid) !== undefined && kid.trim() !== "" && printable(text) === text;
}

/** RFC 7517 section 4.3: no duplicates, and nothing beside signing and verifying. */
function areSigningOperations(operations: unknown, needed: "sign" | "verify"): boolean {
  if (!Array.isArray(operations) || new Set(operations).size !== operations.length) return false;
  return (
    operations.includes(needed) &&
    operations.every((operation) => operation === "sign" || operation === "verify")
  );
}

function build(jwk: Record<string, unknown>, kty: "RSA" | "EC"): ImportOutcome {
  try {
    const publicKey = createPublicKey({ key: { ...coreOf(jwk, kty) }, format: "jwk" });
    // One number has many spellings (leading zeros, stray bits): the one of RFC 7518 section 6 is served and numbered.
    const core = coreOf(publicKey.export({ format: "jwk" }), kty);
    const thumbprint = thumbprintOf(core);
    const kid = (jwk["kid"] ?? thumbprint) as Kid;
    const publicJwk: PublicJwk =
      core.kty === "RSA"
        ? { ...core, kid, alg: "RS256", use: "sig" }
        : { ...core, kid, alg: "ES256", use: "sig" };
    const privateKey =
      jwk["d"] === undefined ? undefined : createPrivateKey({ key: jwk as JsonWebKey, format: "jwk" });
    if (privateKey !== undefined && !signsFor(privateKey, publicKey)) {
      return refused("has private members that do not belong to its public ones; export the key again");
    }
    return {
      kind: "imported",
      keys: [{ kid, alg: publicJwk.alg, publicJwk, thumbprint, publicKey, privateKey }],
    };
  } catch {
    // The library's own message may quote what it was given: it is dropped on purpose.
    return refused(`is not a valid ${kty} key: its numbers do not fit together; export the key again`);
  }
}

/** The members that make the public key, and no other. */
function coreOf(jwk: Readonly<Record<string, unknown>>, kty: "RSA" | "EC") {
  const text = (name: string): string => String(jwk[name]);
  return kty === "RSA"
    ? ({ kty, n: text("n"), e: text("e") } as const)
    : ({ kty, crv: "P-256", x: text("x"), y: text("y") } as const);
}

/** A trial signature: what this private key signs, that public key must verify. */
function signsFor(privateKey: KeyObject, publicKey: KeyObject): boolean {
  const probe = Buffer.from("macp-auth key self-test");
  return verify("sha256", probe, publicKey, sign("sha256", probe, privateKey));
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function refused(fault: string): ImportOutcome {
  return { kind: "refused", faults: [fault] };
}
