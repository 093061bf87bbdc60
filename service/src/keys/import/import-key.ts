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
import { type Algorithm, algorithmOfKty } from "../algorithm.ts";
import { PublicJwk, PublicNumbers } from "../public-jwk.ts";
import type { ImportFault, KeyFault } from "./import-fault.ts";
import { faultsOfEc, faultsOfRsa } from "./key-numbers.ts";
import { isPem, readPemKey } from "./pem-key.ts";
import { formOfFile, formOfText } from "./text-form.ts";

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

/** Keys, or each reason why not. */
export type ImportOutcome =
  | { readonly kind: "imported"; readonly keys: readonly ImportedKey[] }
  | { readonly kind: "rejected"; readonly faults: readonly ImportFault[] };

/** Reads a key file: a private JWK, a JWK Set whose first key is private, or one PEM private key (PKCS#8, PKCS#1 or SEC1, unencrypted). */
export function importKeys(text: string): ImportOutcome {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (isPem(trimmed)) return importPem(trimmed);
  const parsed = parseObject(trimmed);
  if (parsed === undefined) return rejected({ reason: "not_a_key", form: formOfFile(trimmed) });
  if (isKeyAndSet(parsed)) return rejected({ reason: "key_and_set" });
  if ("keys" in parsed) return importSet(parsed["keys"]);
  const outcome = importOne(parsed);
  const signs = outcome.kind === "rejected" || outcome.keys[0]?.privateKey !== undefined;
  return signs ? outcome : rejected({ reason: "public_only" });
}

/** Reads a text that is a single JWK. A public one is accepted too: a caller that needs it to sign checks `privateKey`. */
export function importJwk(text: string): ImportOutcome {
  const parsed = parseObject(text);
  if (parsed === undefined) return rejected({ reason: "not_a_jwk", form: formOfText(text.trim()) });
  if (isKeyAndSet(parsed)) return rejected({ reason: "key_and_set" });
  if ("keys" in parsed) return rejected({ reason: "set_in_place_of_key" });
  return importOne(parsed);
}

/** RFC 7638: SHA-256 over the required members in lexical order, base64url. */
export function thumbprintOf(key: PublicNumbers): string {
  const members = Object.fromEntries(
    Object.entries(PublicNumbers.parse(key)).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url");
}

function importPem(text: string): ImportOutcome {
  const read = readPemKey(text);
  return read.kind === "rejected" ? rejected(read.fault) : importOne(read.jwk);
}

/** Some readers would use the set and others the key. */
function isKeyAndSet(parsed: Readonly<Record<string, unknown>>): boolean {
  return "keys" in parsed && "kty" in parsed;
}

function importSet(members: unknown): ImportOutcome {
  if (!Array.isArray(members) || members.length === 0) return rejected({ reason: "set_empty" });
  const outcomes = members.map((member: unknown) => importOne(member));
  const keys = outcomes.flatMap((outcome) => (outcome.kind === "imported" ? outcome.keys : []));
  const faults = outcomes.flatMap((outcome, index): ImportFault[] =>
    outcome.kind === "rejected" ? outcome.faults.map((fault) => ({ ...fault, key: index + 1 })) : [],
  );
  if (faults.length === 0) faults.push(...faultsOfSet(keys));
  return faults.length > 0 ? { kind: "rejected", faults } : { kind: "imported", keys };
}

function faultsOfSet(keys: readonly ImportedKey[]): ImportFault[] {
  const faults: ImportFault[] = [];
  keys.forEach((key, index) => {
    const twin = keys.findIndex((other) => other.kid === key.kid || other.thumbprint === key.thumbprint);
    if (twin < index) faults.push({ reason: "repeats", position: twin + 1, key: index + 1 });
  });
  if (keys[0]?.privateKey === undefined) faults.push({ reason: "first_is_public", key: 1 });
  return faults;
}

function importOne(value: unknown): ImportOutcome {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return rejected({ reason: "not_an_object" });
  const jwk = value as Record<string, unknown>;
  const kty = jwk["kty"];
  if (kty === "oct") return rejected({ reason: "symmetric" });
  if (kty === undefined) return rejected(whyNoKty(jwk));
  if (kty !== "RSA" && kty !== "EC") return rejected({ reason: "kty_unknown" });
  const faults = [...faultsOfMetadata(jwk, kty), ...(kty === "RSA" ? faultsOfRsa(jwk) : faultsOfEc(jwk))];
  return faults.length > 0 ? { kind: "rejected", faults } : build(jwk, kty);
}

/** Cloud providers give out JSON with a PEM key inside. */
function whyNoKty(json: Record<string, unknown>): KeyFault {
  const pem = Object.entries(json).find(([, value]) => typeof value === "string" && isPem(value))?.[0];
  return pem === "private_key" || pem === "privateKey"
    ? { reason: "json_with_pem", member: pem }
    : { reason: "kty_missing" };
}

function faultsOfMetadata(jwk: Record<string, unknown>, kty: "RSA" | "EC"): KeyFault[] {
  const { kid, use, key_ops: operations } = jwk;
  const alg = algorithmOfKty(kty);
  const rules: readonly [boolean, KeyFault][] = [
    [
      kid === undefined || (typeof kid === "string" && parseKid(kid) !== undefined),
      { reason: "kid_invalid" },
    ],
    [use === undefined || use === "sig", { reason: "use_invalid" }],
    [jwk["alg"] === undefined || jwk["alg"] === alg, { reason: "alg_invalid", alg }],
    [
      operations === undefined || areSigningOperations(operations, "d" in jwk ? "sign" : "verify"),
      { reason: "key_ops_invalid" },
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, fault]) => fault);
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
    const publicKey = createPublicKey({ key: { ...PublicNumbers.parse(jwk) }, format: "jwk" });
    // One number has many encodings (leading zeros, stray bits): the one of RFC 7518 section 6 is served and hashed.
    const numbers = PublicNumbers.parse(publicKey.export({ format: "jwk" }));
    const thumbprint = thumbprintOf(numbers);
    const publicJwk = PublicJwk.parse({
      ...numbers,
      kid: jwk["kid"] ?? thumbprint,
      alg: algorithmOfKty(kty),
      use: "sig",
    });
    const privateKey =
      jwk["d"] === undefined ? undefined : createPrivateKey({ key: jwk as JsonWebKey, format: "jwk" });
    if (privateKey !== undefined && !signsFor(privateKey, publicKey)) {
      return rejected({ reason: "private_not_of_public" });
    }
    return {
      kind: "imported",
      keys: [{ kid: publicJwk.kid, alg: publicJwk.alg, publicJwk, thumbprint, publicKey, privateKey }],
    };
  } catch {
    // The library's own message may quote the key: it is dropped on purpose.
    return rejected({ reason: "numbers_invalid", kty });
  }
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

function rejected(fault: KeyFault): ImportOutcome {
  return { kind: "rejected", faults: [fault] };
}
