import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { codeOf } from "../kernel/faults.ts";
import { type Problem, problem } from "./problem.ts";

/** How much a body may hold, as it arrives and after inflation. */
const BODY_BYTES_MAX = 102_400;
/** How deep a body's arrays and objects may be nested. */
const JSON_DEPTH_MAX = 32;

/** A parsed JSON object or array with its text; `absent` when the request has no JSON body; or why it cannot be read. */
export type JsonBody =
  | { readonly kind: "json"; readonly value: unknown; readonly text: string }
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
  const framing = framingOf(incoming.headers);
  if (framing.kind !== "body") return framing;
  const received = await collect(incoming);
  if (received === "too-large") return refused("body_too_large");
  const { encoding } = framing;
  const bytes = encoding === "identity" ? received : await inflateInTurn(received, encoding);
  if (bytes === "too-large") return refused("body_too_large");
  if (bytes === "corrupt") return refused("body_corrupt");
  return bytes.length === 0 ? { kind: "absent" } : parse(bytes);
}

/**
 * As `readJsonBody`, for a request whose body may be left out: no bytes at all are an empty object, whatever the content type
 * says of them. `absent` then means that there are bytes, and that they are no JSON.
 */
export async function readOptionalJsonBody(incoming: IncomingMessage): Promise<JsonBody> {
  if (hasNoBody(incoming.headers)) return NOTHING_SENT;
  const body = await readJsonBody(incoming);
  if (body.kind !== "absent") return body;
  // Only the end of a chunked body says that it was empty; one of JSON is read already.
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
type Framing =
  | { readonly kind: "body"; readonly encoding: Inflatable | "identity" }
  | Exclude<JsonBody, { kind: "json" }>;

/** What the headers say of the body, before any of it is read. */
function framingOf(headers: IncomingMessage["headers"]): Framing {
  const charset = charsetOfJson(headers["content-type"]);
  if (charset === undefined) return { kind: "absent" };
  if (charset !== "utf-8") return refused("charset_unsupported");
  const encoding = encodingOf(headers["content-encoding"]);
  if (encoding === undefined) return refused("encoding_unsupported");
  return Number(headers["content-length"] ?? 0) > BODY_BYTES_MAX
    ? refused("body_too_large")
    : { kind: "body", encoding };
}

function parse(bytes: Buffer): JsonBody {
  // Two byte sequences that decode to one replacement character must not become one sender: no lenient decoding.
  if (!isUtf8(bytes)) return refused("json_invalid");
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  if (!/^[ \t\r\n]*[[{]/.test(text)) return refused("json_invalid");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused("json_invalid");
  }
  return isDeeperThan(value, JSON_DEPTH_MAX) ? refused("json_too_deep") : { kind: "json", value, text };
}

/** Whether arrays and objects are nested in more than `levels`. Looks no deeper than that: whoever walks the value later may recurse. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

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
      if (stream.readableEnded) return;
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

const PARAMETER =
  /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))[ \t]*$/;

/**
 * The charset that a Content-Type (RFC 9110 section 8.3) of `application/json` names, `utf-8` when it names none. `undefined`
 * when the type is another one, absent or not well-formed.
 */
function charsetOfJson(header: string | undefined): string | undefined {
  if (header === "application/json") return "utf-8";
  const [type = "", ...parameters] = (header ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") return undefined;
  const read = parameters
    .filter((parameter) => parameter.trim() !== "")
    .map((parameter) => PARAMETER.exec(parameter));
  if (read.includes(null)) return undefined;
  return charsetAmong(read) ?? "utf-8";
}

function charsetAmong(parameters: readonly (RegExpExecArray | null)[]): string | undefined {
  const [, , quoted, token] = parameters.find((match) => match?.[1]?.toLowerCase() === "charset") ?? [];
  return (quoted ?? token)?.toLowerCase();
}

function refused(reason: Parameters<typeof problem>[0]): Extract<JsonBody, { kind: "refused" }> {
  return { kind: "refused", problem: problem(reason) };
}
