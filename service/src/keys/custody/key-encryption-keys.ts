import { ConfigError } from "../../kernel/faults.ts";
import { KEK_BYTES } from "./sealer.ts";

/** Reads key-encryption keys: 32 bytes each, base64url, base64 or hex, separated by commas or white space. Throws `ConfigError`. */
export function parseKeks(variable: string, text: string): readonly [Buffer, ...Buffer[]] {
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
  if (first === undefined || keks.some((kek) => kek.length !== KEK_BYTES)) {
    throw new ConfigError([
      `${variable} must hold keys of 32 bytes as base64url or hex; give the key that the store was made with, or for a new store make one with: macp-auth kek generate`,
    ]);
  }
  if (keks.some((kek) => kek.every((byte) => byte === kek[0]))) {
    throw new ConfigError([
      `${variable} holds a key that is one byte repeated; give the key that the store was made with, or for a new store make one with: macp-auth kek generate`,
    ]);
  }
  if (new Set(keks.map((kek) => kek.toString("hex"))).size !== keks.length)
    throw new ConfigError([`${variable} holds the same key twice; remove one`]);
  return [first, ...others];
}
