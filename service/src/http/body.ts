import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { parse as parseContentType } from "content-type";
import { codeOf } from "../kernel/faults.ts";
import { type Problem, problem } from "./problem.ts";

/** How much a body may hold, as it arrives and after inflation. */
const BODY_BYTES_MAX = 102_400;
/** In how many pieces it may arrive. Each costs about as much as a whole small request, also a chunk of one byte. */
const BODY_PIECES_MAX = 1_024;
/** More are joined: a piece of one byte takes hundreds. */
const PIECES_APART_MAX = 64;
/** What a body holds above this is counted for all bodies together. No known caller sends so much. */
const UNSHARED_BYTES_MAX = 16_384;
/** So much may all bodies hold above it: a thousand that never end would otherwise hold 100 MB. */
const SHARED_BYTES_MAX = 8 * 1_024 * 1_024;
/** How deep a body's arrays and objects may be nested. */
const JSON_DEPTH_MAX = 32;

/** Why no body of the wanted media type was read: there is none, or it cannot be read. */
type NotRead = { readonly kind: "absent" } | { readonly kind: "rejected"; readonly problem: Problem };

/** A parsed JSON object or array with its text; `absent` when the request has no JSON body; or why it cannot be read. */
export type JsonBody = { readonly kind: "json"; readonly value: unknown; readonly text: string } | NotRead;

/** The fields of a form; `absent` when the request has no form as its body; or why it cannot be read. */
export type FormBody = { readonly kind: "form"; readonly fields: ReadonlyMap<string, string> } | NotRead;

const INFLATERS = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const;

/**
 * Reads a request's JSON body, never holding more than `BODY_BYTES_MAX` of it. Only `application/json` is read; any other
 * content type counts as no body. Rejects only when the connection broke before the body was complete.
 */
export async function readJsonBody(incoming: IncomingMessage): Promise<JsonBody> {
  const body = await readBody(incoming, "application/json");
  return body.kind === "bytes" ? parseJson(body.bytes) : body;
}

/**
 * Reads a request's `application/x-www-form-urlencoded` body, bounded as a JSON body is. Percent-encoding and UTF-8 must be
 * valid, and no name may be there twice (RFC 6749 section 3.2). Rejects only when the connection broke before the body was whole.
 */
export async function readFormBody(incoming: IncomingMessage): Promise<FormBody> {
  const body = await readBody(incoming, "application/x-www-form-urlencoded");
  return body.kind === "bytes" ? parseForm(body.bytes) : body;
}

/**
 * As `readJsonBody`, for a request whose body is optional: an empty body is an empty object, whatever its content type. `absent`
 * then means that there is a body and that it is not JSON.
 */
export async function readOptionalJsonBody(incoming: IncomingMessage): Promise<JsonBody> {
  if (hasNoBody(incoming.headers)) return NOTHING_SENT;
  const body = await readJsonBody(incoming);
  if (body.kind !== "absent") return body;
  // Whether a chunked body is empty is known only at its end; a JSON body is read already.
  if (incoming.readableEnded) return NOTHING_SENT;
  const received = await collect(incoming);
  return received.length === 0 ? NOTHING_SENT : body;
}

const NOTHING_SENT: JsonBody = { kind: "json", value: {}, text: "{}" };

/** Whether the headers announce no bytes (RFC 9112 section 6.3). */
function hasNoBody(headers: IncomingMessage["headers"]): boolean {
  return headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0;
}

type Inflatable = keyof typeof INFLATERS;
type MediaType = "application/json" | "application/x-www-form-urlencoded";
type Framing = { readonly kind: "body"; readonly encoding: Inflatable | "identity" } | NotRead;

/** All bytes of a body of this media type, decoded. */
async function readBody(
  incoming: IncomingMessage,
  mediaType: MediaType,
): Promise<{ readonly kind: "bytes"; readonly bytes: Buffer } | NotRead> {
  const framing = framingOf(incoming.headers, mediaType);
  if (framing.kind !== "body") return framing;
  const received = await collect(incoming);
  if (received === "too-large") return rejected("body_too_large");
  const { encoding } = framing;
  const bytes = encoding === "identity" ? received : await inflateInTurn(received, encoding);
  if (bytes === "too-large") return rejected("body_too_large");
  if (bytes === "corrupt") return rejected("body_corrupt");
  return bytes.length === 0 ? { kind: "absent" } : { kind: "bytes", bytes };
}

/** What the headers say of the body, before any of it is read. */
function framingOf(headers: IncomingMessage["headers"], mediaType: MediaType): Framing {
  const charset = charsetOf(headers["content-type"], mediaType);
  if (charset === undefined) return { kind: "absent" };
  if (charset !== "utf-8")
    return mediaType === "application/json"
      ? rejected("charset_unsupported")
      : rejected("charset_unsupported", "unsupported charset: send the form as UTF-8");
  const encoding = encodingOf(headers["content-encoding"]);
  if (encoding === undefined) return rejected("encoding_unsupported");
  return Number(headers["content-length"] ?? 0) > BODY_BYTES_MAX
    ? rejected("body_too_large")
    : { kind: "body", encoding };
}

