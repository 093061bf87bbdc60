import type { EpochSeconds } from "../kernel/clock.ts";
import type { CallerId } from "./caller.ts";

/** Port. Which client assertions were used. Every adapter passes `testing/contracts/used-assertions-contract.ts`. */
export interface UsedAssertions {
  /**
   * Records an assertion as used, in one atomic step for all replicas: of any number of calls with the same caller and `jti`, one
   * gets `fresh`. The row is kept at least until `until`. Rejects with `StoreUnavailable`; then the assertion does not count as fresh.
   */
  insert(caller: CallerId, jti: string, until: EpochSeconds): Promise<"fresh" | "replayed">;
}
