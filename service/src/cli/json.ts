import { Option } from "commander";
import type { World } from "./world.ts";

/** The option that every command has. */
export function jsonOption(): Option {
  return new Option("--json", "print one JSON document instead of text");
}

/** Prints the one document. */
export function printJson(world: World, document: object): void {
  world.out(`${JSON.stringify(document, undefined, 2)}\n`);
}