function parseJson(bytes: Buffer): JsonBody {
  // Two byte sequences that decode to one replacement character must not become one sender: no lenient decoding.
  if (!isUtf8(bytes)) return rejected("json_invalid");
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  if (!/^[ \t\r\n]*[[{]/.test(text)) return rejected("json_invalid");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return rejected("json_invalid");
  }
  return isDeeperThan(value, JSON_DEPTH_MAX) ? rejected("json_too_deep") : { kind: "json", value, text };
}

function parseForm(bytes: Buffer): FormBody {
  if (!isUtf8(bytes)) return rejected("form_invalid");
  const text = bytes.toString("utf8");
  try {
    // URLSearchParams keeps a broken escape as text, and puts a replacement character for bytes that are not UTF-8.
    decodeURIComponent(text);
  } catch {
    return rejected("form_invalid");
  }
  // The leading `&` is an empty field: without it URLSearchParams would drop a leading `?`.
  const pairs = [...new URLSearchParams(`&${text}`)];
  const fields = new Map(pairs);
  return fields.size < pairs.length ? rejected("form_invalid") : { kind: "form", fields };
}

/** Whether arrays and objects are nested deeper than `levels`. Looks no deeper than that, so that code after it may recurse. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/**
 * All bytes of a body, or `too-large` as soon as they are too many; the rest is then left unread. Rejects when the connection broke
 * before, also by this function, where the pieces are too many or all bodies together hold too much.
 */
function collect(incoming: IncomingMessage): Promise<Buffer | "too-large"> {
  return new Promise((resolve, reject) => {
    // Its handler may have waited for something else first, and the events of a connection that broke do not come again.
    if (incoming.destroyed) {
      reject(brokenOff());
      return;
    }
    const pieces: Buffer[] = [];
    const share = newShare();
    let [size, count] = [0, 0];
    const take = (piece: Buffer): void => {
      size += piece.length;
      count += 1;
      if (size > BODY_BYTES_MAX) {
        pieces.length = 0;
        share.giveBack();
        incoming.off("data", take);
        incoming.pause();
        resolve("too-large");
        return;
      }
      // No answer: to keep the connection until it is read, all other pieces that have arrived would have to be taken apart.
      if (count > BODY_PIECES_MAX || !share.holds(size)) {
        incoming.socket.destroy();
        return;
      }
      pieces.push(piece);
      if (pieces.length > PIECES_APART_MAX) pieces.splice(0, pieces.length, Buffer.concat(pieces));
    };
    incoming.on("data", take);
    incoming.once("end", () => {
      share.giveBack();
      resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces));
    });
    incoming.once("error", reject);
    incoming.once("close", () => {
      share.giveBack();
      if (incoming.readableEnded) return;
      reject(brokenOff());
    });
  });
}

/** How much all bodies of this process hold above what each may. */
let sharedBytes = 0;

/** What one body holds of the bytes that all share. */
function newShare(): { holds(bodyBytes: number): boolean; giveBack(): void } {
  let own = 0;
  return {
    /** Counts a body of so many bytes; whether all together hold no more than they may. */
    holds(bodyBytes) {
      const grown = Math.max(0, bodyBytes - UNSHARED_BYTES_MAX);
      sharedBytes += grown - own;
      own = grown;
      return own === 0 || sharedBytes <= SHARED_BYTES_MAX;
    },
    giveBack() {
      sharedBytes -= own;
      own = 0;
    },
  };
}

function brokenOff(): Error {
  return new Error("the connection closed before the body was whole");
}

/** The inflation under way, or the last one: the next waits for it. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Inflates a whole body, one body at a time in this process: two hundred bytes can make an inflater hold 16 MiB, so many of
 * them at once would be an attack on the memory. No body waits for a slow sender here: the bytes have all arrived.
 */
function inflateInTurn(received: Buffer, encoding: Inflatable): Promise<Buffer | "too-large" | "corrupt"> {
  const inflated = turn.then(() =>
    INFLATERS[encoding](received, { maxOutputLength: BODY_BYTES_MAX }).catch((thrown: unknown) =>
      codeOf(thrown) === "ERR_BUFFER_TOO_LARGE" ? "too-large" : "corrupt",
    ),
  );
  turn = inflated;
  return inflated;
}

/** The coding of a body (RFC 9110 section 8.4); `undefined` for one that is not known, or several. An empty list, and `identity`, mean none. */
function encodingOf(header: string | undefined): Inflatable | "identity" | undefined {
  if (header === undefined) return "identity";
  const codings = header
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== "" && coding !== "identity");
  const [coding = "identity", ...others] = codings;
  if (others.length > 0) return undefined;
  if (coding === "identity" || isInflatable(coding)) return coding;
  // The same under an old name (RFC 9110 section 8.4.1.3).
  return coding === "x-gzip" ? "gzip" : undefined;
}

function isInflatable(encoding: string): encoding is Inflatable {
  return Object.hasOwn(INFLATERS, encoding);
}

/**
 * The charset that a Content-Type (RFC 9110 section 8.3) of this media type names, in lower case; `utf-8` when it names none.
 * `undefined` when the type is another one or absent.
 */
function charsetOf(header: string | undefined, mediaType: MediaType): string | undefined {
  if (header === mediaType) return "utf-8";
  const { type, parameters } = parseContentType(header ?? "");
  return type === mediaType ? (parameters["charset"] ?? "utf-8").toLowerCase() : undefined;
}

function rejected(...why: Parameters<typeof problem>): Extract<NotRead, { kind: "rejected" }> {
  return { kind: "rejected", problem: problem(...why) };
}
