import { holdsLikelySecret, printable } from "../kernel/printable.ts";

const CHARS_MAX = 256;

/** A path for a message; a note in its place when it looks like a secret that was put where a path belongs. */
export function printablePath(path: string): string {
  return path.length > CHARS_MAX || /^(?:[{[-]|eyJ)/.test(path) || holdsLikelySecret(path)
    ? "(not shown: it looks like a secret)"
    : printable(path);
}
