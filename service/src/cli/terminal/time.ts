const UNITS = [
  { name: "d", seconds: 86_400 },
  { name: "h", seconds: 3_600 },
  { name: "min", seconds: 60 },
  { name: "s", seconds: 1 },
] as const;
const CENTURY_SECONDS = 100 * 365 * 86_400;

/** A time span of 0 or more seconds in its two largest units: `4 min 12 s`, `2 h`, `0 s`. Fractions of a second are dropped. */
export function duration(seconds: number): string {
  if (seconds >= CENTURY_SECONDS) return "more than 100 years";
  let rest = Math.floor(seconds);
  const parts = UNITS.map(({ name, seconds: size }) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return { name, count };
  });
  const largest = parts.findIndex(({ count }) => count > 0);
  if (largest === -1) return "0 s";
  return parts
    .slice(largest, largest + 2)
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => `${String(count)} ${name}`)
    .join(" ");
}

/** A moment in seconds since 1970 as UTC: `2027-01-15T08:00:00Z` (RFC 3339). */
export function utc(seconds: number): string {
  const formatted = new Intl.DateTimeFormat("sv-SE", {
    dateStyle: "short",
    timeStyle: "medium",
    timeZone: "UTC",
  }).format(seconds * 1000);
  return `${formatted.replace(" ", "T")}Z`;
}

/** A moment as UTC, and its distance from `now`: `2027-01-15T08:00:00Z (in 2 h)`. */
export function utcAndDistance(at: number, now: number): string {
  const distance = at > now ? `in ${duration(at - now)}` : at === now ? "now" : `${duration(now - at)} ago`;
  return `${utc(at)} (${distance})`;
}
