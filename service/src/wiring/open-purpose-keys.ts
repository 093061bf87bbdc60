import type { EpochMs } from "../kernel/clock.ts";
import type { Sealing } from "../keys/custody/sealing.ts";
import type { Purpose } from "../keys/purposes/purpose-key-store.ts";
import { type PurposeKeys, purposeKeys } from "../keys/purposes/purpose-keys.ts";
import type { OpenDatabase } from "../stores/open.ts";
import { purposeKeyStore } from "../stores/purpose-keys.ts";

/** The keys of one purpose in the database of the process. */
export function openPurposeKeys(
  purpose: Purpose,
  { database, sealing }: { readonly database: OpenDatabase; readonly sealing: Sealing },
  nowMs: () => EpochMs,
): PurposeKeys {
  return purposeKeys({ purpose, store: purposeKeyStore(database, purpose), sealing, nowMs });
}
