import { z } from "zod";

/** The runtime reads `max_open_sessions` as an unsigned integer of 64 bits. */
const U64_END = 2 ** 64;

/** Whether the runtime reads a number as an unsigned integer of 64 bits. */
export function isU64(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < U64_END;
}

/**
 * The five fields of `macp_scopes` that the runtime reads, each absent, null or of its type. One field of a wrong type makes
 * the runtime reject the whole token; fields that the runtime does not know pass through.
 */
export const Scopes = z
  .looseObject({
    can_start_sessions: flag("true"),
    can_manage_mode_registry: flag("false"),
    is_observer: flag("false"),
    allowed_modes: z.array(z.string()).nullish().meta({
      description:
        "Modes the agent may use, matched exactly. Absent or null means all modes; an empty list means none.",
    }),
    max_open_sessions: z
      .number()
      .multipleOf(1)
      .gte(0)
      .lt(U64_END)
      // multipleOf takes 0.9999999999999999 for a multiple of 1, and the runtime would reject the whole token for it.
      .refine(isU64)
      .nullish()
      .meta({ description: "How many sessions the agent may have open. Absent or null means no limit." }),
  })
  .meta({
    id: "Scopes",
    description:
      "Becomes the `macp_scopes` claim, verbatim. Members that the runtime does not know are included.",
  });

/** A scopes object as the caller sent it: never copied member by member, so that it reaches the token verbatim. */
export type Scopes = Readonly<Record<string, unknown>>;

/** A field that the runtime reads. */
export type ScopeField = keyof typeof Scopes.shape;

/** The fields in the order of the runtime's own structure. */
export const SCOPE_FIELDS = Object.keys(Scopes.shape) as readonly ScopeField[];

function flag(whenAbsent: "true" | "false") {
  return z
    .boolean()
    .nullish()
    .meta({ description: `Absent or null means ${whenAbsent} to the runtime.` });
}
