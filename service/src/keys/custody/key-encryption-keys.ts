import { KEK_BYTES } from "./sealer.ts";

/** Why a text holds no usable key-encryption keys. */
export type KekFault = "not-32-bytes" | "one-byte-repeated" | "same-key-twice";

/** Reads key-encryption keys: 32 bytes each, base64url, base64 or hex, separated by commas or white space; lines that begin with # are comments. */
export function parseKeks(text: string): readonly [Buffer, ...Buffer[]] | KekFault {
  const keks = text
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .join(" ")
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map((part) =>
      /^[0-9a-fA-F]{64}$/.test(part) ? Buffer.from(part, "hex") : Buffer.from(part, "base64url"),
    );
  const [first, ...others] = keks;
  if (first === undefined || keks.some((kek) => kek.length !== KEK_BYTES)) return "not-32-bytes";
  if (keks.some((kek) => kek.every((byte) => byte === kek[0]))) return "one-byte-repeated";
  if (new Set(keks.map((kek) => kek.toString("hex"))).size !== keks.length) return "same-key-twice";
  return [first, ...others];
}
