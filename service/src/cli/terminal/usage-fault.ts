import { shown } from "./shown.ts";

/** A run of characters longer than any name of ours: perhaps a token or a key in the wrong place. */
const LONG_RUN = /[A-Za-z0-9_\-.=+/]{25,}/g;
const LONG_RUN_SHOWN = 12;
const LINE_CHARACTERS_MAX = 240;

/**
 * The parser's message as one line in the form of this program: what is wrong, then the fix or where to find it. What the
 * person typed is cut, because it may be secret. A message that has this form already is only escaped.
 */
export function usageFault(text: string, command: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith("error: ")) return shown(trimmed.replace(/^macp-auth: /, ""), LINE_CHARACTERS_MAX);
  const [, what = "", guess] = /^error: (.*?)(?:\n\(Did you mean (.+)\?\))?$/s.exec(trimmed) ?? [];
  const fault = what
    .replace(/\.$/, "")
    .replace(/\. (\w)/, (_, initial: string) => `: ${initial.toLowerCase()}`)
    .replace(/'(--[^'=]*)=[^']*'/g, "'$1'")
    .replace(LONG_RUN, (run) => `${run.slice(0, LONG_RUN_SHOWN)}…`);
  const fix = guess === undefined ? `see: ${command} --help` : `did you mean ${guess}?`;
  return shown(`${fault}; ${fix}`, LINE_CHARACTERS_MAX);
}
