/** The ticks of an axis that begins at the least value or 0, and how a value of it is written. */
export interface Axis {
  readonly ticks: readonly number[];
  readonly write: (value: number) => string;
}

/** About four round steps, which contain all values. `unit`: in Grafana's words. */
export function valueAxis(values: readonly number[], unit: string): Axis {
  const most = values.reduce((one, other) => Math.max(one, other), 0);
  const least = values.reduce((one, other) => Math.min(one, other), 0);
  const step = roundStep(Math.max(most - least, SPAN_MIN[unit] ?? 1) / 4);
  const first = Math.floor(least / step + TOLERANCE);
  const last = Math.max(Math.ceil(most / step - TOLERANCE), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  return { ticks, write: writerOf(unit, Math.max(Math.abs(most), Math.abs(least), step)) };
}

const TOLERANCE = 1e-9;
/** What an axis spans at least: 1 where nothing is said. Else a line at 0 would have ticks of nothing. */
const SPAN_MIN: Readonly<Record<string, number>> = { s: 0.01, percentunit: 0.01 };

/** 1, 2 or 5 times a power of ten: the first that is not less. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5].find((one) => one * power >= least * (1 - TOLERANCE)) ?? 10;
  return factor * power;
}

/** From which size on a time is written in this unit, and its seconds. */
const TIMES = [
  { from: 172_800, seconds: 86_400, name: "d" },
  { from: 7_200, seconds: 3_600, name: "h" },
  { from: 120, seconds: 60, name: "min" },
  { from: 1, seconds: 1, name: "s" },
  { from: 0, seconds: 0.001, name: "ms" },
];

/** All ticks of an axis have one unit: that of the largest value. */
function writerOf(unit: string, largest: number): (value: number) => string {
  switch (unit) {
    case "s": {
      const { seconds, name } = TIMES.find(({ from }) => largest >= from) ?? { seconds: 1, name: "s" };
      return (value) => `${short(value / seconds)} ${name}`;
    }
    case "percentunit":
      return (value) => `${short(value * 100)} %`;
    case "reqps":
      return (value) => `${short(value)}/s`;
    default:
      return short;
  }
}

function short(value: number): string {
  const [factor, suffix] = Math.abs(value) >= 10_000 ? [1_000, "K"] : [1, ""];
  return `${String(Number((value / factor).toPrecision(4)))}${suffix}`;
}

/** Moments of a stretch of time, in seconds from its beginning, as minutes and seconds. */
export function timeAxis(seconds: number): Axis {
  const step = [5, 10, 15, 30, 60, 120, 300, 600].find((one) => seconds / one <= 5) ?? 3_600;
  return {
    ticks: Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step),
    write: (value) => `${String(Math.floor(value / 60))}:${String(value % 60).padStart(2, "0")}`,
  };
}
