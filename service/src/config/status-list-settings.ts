import { z } from "zod";
import { oneOf, whole } from "./fields.ts";

/** Tokens have a status, which anyone may look up in a list. */
export interface StatusListSettings {
  /** Where the lists are; `undefined`: it is not set, which is a fault. */
  readonly publicUrl: string | undefined;
  /** How long a verifier may keep a list. */
  readonly ttlSeconds: number;
}

/** The settings of status lists as a person writes them. */
export const StatusListsWritten = z.object({
  mode: oneOf(["off", "on"])
    .default("off")
    .describe("whether each token has a bit in a signed status list, which says whether it was revoked"),
  ttlSeconds: whole(1, 3_600)
    .default(15)
    .describe("how long a verifier may keep a status list before it fetches the next one"),
});

/** The settings that follow from them. */
export function statusListSettings(
  { mode, ttlSeconds }: z.infer<typeof StatusListsWritten>,
  { publicUrl }: { readonly publicUrl?: string | undefined },
): StatusListSettings | undefined {
  return mode === "on" ? { publicUrl, ttlSeconds } : undefined;
}
