import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { codeOf } from "../kernel/faults.ts";
import { type Problem, problem } from "./problem.ts";

/** How much a body may hold, as it arrives and after inflation. */
export const BODY_BYTES_MAX = 102_400;
/** How deep a body's arrays and objects may be nested. */
export const JSON_DEPTH_MAX = 32;

/** A parsed JSON object or array; `absent` when the request has no JSON body; or why it cannot be read. */
export type JsonBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly problem: Problem };

const INFLATERS = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const;

/**
 * Reads a request's JSON body, never holding more than `BODY_BYTES_MAX` of it. Only `application/json` is read; any other
 * content type counts as no body. Rejects only when the connection broke before the body was whole.
 */
export async function readJsonBody(incoming: IncomingMessage): Promise<JsonBody> {
  const type = contentTypeOf(incoming.headers["content-type"]);
  if (type?.essence !== "application/json") return { kind: "absent" };
  if (type.charset !== undefined && type.charset !== "utf-8") return refused("charset_unsupported");
  const encoding = (incoming.headers["content-encoding"] ?? "identity").toLowerCase();
  if (encoding !== "identity" && !isInflatable(encoding)) return refused("encoding_unsupported");
  if (Number(incoming.headers["content-length"] ?? 0) > BODY_BYTES_MAX) return refused("body_too_large");

  const received = await collect(incoming);
  if (received === "too-large") return refused("body_too_large");
  const bytes = encoding === "identity" ? received : await inflateInTurn(received, encoding);
  if (bytes === "too-large") return refused("body_too_large");
  if (bytes === "corrupt") return refused("body_corrupt");
  return bytes.length === 0 ? { kind: "absent" } : parse(bytes);
}

function parse(bytes: Buffer): JsonBody {
  // Two byte sequences that decode to one replacement character must not become one sender: no lenient decoding.
  if (!isUtf8(bytes)) return refused("json_invalid");
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  if (!/^[ \t\r\n]*[[{]/.test(text)) return refused("json_invalid");
  if (isDeeperThan(text, JSON_DEPTH_MAX)) return refused("json_too_deep");
  try {
    return { kind: "json", value: JSON.parse(text) };
  } catch {
    return refused("json_invalid");
  }
}

/** Counts brackets outside strings, without a stack, before anything recursive sees the text. */
function isDeeperThan(text: string, levels: number): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (inString) {
      if (unit === BACKSLASH) index += 1;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (unit === OPEN_BRACKET || unit === OPEN_BRACE) {
      depth += 1;
      if (depth > levels) return true;
    } else if (unit === CLOSE_BRACKET || unit === CLOSE_BRACE) depth -= 1;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** All of a stream's bytes, or `too-large` as soon as they are too many; the rest is then left unread. */
function collect(stream: Readable): Promise<Buffer | "too-large"> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= BODY_BYTES_MAX) {
        chunks.push(chunk);
        return;
      }
      stream.pause();
      resolve("too-large");
    });
    stream.once("end", () => {
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    stream.once("error", reject);
    stream.once("close", () => {
      reject(new Error("the connection closed before the body was whole"));
    });
  });
}

/** The inflation under way, or the last one: the next waits for it. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Inflates a whole body, one body at a time in this process: two hundred bytes can make an inflater hold 16 MiB, so a crowd of
 * them at once would be an attack on the memory. Nobody waits for a slow sender here, for the bytes have all arrived.
 */
function inflateInTurn(
  received: Buffer,
  encoding: keyof typeof INFLATERS,
): Promise<Buffer | "too-large" | "corrupt"> {
  const inflated = turn.then(() =>
    INFLATERS[encoding](received, { maxOutputLength: BODY_BYTES_MAX }).catch((thrown: unknown) =>
      codeOf(thrown) === "ERR_BUFFER_TOO_LARGE" ? "too-large" : "corrupt",
    ),
  );
  turn = inflated;
  return inflated;
}

function isInflatable(encoding: string): encoding is keyof typeof INFLATERS {
  return Object.hasOwn(INFLATERS, encoding);
}

const ESSENCE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PARAMETER =
  /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))[ \t]*$/;

/** Reads a Content-Type (RFC 9110 section 8.3); `undefined` when it is absent or not well-formed. */
function contentTypeOf(
  header: string | undefined,
): { essence: string; charset: string | undefined } | undefined {
  if (header === undefined) return undefined;
  if (header === "application/json") return { essence: header, charset: undefined };
  const [type = "", ...parameters] = header.split(";");
  if (!ESSENCE.test(type.trim())) return undefined;
  let charset: string | undefined;
  for (const parameter of parameters) {
    if (parameter.trim() === "") continue;
    const [, name, quoted, token] = PARAMETER.exec(parameter) ?? [];
    if (name === undefined) return undefined;
    if (name.toLowerCase() === "charset") charset ??= (quoted ?? token ?? "").toLowerCase();
  }
  return { essence: type.trim().toLowerCase(), charset };
}

function refused(reason: Parameters<typeof problem>[0]): JsonBody {
  return { kind: "refused", problem: problem(reason) };
}
