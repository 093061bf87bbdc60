import { printable } from "../kernel/printable.ts";
import { SCOPE_FIELDS, type Scopes } from "./scopes.ts";

/** More modes than most grants have, and few enough for a line that is written for each mint. */
const MODES_SHOWN_MAX = 8;
const MODE_CHARACTERS_MAX = 64;

/**
 * What a token gives at the runtime, for a line of the log: the five fields as the policy wrote them out, with at most 8 modes of at most
 * 64 characters each. `modes`: how many there are, where not all are shown. `others`: how many members the runtime does not know.
 * Nothing is checked, since a line is written for each mint.
 */
export function scopesInLog(scopes: Scopes): object {
  const { can_start_sessions, can_manage_mode_registry, is_observer, allowed_modes, max_open_sessions } =
    scopes;
  const modes = Array.isArray(allowed_modes) ? (allowed_modes as readonly string[]) : undefined;
  const shown: Record<string, unknown> = {
    can_start_sessions,
    can_manage_mode_registry,
    is_observer,
    allowed_modes: modes === undefined ? null : modes.slice(0, MODES_SHOWN_MAX).map(modeInLog),
    max_open_sessions,
  };
  if (modes !== undefined && modes.length > MODES_SHOWN_MAX) shown["modes"] = modes.length;
  const others = Object.keys(scopes).length - SCOPE_FIELDS.length;
  if (others > 0) shown["others"] = others;
  return shown;
}

function modeInLog(mode: string): string {
  return mode.length > MODE_CHARACTERS_MAX
    ? `${printable(mode.slice(0, MODE_CHARACTERS_MAX))}…`
    : printable(mode);
}
