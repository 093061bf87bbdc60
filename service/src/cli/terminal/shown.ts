import { printable } from "../../kernel/printable.ts";

/** Text from outside for one line: harmless to a terminal and at most `charactersMax` long. */
export function shown(text: string, charactersMax = 120): string {
  const safe = printable(text.length > charactersMax ? text.slice(0, charactersMax) : text);
  return text.length > charactersMax ? `${safe}…` : safe;
}

/** A line whose parts may have gone through `shown`: what else could move a cursor is escaped, and no escape twice. */
export function harmlessLine(text: string): string {
  return text.split("\\").map(printable).join("\\");
}
