import { Option } from "commander";
import type { World } from "./world.ts";

/** The option that every command has. */
export function jsonOption(): Option {
  return new Option("--json", "print one JSON document instead of text");
}

/** Characters that JSON may hold as they are, and that could move a cursor, hide a word or turn the reading direction. */
const RISKY_ON_A_TERMINAL = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** Prints the one document. Text from outside in it is escaped for a terminal; a program reads the same text. */
export function printJson(world: World, document: object): void {
  const text = JSON.stringify(document, undefined, 2).replace(
    RISKY_ON_A_TERMINAL,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  world.out(`${text}\n`);
}
