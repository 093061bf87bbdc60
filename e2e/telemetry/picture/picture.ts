import { type Axis, timeAxis, valueAxis } from "./axis.ts";
import type { FilledPanel, Line, Place } from "./dashboard.ts";

/** Something that happened, and is marked in each panel by its letter. */
export interface Mark {
  readonly at: number;
  readonly what: string;
}

/** What is drawn: the panels, from one moment to another, in seconds since 1970. */
export interface Drawn {
  readonly title: string;
  readonly panels: readonly FilledPanel[];
  readonly from: number;
  readonly to: number;
  readonly marks: readonly Mark[];
}

const WIDTH = 1_200;
const MARGIN = 14;
const COLUMN = (WIDTH - 2 * MARGIN) / 24;
const ROW = 29;
const GAP = 6;
const LINE_HEIGHT = 17;
/** Of the letters of a sans-serif font, as a share of its size: wide enough for all that browsers choose. */
const LETTER = 0.56;
const COLOURS = [
  "#1f6feb",
  "#d9730d",
  "#2e8b57",
  "#c0392b",
  "#7b52ab",
  "#0e8a9a",
  "#c2308a",
  "#8a7000",
  "#5f6b7a",
];
const INK = "#1f2328";
const PALE = "#59636e";

/** The dashboard as SVG: one card for each panel, where its file puts it, on a ground of its own, so that it can be read on any page. */
export function pictureOf({ title, panels, from, to, marks }: Drawn): string {
  const key = linesOfWords(marks.map(({ what }, index) => `${letterOf(index)}: ${what}`));
  const top = 44 + key.length * LINE_HEIGHT;
  const rows = panels.reduce((most, { place }) => Math.max(most, place.y + place.h), 0);
  const height = Math.ceil(top + rows * ROW + MARGIN);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="system-ui,'Segoe UI','DejaVu Sans',sans-serif">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#f6f8fa"/>`,
    text(MARGIN, 28, title, { size: 16, weight: 600 }),
    ...key.map((line, index) => text(MARGIN, 48 + index * LINE_HEIGHT, line, { size: 12, colour: PALE })),
    ...panels.map((panel) => cardOf(panel, boxOf(panel.place, top), { from, to, marks })),
    "</svg>",
    "",
  ].join("\n");
}

/** The letter of a mark. */
function letterOf(index: number): string {
  return String.fromCodePoint(97 + index);
}

