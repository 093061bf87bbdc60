import { createHash } from "node:crypto";
import type { Branded } from "../kernel/branded.ts";
import type { Policy } from "./policy.ts";

/** Names a policy by its content: SHA-256 of its canonical form, 64 hexadecimal digits. */
export type PolicyHash = Branded<string, "PolicyHash">;

/**
 * The hash of a policy. The order of members does not change it, nor whether one is undefined or absent; the order of lists does,
 * for grants are tried in theirs.
 */
export function hashPolicy(policy: Policy): PolicyHash {
  return createHash("sha256").update(canonical(policy)).digest("hex") as PolicyHash;
}

/** JSON without spaces whose members are sorted by their UTF-16 code units, as RFC 8785 has it. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join()}}`;
}
