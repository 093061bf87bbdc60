import { stripVTControlCharacters } from "node:util";

const GAP = "  ";

/** Rows as lines, each column as wide as its widest cell. Cells are printable text, and may have a colour. */
export function table(rows: readonly (readonly string[])[], indent = ""): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
    });
  return rows.map((row) => `${(indent + lineOf(row, widths)).trimEnd()}\n`).join("");
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  return row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - widthOf(cell))).join(GAP);
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
