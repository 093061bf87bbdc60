import { createHash } from "node:crypto";
import type { Branded } from "../kernel/branded.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Policy } from "./policy.ts";

/** Names a policy by its content: SHA-256 of its canonical form, 64 hexadecimal digits. */
export type PolicyHash = Branded<string, "PolicyHash">;

/**
 * The hash of a policy. The order of members does not change it, nor whether one is undefined or absent; the order of lists does,
 * for grants are tried in theirs.
 */
export function hashPolicy(policy: Policy): PolicyHash {
  return createHash("sha256").update(canonicalJson(policy)).digest("hex") as PolicyHash;
}
