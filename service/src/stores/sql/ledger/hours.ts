const HOUR_MS = 3_600_000;

/** The hour of a moment in milliseconds: how many whole hours after 1970 it is. */
export function hourOf(atMs: number): number {
  return Math.floor(atMs / HOUR_MS);
}

/** The first millisecond of an hour. */
export function startOfHour(hour: number): number {
  return hour * HOUR_MS;
}
