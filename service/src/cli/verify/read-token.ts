/** A token in compact form (RFC 7515 section 7.1) whose parts could be read. Nothing of it is proved yet. */
export interface TokenParts {
  readonly token: string;
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export type ReadToken =
  | ({ readonly kind: "token" } & TokenParts)
  | { readonly kind: "rejected"; readonly why: string };

/** The runtime's whole header list holds no more than this. */
export const TOKEN_BYTES_END = 16_384;

/** Reads a token strictly: three canonical base64url segments, the first two JSON objects. `why` holds nothing of the text. */
export function readToken(text: string): ReadToken {
  const token = text.trim();
  if (token === "") return rejected("there is no token");
  if (token.startsWith("{")) return rejected("JSON serialization; a token has the compact form");
  if (/^bearer\s/i.test(token))
    return rejected('starts with "Bearer ", which belongs to the header; leave it out');
  if (Buffer.byteLength(token) > TOKEN_BYTES_END)
    return rejected(`longer than ${String(TOKEN_BYTES_END)} bytes, all that the runtime's header list holds`);
  const segments = token.split(".");
  const [header, payload] = segments;
  if (header === undefined || payload === undefined || segments.length !== 3)
    return rejected(`${String(segments.length)} segments instead of 3`);
  if (!segments.every(isCanonical)) return rejected("a segment is empty or not canonical base64url");
  return readParts(token, header, payload);
}

function readParts(token: string, headerSegment: string, payloadSegment: string): ReadToken {
  const header = objectIn(headerSegment);
  if (header === undefined) return rejected("the header is not a JSON object");
  const claims = objectIn(payloadSegment);
  if (claims === undefined) return rejected("the payload is not a JSON object");
  return { kind: "token", token, header, claims };
}

/** RFC 7515 section 2: no padding, no other alphabet, no stray bits at the end. */
function isCanonical(segment: string): boolean {
  return (
    /^[A-Za-z0-9_-]+$/.test(segment) && Buffer.from(segment, "base64url").toString("base64url") === segment
  );
}

function objectIn(segment: string): JsonObject | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(segment, "base64url"),
    );
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

function rejected(why: string): ReadToken {
  return { kind: "rejected", why };
}
