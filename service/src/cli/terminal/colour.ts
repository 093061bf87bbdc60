import { styleText } from "node:util";
import type { World } from "./world.ts";

/** A colour or a style, by its name in Node's `util.styleText`. */
export type Style = Extract<Parameters<typeof styleText>[0], string>;
/** Gives a text its style, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Colours for a terminal; none for a pipe or a file, and none when NO_COLOR (https://no-color.org) is set. */
export function paintFor({ stdoutIsTerminal, environment }: World): Paint {
  const isColoured = stdoutIsTerminal && !environment["NO_COLOR"];
  // The stream was judged here: Node would look at the process's own.
  return isColoured ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}
