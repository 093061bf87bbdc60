import { z } from "zod";

/** The runtime reads `max_open_sessions` as an unsigned 64-bit integer. */
const U64_END = 2 ** 64;
const NOT_MODES = "scopes.allowed_modes must be an array of strings";
const NOT_A_COUNT = "scopes.max_open_sessions must be a whole number of 0 or more";

/**
 * The five fields of `macp_scopes` that the runtime reads, each absent, null or of its type. One field of a wrong type makes
 * the runtime reject the whole token, so it is refused here; fields that the runtime does not know pass through.
 */
export const Scopes = z
  .looseObject(
    {
      can_start_sessions: flag("can_start_sessions", "true"),
      can_manage_mode_registry: flag("can_manage_mode_registry", "false"),
      is_observer: flag("is_observer", "false"),
      allowed_modes: z
        .array(z.string({ error: NOT_MODES }), { error: NOT_MODES })
        .nullish()
        .meta({
          description:
            "Modes the agent may use, matched exactly. Absent or null means all modes; an empty list means none.",
        }),
      max_open_sessions: z
        .number({ error: NOT_A_COUNT })
        .multipleOf(1, { error: NOT_A_COUNT })
        .gte(0, { error: NOT_A_COUNT })
        .lt(U64_END, { error: NOT_A_COUNT })
        .nullish()
        .meta({ description: "How many sessions the agent may hold open. Absent or null means no limit." }),
    },
    { error: "scopes must be an object" },
  )
  .meta({
    id: "Scopes",
    description:
      "Becomes the `macp_scopes` claim, verbatim. Members that the runtime does not know are kept.",
  });

/** A scopes object as the caller sent it: never copied member by member, so that it reaches the token verbatim. */
export type Scopes = Readonly<Record<string, unknown>>;

function flag(name: string, whenAbsent: "true" | "false") {
  return z
    .boolean({ error: `scopes.${name} must be a boolean` })
    .nullish()
    .meta({ description: `Absent or null means ${whenAbsent} to the runtime.` });
}

/** What the runtime takes a null for, field by field. */
const NULL_MEANS: Readonly<Record<string, string>> = {
  can_start_sessions: "true: the agent may start sessions",
  can_manage_mode_registry: "false",
  is_observer: "false",
  allowed_modes: "all modes",
  max_open_sessions: "no limit",
};

/** What the runtime will make of scopes that may not mean what their author thinks, a line each. Empty for most. */
export function warningsAbout(scopes: Scopes): string[] {
  const warnings = Object.entries(NULL_MEANS)
    .filter(([name]) => Object.hasOwn(scopes, name) && scopes[name] === null)
    .map(([name, meaning]) => `scopes.${name} is null, which the runtime reads as ${meaning}`);
  const modes = Object.hasOwn(scopes, "allowed_modes") ? scopes["allowed_modes"] : undefined;
  return Array.isArray(modes) ? [...warnings, ...warningsAboutModes(modes)] : warnings;
}

function warningsAboutModes(modes: readonly unknown[]): string[] {
  if (modes.length === 0) return ["scopes.allowed_modes is empty, which the runtime reads as no mode at all"];
  if (modes.every((mode) => mode === ""))
    return [
      'scopes.allowed_modes holds nothing but "", which the runtime reads as no mode at all, ambient signals alone',
    ];
  const warnings: string[] = [];
  if (modes.includes("*"))
    warnings.push('scopes.allowed_modes holds "*", which is no wildcard: the runtime matches modes exactly');
  if (!modes.includes(""))
    warnings.push('scopes.allowed_modes lacks "", without which the runtime refuses ambient signals');
  return warnings;
}