/** The words of the key, in lines that the page has room for. */
function linesOfWords(words: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ""}  ·  ${word}`;
    if (lines.length > 0 && longer.length * 12 * LETTER < WIDTH - 2 * MARGIN)
      lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

function boxOf({ x, y, w, h }: Place, top: number): Box {
  return {
    x: MARGIN + x * COLUMN + (x === 0 ? 0 : GAP / 2),
    y: top + y * ROW,
    w: w * COLUMN - (x === 0 || x + w === 24 ? GAP / 2 : GAP),
    h: h * ROW - GAP,
  };
}

type Span = Pick<Drawn, "from" | "to" | "marks">;

function cardOf(panel: FilledPanel, box: Box, span: Span): string {
  if (panel.type === "row") return text(box.x, box.y + 17, panel.title, { size: 13, weight: 600 });
  const size = Math.min(12, (box.w - 20) / (panel.title.length * LETTER * 1.05));
  const card = [
    `<rect x="${short(box.x)}" y="${short(box.y)}" width="${short(box.w)}" height="${short(box.h)}" rx="4" fill="#fff" stroke="#d1d9e0"/>`,
    text(box.x + 10, box.y + 18, panel.title, { size, weight: 600 }),
  ];
  const plot = { x: box.x + 50, y: box.y + 34, w: box.w - 62, h: box.h - 96 };
  if (panel.lines.length === 0)
    card.push(
      text(plot.x + plot.w / 2, plot.y + plot.h / 2, "No data", { size: 12, colour: PALE, anchor: "middle" }),
    );
  else if (panel.type === "state-timeline") card.push(...timelineOf(panel.lines, box, span));
  else card.push(...graphOf(panel, plot, span), ...legendOf(panel.lines, box));
  return `<g>\n${card.join("\n")}\n</g>`;
}

const NAMES_WIDTH = 210;
const ALERT_HEIGHT = 11.5;
/** The values of a state, as the file maps them: pending, firing. */
const STATES = [
  { value: 1, colour: "#e3b341" },
  { value: 2, colour: "#c0392b" },
];

/** A bar for each state that lasts, in one row for each line that fits. */
function timelineOf(lines: readonly Line[], box: Box, { from, to, marks }: Span): readonly string[] {
  const plot = { x: box.x + NAMES_WIDTH, y: box.y + 34, w: box.w - NAMES_WIDTH - 12, h: box.h - 56 };
  const xOf = (at: number): number => plot.x + ((at - from) / (to - from)) * plot.w;
  const rows = Math.floor(plot.h / ALERT_HEIGHT);
  return [
    ...groundOf(plot, xOf, { from, to, marks }),
    ...lines.slice(0, rows).flatMap(({ name, points }, row) => {
      const y = plot.y + (row + 0.5) * ALERT_HEIGHT;
      return [
        text(plot.x - 8, y + 3.5, name, { size: 10, anchor: "end" }),
        ...STATES.map(({ value, colour }) => {
          const path = points.flatMap(([at, state]) =>
            state === value
              ? [`M${short(xOf(at))} ${short(y)}H${short(xOf(Math.min(at + STEP_SECONDS, to)))}`]
              : [],
          );
          return `<path d="${path.join("")}" stroke="${colour}" stroke-width="${short(ALERT_HEIGHT - 3)}"/>`;
        }),
      ];
    }),
    ...(lines.length > rows ? [moreOf(lines.length - rows, box)] : []),
  ];
}

/** The ground of a graph, and its lines. */
function graphOf({ lines, unit }: FilledPanel, plot: Box, { from, to, marks }: Span): readonly string[] {
  const values = valueAxis(
    lines.flatMap(({ points }) => points.map(([, value]) => value)),
    unit,
  );
  const [least = 0, most = 1] = [values.ticks[0], values.ticks.at(-1)];
  const xOf = (at: number): number => plot.x + ((at - from) / (to - from)) * plot.w;
  const yOf = (value: number): number => plot.y + plot.h - ((value - least) / (most - least)) * plot.h;
  return [
    ...gridOf(values, plot, yOf),
    ...groundOf(plot, xOf, { from, to, marks }),
    ...lines.map(
      ({ points }, index) =>
        `<path d="${pathOf(points, xOf, yOf)}" fill="none" stroke="${colourOf(index)}" stroke-width="1.6" stroke-linejoin="round" stroke-linecap="round"/>`,
    ),
  ];
}

/** The time below, and what happened, across. */
function groundOf(plot: Box, xOf: (at: number) => number, { from, to, marks }: Span): readonly string[] {
  const { ticks, write } = timeAxis(to - from);
  return [
    ...ticks.map((tick) =>
      text(xOf(from + tick), plot.y + plot.h + 13, write(tick), { size: 10, colour: PALE, anchor: "middle" }),
    ),
    ...marks.flatMap(({ at }, index) => [
      `<path d="M${short(xOf(at))} ${short(plot.y)}v${short(plot.h)}" stroke="#afb8c1" stroke-dasharray="2 3"/>`,
      text(xOf(at), plot.y - 3, letterOf(index), { size: 9, colour: PALE, anchor: "middle" }),
    ]),
  ];
}

function gridOf({ ticks, write }: Axis, plot: Box, yOf: (value: number) => number): readonly string[] {
  return ticks.flatMap((tick) => [
    `<path d="M${short(plot.x)} ${short(yOf(tick))}h${short(plot.w)}" stroke="#e4e8ec"/>`,
    text(plot.x - 5, yOf(tick) + 3.5, write(tick), { size: 10, colour: PALE, anchor: "end" }),
  ]);
}

/** Prometheus was asked for each second: where one is missing, so is the line. */
const STEP_SECONDS = 1;

/** The path of a line, without the points in the middle of a level part. */
function pathOf(points: Line["points"], xOf: (at: number) => number, yOf: (value: number) => number): string {
  const isApart = (one: number): boolean =>
    (points[one]?.[0] ?? 0) - (points[one - 1]?.[0] ?? -9) > STEP_SECONDS;
  return points
    .map(([at, value], index) => {
      const begins = isApart(index);
      const isLevel = !begins && points[index - 1]?.[1] === value && points[index + 1]?.[1] === value;
      if (isLevel && !isApart(index + 1)) return "";
      // A point alone would be no line.
      const dot = begins && (index + 1 === points.length || isApart(index + 1)) ? "h0" : "";
      return `${begins ? "M" : "L"}${short(xOf(at))} ${short(yOf(value))}${dot}`;
    })
    .join("");
}

const LEGEND_SIZE = 10.5;
const LEGEND_LINES_MAX = 3;

/** What the colours mean, in at most three lines; those without room are counted. */
function legendOf(lines: readonly Line[], box: Box): readonly string[] {
  const drawn: string[] = [];
  let [x, line] = [box.x + 10, 0];
  for (const [index, { name }] of lines.entries()) {
    const words = name === "" ? "value" : name;
    const width = 15 + words.length * LEGEND_SIZE * LETTER + 8;
    const isLast = line === LEGEND_LINES_MAX - 1 && index < lines.length - 1;
    const room = box.x + box.w - (isLast ? 56 : 6);
    if (x + width > room && x > box.x + 10) {
      line += 1;
      x = box.x + 10;
      if (line === LEGEND_LINES_MAX) return [...drawn, moreOf(lines.length - index, box)];
    }
    const y = box.y + box.h - 33 + line * 14;
    drawn.push(
      `<rect x="${short(x)}" y="${short(y - 6)}" width="11" height="3" fill="${colourOf(index)}"/>`,
      text(x + 15, y, words, { size: LEGEND_SIZE, colour: INK }),
    );
    x += width;
  }
  return drawn;
}

function moreOf(count: number, box: Box): string {
  return text(box.x + box.w - 8, box.y + box.h - 7, `${count} more`, {
    size: LEGEND_SIZE,
    colour: PALE,
    anchor: "end",
  });
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? INK;
}

interface Font {
  readonly size: number;
  readonly weight?: number;
  readonly colour?: string;
  readonly anchor?: "middle" | "end";
}

function text(x: number, y: number, words: string, { size, weight, colour = INK, anchor }: Font): string {
  const more = `${weight === undefined ? "" : ` font-weight="${weight}"`}${anchor === undefined ? "" : ` text-anchor="${anchor}"`}`;
  return `<text x="${short(x)}" y="${short(y)}" font-size="${short(size)}" fill="${colour}"${more}>${escaped(words)}</text>`;
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
