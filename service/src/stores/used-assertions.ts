import type { UsedAssertions } from "../callers/used-assertions.ts";
import type { Clock } from "../kernel/clock.ts";
import { memoryUsedAssertions } from "./memory/used-assertions.ts";
import type { OpenDatabase } from "./open.ts";
import { sqlUsedAssertions } from "./sql/used-assertions.ts";

/** The used assertions of all processes that share this database; without one, those of this process. `clock`: of the memory. */
export function usedAssertions(database: OpenDatabase | undefined, clock: Clock): UsedAssertions {
  return database?.kind === "sql" ? sqlUsedAssertions(database) : memoryUsedAssertions(clock);
}
