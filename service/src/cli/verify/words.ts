const UNITS = [
  { name: "d", seconds: 86_400 },
  { name: "h", seconds: 3_600 },
  { name: "min", seconds: 60 },
  { name: "s", seconds: 1 },
] as const;
const CENTURY_SECONDS = 100 * 365 * 86_400;

/** A time span as a person says it, by its two largest units: `4 min 12 s`, `2 h`, `0 s`. Parts of a second are dropped. */
export function inWords(seconds: number): string {
  if (seconds >= CENTURY_SECONDS) return "more than 100 years";
  let rest = Math.floor(seconds);
  const parts = UNITS.map(({ name, seconds: size }) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return { name, count };
  });
  const largest = parts.findIndex(({ count }) => count > 0);
  if (largest === -1) return "0 s";
  const told = parts.slice(largest, largest + 2).filter(({ count }) => count > 0);
  return told.map(({ name, count }) => `${String(count)} ${name}`).join(" ");
}
