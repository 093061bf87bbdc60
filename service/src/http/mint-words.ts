import { printable } from "../kernel/printable.ts";
import type { ScopeField } from "../scopes/scopes.ts";
import type { ScopeSurprise } from "../scopes/surprises.ts";
import type { InvalidRequest } from "../tokens/mint-request.ts";

const TYPES: Readonly<Record<ScopeField, string>> = {
  can_start_sessions: "a boolean",
  can_manage_mode_registry: "a boolean",
  is_observer: "a boolean",
  allowed_modes: "an array of strings",
  max_open_sessions: "a whole number of 0 or more",
};

/** What the runtime reads a null as. */
const NULL_MEANS: Readonly<Record<ScopeField, string>> = {
  can_start_sessions: "true: the agent may start sessions",
  can_manage_mode_registry: "false",
  is_observer: "false",
  allowed_modes: "all modes",
  max_open_sessions: "no limit",
};

const PATH_CHARS_MAX = 120;
const NUMBER_CHARS_MAX = 40;

/** What the body of a mint lacks, naming the member at fault; `undefined` where the reason's usual text says it. */
export function textOf(invalid: InvalidRequest): string | undefined {
  switch (invalid.reason) {
    case "scopes_invalid":
      return invalid.field && `scopes.${invalid.field} must be ${TYPES[invalid.field]}`;
    case "not_unicode":
      return `${invalid.member === "sender" ? "sender holds" : "scopes hold"} half of a surrogate pair, which is not Unicode text`;
    case "number_inexact": {
      const { path, written } = invalid.number;
      return `${printable(cut(path, PATH_CHARS_MAX))} is ${cut(written, NUMBER_CHARS_MAX)}, which a double cannot hold exactly; send another number, or a string`;
    }
    default:
      return undefined;
  }
}

/** A warning for the caller of a mint: what the runtime makes of scopes that may not mean what their author thinks. */
export function warningOf(surprise: ScopeSurprise): string {
  switch (surprise.kind) {
    case "null_means_default":
      return `scopes.${surprise.field} is null, which the runtime reads as ${NULL_MEANS[surprise.field]}`;
    case "no_modes":
      return "scopes.allowed_modes is empty, which the runtime reads as no mode at all";
    case "ambient_signals_only":
      return 'scopes.allowed_modes holds only "", which the runtime reads as no mode at all, only ambient signals';
    case "no_wildcard":
      return 'scopes.allowed_modes holds "*", which is not a wildcard: the runtime matches modes exactly';
    case "no_ambient_signals":
      return 'scopes.allowed_modes lacks "", without which the runtime rejects ambient signals';
  }
}

/** A warning for the caller of a mint under a parent: it asked for more than the parent has. */
export function narrowedWarning(field: ScopeField): string {
  return `scopes.${field} is less than requested: the parent has no more`;
}

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}
