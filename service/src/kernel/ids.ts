import type { Branded } from "./branded.ts";
import type { EpochSeconds } from "./clock.ts";
import { printable } from "./printable.ts";
import type { Random } from "./random.ts";

/** Key id: the JWK's own `kid`, else its RFC 7638 SHA-256 thumbprint. 1 to 256 printable characters. */
export type Kid = Branded<string, "Kid">;
/** Names a key set within a store. 1 to 64 characters of `[a-z0-9-]`. */
export type KeySetName = Branded<string, "KeySetName">;
/** Token id (RFC 7519 section 4.1.7): 40 bits of time in seconds, 88 random bits, base64url, 22 characters. */
export type Jti = Branded<string, "Jti">;
/** Who a token speaks for; becomes `sub`. Any well-formed text that is not blank, byte for byte. */
export type Sender = Branded<string, "Sender">;
/** Names one request in the log and in `x-request-id`. 1 to 64 characters of `[A-Za-z0-9._-]`. */
export type RequestId = Branded<string, "RequestId">;

const JTI = /^[A-Za-z0-9_-]{22}$/;
const KID = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,256}$/u;
const KEY_SET_NAME = /^[a-z0-9-]{1,64}$/;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Reads a key id from untrusted text; `undefined` when it is blank, too long, or holds what looks like nothing or like another
 * kid in a log. A backslash may stand in it, though a log doubles it.
 */
export function parseKid(text: string): Kid | undefined {
  const plain = text.replaceAll("\\", "/");
  return KID.test(text) && text.trim() !== "" && printable(plain) === plain ? (text as Kid) : undefined;
}

/** The key set of a service that has one. */
export const DEFAULT_KEY_SET = "default" as KeySetName;

/** Reads the name of a key set; `undefined` when it is not valid. */
export function parseKeySetName(text: string): KeySetName | undefined {
  return KEY_SET_NAME.test(text) ? (text as KeySetName) : undefined;
}

/** Reads a sender; `undefined` when it is blank or not well-formed Unicode (the runtime's JSON reader rejects a lone surrogate). */
export function parseSender(text: string): Sender | undefined {
  return text.trim() !== "" && text.isWellFormed() ? (text as Sender) : undefined;
}

/** How many bytes the time has at the beginning of a token id. */
export const JTI_TIME_BYTES = 5;

/**
 * A fresh token id. It begins with the second of its `iat`, so that the ids of tokens that were made together are together in the index
 * of a store; the other 88 bits are random.
 */
export function newJti(random: Random, iat: EpochSeconds): Jti {
  const id = random.bytes(16);
  id.writeUIntBE(iat, 0, JTI_TIME_BYTES);
  return jtiOf(id);
}

/** The token id that these 16 bytes are. */
export function jtiOf(bytes: Buffer): Jti {
  return bytes.toString("base64url") as Jti;
}

/** Reads a token id; `undefined` when it is none of ours. */
export function parseJti(text: string): Jti | undefined {
  return JTI.test(text) ? (text as Jti) : undefined;
}

/** The request id that a caller chose, when it is harmless in a log line. */
export function parseRequestId(text: string): RequestId | undefined {
  return REQUEST_ID.test(text) ? (text as RequestId) : undefined;
}

const REQUEST_ID_CHARS = 16;
const REQUEST_IDS_AT_A_TIME = 256;

/** Gives out fresh request ids of 96 random bits. They are not secret: many are made at a time, because each request needs one. */
export function requestIds(random: Random): () => RequestId {
  let made = "";
  let given = 0;
  return () => {
    if (given === made.length) {
      made = random.bytes((REQUEST_ID_CHARS * REQUEST_IDS_AT_A_TIME * 3) / 4).toString("base64url");
      given = 0;
    }
    const start = given;
    given += REQUEST_ID_CHARS;
    return made.slice(start, given) as RequestId;
  };
}
