import { wrongCall } from "../terminal/command-end.ts";
import type { World } from "../terminal/world.ts";

/** Throws `CommandEnd` for an option that is given and blank, as of a variable that is not set: it would not mean the default. */
export function insistOnText(name: string, option: string | undefined): void {
  if (option?.trim() === "")
    throw wrongCall(`${name} is empty; give it a value, or leave it out for the default`);
}

/** The option when it is given, else the variable when it is set to something, else the default. */
export function settingOr(
  option: string | undefined,
  variable: string,
  otherwise: string,
  { environment }: World,
): string {
  const set = environment[variable];
  return option ?? (set === undefined || set.trim() === "" ? otherwise : set);
}
