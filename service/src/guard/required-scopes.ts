import { rightsOf } from "../scopes/meaning.ts";
import type { Scopes } from "../scopes/scopes.ts";

/** The rights that a recipe can require by name. `max_open_sessions` is none: only the runtime counts sessions. */
const FLAGS = ["can_start_sessions", "can_manage_mode_registry", "is_observer"] as const;
type Flag = (typeof FLAGS)[number];

/** What a token must grant at the runtime, beyond being live. */
export interface RequiredScopes {
  readonly flags: readonly Flag[];
  /** Each of them must be allowed; `""` stands for the signals that belong to no session. */
  readonly modes: readonly string[];
}

/** A live token is enough. */
export const NOTHING_REQUIRED: RequiredScopes = { flags: [], modes: [] };

/** What a recipe requires, or the first member of it that is not understood, which its author must fix. */
export type RequiredRead =
  | { readonly kind: "required"; readonly required: RequiredScopes }
  | { readonly kind: "unknown"; readonly member: string };

/**
 * Reads what a recipe requires: `can_start_sessions`, `can_manage_mode_registry` and `is_observer`, each only as `true`, and `mode`, as
 * often as needed. The set is closed: a name with a typing mistake must not require nothing.
 */
export function readRequired(members: Iterable<readonly [name: string, value: string]>): RequiredRead {
  const [flags, modes]: [Flag[], string[]] = [[], []];
  for (const [name, value] of members) {
    const flag = FLAGS.find((known) => known === name);
    if (flag !== undefined && value === "true") flags.push(flag);
    else if (name === "mode") modes.push(value);
    else return { kind: "unknown", member: name };
  }
  return { kind: "required", required: { flags, modes } };
}

/** Whether scopes grant all that is required, as the runtime reads them. */
export function grants(scopes: Scopes, { flags, modes }: RequiredScopes): boolean {
  if (flags.length === 0 && modes.length === 0) return true;
  const rights = rightsOf(scopes);
  if (rights === undefined) return false;
  const { allowed_modes: allowed } = rights;
  return (
    flags.every((flag) => rights[flag]) &&
    (allowed === undefined || modes.every((mode) => allowed.includes(mode)))
  );
}
