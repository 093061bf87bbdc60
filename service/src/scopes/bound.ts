import { type Rights, readField } from "./meaning.ts";
import { SCOPE_FIELDS, type ScopeField, type Scopes } from "./scopes.ts";

/** What scopes ask for by name: `undefined` where a field is absent or null. */
export type AskedRights = { readonly [Field in ScopeField]: Rights[Field] | undefined };

/** The most that scopes may give, ready to be compared with. */
export interface MaximumRights extends Rights {
  /** `allowed_modes` once more, for lists of any length. */
  readonly modeSet: ReadonlySet<string> | undefined;
}

/** Makes a maximum of rights. */
export function maximumOf(rights: Rights): MaximumRights {
  return { ...rights, modeSet: rights.allowed_modes && new Set(rights.allowed_modes) };
}

/** Reads what scopes ask for by name; `undefined` when the runtime would reject the whole token for them. */
export function askedRights(scopes: Scopes): AskedRights | undefined {
  if (Array.isArray(scopes)) return undefined;
  const asked: { [Field in ScopeField]: unknown } = { ...NOTHING_ASKED };
  for (const field of SCOPE_FIELDS) {
    const reading = readField(scopes, field);
    if (reading.kind === "wrong_type") return undefined;
    if (reading.kind === "value") asked[field] = reading.right;
  }
  return asked as AskedRights;
}

const NOTHING_ASKED: AskedRights = {
  can_start_sessions: undefined,
  can_manage_mode_registry: undefined,
  is_observer: undefined,
  allowed_modes: undefined,
  max_open_sessions: undefined,
};

/** The fields in which more is asked for by name than the maximum gives. */
export function exceededFields(asked: AskedRights, most: MaximumRights): readonly ScopeField[] {
  return SCOPE_FIELDS.filter((field) => EXCEEDS[field](asked, most));
}

const EXCEEDS: Readonly<Record<ScopeField, (asked: AskedRights, most: MaximumRights) => boolean>> = {
  can_start_sessions: (asked, most) => asked.can_start_sessions === true && !most.can_start_sessions,
  can_manage_mode_registry: (asked, most) =>
    asked.can_manage_mode_registry === true && !most.can_manage_mode_registry,
  is_observer: (asked, most) => asked.is_observer === true && !most.is_observer,
  allowed_modes: (asked, most) =>
    asked.allowed_modes?.some((mode) => most.modeSet?.has(mode) === false) === true,
  max_open_sessions: (asked, most) =>
    asked.max_open_sessions !== undefined && asked.max_open_sessions > sessionsOf(most),
};

/**
 * The scopes with all five fields written out, each at most the maximum: an omitted field is a grant to the runtime. Booleans by
 * AND, modes by intersection, sessions by minimum; null where there is no limit. Members that the runtime does not know are kept.
 */
export function boundedScopes(
  scopes: Scopes,
  asked: AskedRights,
  most: MaximumRights,
  unknown = unknownMembers(scopes),
): Scopes {
  const sessions = Math.min(asked.max_open_sessions ?? Number.POSITIVE_INFINITY, sessionsOf(most));
  const written: Scopes = {
    can_start_sessions: asked.can_start_sessions !== false && most.can_start_sessions,
    can_manage_mode_registry: asked.can_manage_mode_registry === true && most.can_manage_mode_registry,
    is_observer: asked.is_observer === true && most.is_observer,
    allowed_modes: boundedModes(asked.allowed_modes, most),
    max_open_sessions: sessions === Number.POSITIVE_INFINITY ? null : sessions,
  };
  // Most scopes have no other member, and a spread costs more than all of the above.
  return unknown.length === 0 ? written : { ...scopes, ...written };
}

/** The members of scopes that the runtime does not know. */
export function unknownMembers(scopes: Scopes): readonly string[] {
  return Object.keys(scopes).filter((member) => !KNOWN.has(member));
}

const KNOWN: ReadonlySet<string> = new Set(SCOPE_FIELDS);

function boundedModes(asked: readonly string[] | undefined, most: MaximumRights): readonly string[] | null {
  const { modeSet } = most;
  if (asked === undefined) return most.allowed_modes ?? null;
  return modeSet === undefined ? asked : asked.filter((mode) => modeSet.has(mode));
}

function sessionsOf(most: MaximumRights): number {
  return most.max_open_sessions ?? Number.POSITIVE_INFINITY;
}
