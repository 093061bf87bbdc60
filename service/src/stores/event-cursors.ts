import type { EventCursors } from "../events/event-cursors.ts";
import type { Clock } from "../kernel/clock.ts";
import { memoryEventCursors } from "./memory/event-cursors.ts";
import type { OpenDatabase } from "./open.ts";
import { sqlEventCursors } from "./sql/events/event-cursors.ts";

/** Where each receiver of events is, for all processes that share this database. `clock`: of the memory. */
export function eventCursors(database: OpenDatabase, clock: Clock): EventCursors {
  return database.kind === "sql" ? sqlEventCursors(database) : memoryEventCursors(clock);
}
