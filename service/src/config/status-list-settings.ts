import { z } from "zod";
import { oneOf, whole } from "./fields.ts";
import type { Settings } from "./settings.ts";
import type { Labels } from "./source.ts";

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

/** What status lists need beside their own settings. */
export function faultsOfStatusLists(
  { statusLists, ledger }: Pick<Settings, "statusLists" | "ledger">,
  { of, isGiven, areRead }: Labels,
): readonly string[] {
  if (statusLists === undefined) return [];
  const mode = of("statusLists.mode");
  const faults: string[] = [];
  if (!isGiven("listener.publicUrl"))
    faults.push(
      `${mode} is on, and tokens would not say where the lists are; set ${of("listener.publicUrl")} to the address at which verifiers reach the service`,
    );
  if (areRead("ledger.mode", "keys.store", "keys.rotationSeconds") && ledger.mode !== "durable")
    faults.push(
      `${mode} is on, and the ledger is ${ledger.mode}: a token that is not recorded before it leaves cannot be revoked for certain; set ${of("ledger.mode")}=durable with a store, or ${mode}=off`,
    );
  return faults;
}
