import { printable } from "../kernel/printable.ts";
import { unknownMembers } from "./bound.ts";
import { rightsOf } from "./meaning.ts";
import type { Scopes } from "./scopes.ts";

/** More modes than most grants have, and few enough for a line that is written for each mint. */
const MODES_SHOWN_MAX = 8;
const MODE_CHARACTERS_MAX = 64;

/**
 * What a token gives at the runtime, for a line of the log: the five fields as the token has them, with at most 8 modes of at most 64
 * characters each. `modes`: how many there are, where not all are shown. `others`: how many members the runtime does not know.
 */
export function scopesInLog(scopes: Scopes): object {
  const rights = rightsOf(scopes);
  // The runtime would reject the token: no policy gives one.
  if (rights === undefined) return {};
  const { allowed_modes: modes, max_open_sessions: sessions, ...flags } = rights;
  const others = unknownMembers(scopes).length;
  return {
    ...flags,
    allowed_modes: modes?.slice(0, MODES_SHOWN_MAX).map(modeInLog) ?? null,
    max_open_sessions: sessions ?? null,
    ...(modes !== undefined && modes.length > MODES_SHOWN_MAX && { modes: modes.length }),
    ...(others > 0 && { others }),
  };
}

function modeInLog(mode: string): string {
  return mode.length > MODE_CHARACTERS_MAX
    ? `${printable(mode.slice(0, MODE_CHARACTERS_MAX))}…`
    : printable(mode);
}
