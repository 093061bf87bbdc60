import type { Clock } from "../kernel/clock.ts";
import type { RevocationStore } from "../ledger/revocation/revocation-store.ts";
import { memoryRevocations } from "./memory/revocations.ts";
import type { OpenDatabase } from "./open.ts";
import { sqlRevocations } from "./sql/revocation/revocations.ts";

/** What is revoked, for all processes that share this database. `lifeSecondsMax`: of the tokens of this process. `clock`: of the memory. */
export function revocationStore(
  database: OpenDatabase,
  lifeSecondsMax: number,
  clock: Clock,
): RevocationStore {
  return database.kind === "sql"
    ? sqlRevocations(database, lifeSecondsMax)
    : memoryRevocations(database.records, lifeSecondsMax, clock);
}
