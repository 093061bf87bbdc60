import type { EpochSeconds } from "../kernel/clock.ts";
import type { Replica } from "../keys/managed/key-store.ts";
import { leadThroughGraceSeconds } from "../keys/timing.ts";

const DAY_SECONDS = 86_400;

/**
 * Whether a replica that has ended can be forgotten: it is shown for a day, and for B2 of its own settings, which may be longer,
 * verifiers may hold what it served, so that rotation must include it.
 */
export function isForgotten(
  { seenAt, settings }: Pick<Replica, "seenAt" | "settings">,
  now: EpochSeconds,
): boolean {
  return now - seenAt > Math.max(DAY_SECONDS, leadThroughGraceSeconds(settings.timing));
}
