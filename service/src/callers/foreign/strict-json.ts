import { hasRepeatedMember } from "./repeated-member.ts";

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Members = Readonly<Record<string, unknown>>;

/** The members of the one JSON object in UTF-8 bytes; `undefined` when they are anything else, or hold a name twice. */
export function strictObject(bytes: Uint8Array): Members | undefined {
  try {
    return objectIn(UTF_8.decode(bytes));
  } catch {
    return undefined;
  }
}

/** The same of a text. */
export function objectIn(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && !hasRepeatedMember(text) ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}

/** Decodes base64url without padding; `undefined` when the text is not the one spelling of its bytes (RFC 4648 section 3.5). */
export function strictBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
