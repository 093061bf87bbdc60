import type { Settings } from "./settings.ts";
import type { Labels } from "./source.ts";

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
