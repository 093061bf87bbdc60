import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { Branded } from "../../kernel/branded.ts";

// C2SP signed-note (https://c2sp.org/signed-note), with Ed25519 (RFC 8032), which is its signature type 0x01.

/** A verifier key: `name+key ID in hex+base64(0x01 || public key)`, as `golang.org/x/mod/sumdb/note` writes it. */
export type VerifierKey = Branded<string, "VerifierKey">;

/** A key that verifies notes. */
export interface NoteVerifier {
  readonly key: VerifierKey;
  readonly name: string;
  /** The first bytes of the SHA-256 of the name and the key. */
  readonly id: Buffer;
  readonly publicKey: KeyObject;
}

/** A key that signs notes. */
export interface NoteSigner extends NoteVerifier {
  readonly privateKey: KeyObject;
}

export type OpenedNote =
  | { readonly kind: "opened"; readonly text: string; readonly key: VerifierKey }
  | { readonly kind: "malformed" }
  /** No known key signed it. */
  | { readonly kind: "unknown_key" }
  /** It names a known key, and the signature is not of this text by that key. */
  | { readonly kind: "bad_signature" };

const ED25519 = 0x01;
const ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
const SIGNATURES_MAX = 16;
const PUBLIC_BYTES = 32;
const KEY = /^([^\s+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]+={0,2})$/u;
/** A signature line: em dash, name, base64. */
const LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the format forbids them
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/u;

/** The verifier of a public Ed25519 key under a name, which has neither white space nor `+`. */
export function noteVerifier(name: string, publicKey: KeyObject): NoteVerifier {
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const typed = Buffer.concat([Buffer.of(ED25519), raw]);
  const id = createHash("sha256").update(`${name}\n`).update(typed).digest().subarray(0, ID_BYTES);
  const key = `${name}+${id.toString("hex")}+${typed.toString("base64")}` as VerifierKey;
  return { key, name, id, publicKey };
}

/** Reads a verifier key; `undefined` when it is none of an Ed25519 key, or its ID is another's. */
export function parseVerifierKey(text: string): NoteVerifier | undefined {
  const [, name = "", encoded = ""] = KEY.exec(text) ?? [];
  const typed = Buffer.from(encoded, "base64");
  if (typed.length !== 1 + PUBLIC_BYTES || typed[0] !== ED25519) return undefined;
  const x = typed.subarray(1).toString("base64url");
  const verifier = noteVerifier(
    name,
    createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }),
  );
  return verifier.key === text ? verifier : undefined;
}

/** A text, which ends with a newline, with a signature. */
export function signedNote(text: string, { name, id, privateKey }: NoteSigner): string {
  const signature = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n\u2014 ${name} ${signature.toString("base64")}\n`;
}

/** Opens a note with the keys that are known: the first signature of one of them decides. */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): OpenedNote {
  const split = note.lastIndexOf("\n\n");
  const text = note.slice(0, split + 1);
  const signatures = split < 0 || CONTROL.test(note) ? undefined : signaturesIn(note.slice(split + 2));
  if (signatures === undefined) return { kind: "malformed" };
  for (const { name, id, signature } of signatures) {
    const known = verifiers.find((one) => one.name === name && one.id.equals(id));
    if (known === undefined) continue;
    return verify(null, Buffer.from(text), known.publicKey, signature)
      ? { kind: "opened", text, key: known.key }
      : { kind: "bad_signature" };
  }
  return { kind: "unknown_key" };
}

/** The signature lines of a note; `undefined` when one is malformed, or there are none or too many. */
function signaturesIn(text: string): readonly Signature[] | undefined {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length === 0 || lines.length > SIGNATURES_MAX) return undefined;
  const signatures = lines.map(signatureIn).filter((signature) => signature !== undefined);
  return signatures.length === lines.length ? signatures : undefined;
}

interface Signature {
  readonly name: string;
  readonly id: Buffer;
  readonly signature: Buffer;
}

function signatureIn(line: string): Signature | undefined {
  const [, name, encoded] = LINE.exec(line) ?? [];
  if (name === undefined || encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded || bytes.length < ID_BYTES + SIGNATURE_BYTES) return undefined;
  return { name, id: bytes.subarray(0, ID_BYTES), signature: bytes.subarray(ID_BYTES) };
}
