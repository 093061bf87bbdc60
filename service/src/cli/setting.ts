import type { World } from "./world.ts";

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
