import { isU64, SCOPE_FIELDS, type ScopeField, type Scopes } from "./scopes.ts";

/** What the bearer of a token may do at the runtime. */
export interface Rights {
  readonly can_start_sessions: boolean;
  readonly can_manage_mode_registry: boolean;
  readonly is_observer: boolean;
  /** Matched exactly; `""` stands for the signals that belong to no session. `undefined`: every mode and these signals. */
  readonly allowed_modes: readonly string[] | undefined;
  /** `undefined`: no limit. */
  readonly max_open_sessions: number | undefined;
}

/** What a field that is absent or null grants. */
const WHEN_ABSENT: Rights = {
  can_start_sessions: true,
  can_manage_mode_registry: false,
  is_observer: false,
  allowed_modes: undefined,
  max_open_sessions: undefined,
};

/** What the runtime makes of one field. */
export type FieldReading<Field extends ScopeField = ScopeField> =
  | { readonly kind: "absent" | "null" | "value"; readonly right: Rights[Field] }
  /** Of a wrong type: the runtime rejects the whole token. */
  | { readonly kind: "wrong_type" };

/** Reads one field as the runtime does. */
export function readField<Field extends ScopeField>(scopes: Scopes, field: Field): FieldReading<Field> {
  const value = Object.hasOwn(scopes, field) ? scopes[field] : undefined;
  if (value === undefined) return { kind: "absent", right: WHEN_ABSENT[field] };
  if (value === null) return { kind: "null", right: WHEN_ABSENT[field] };
  return IS_OF_TYPE[field](value) ? { kind: "value", right: value as Rights[Field] } : { kind: "wrong_type" };
}

/** What scopes grant altogether; `undefined` when the runtime rejects the whole token for them. */
export function rightsOf(scopes: Scopes): Rights | undefined {
  const rights = { ...WHEN_ABSENT };
  for (const field of SCOPE_FIELDS) {
    const reading = readField(scopes, field);
    if (reading.kind === "wrong_type") return undefined;
    Object.assign(rights, { [field]: reading.right });
  }
  return rights;
}

/**
 * Whether the runtime can read the value of a field. The schema `Scopes` says the same of the types, at a cost for each field of each
 * mint; a property test compares the two.
 */
const IS_OF_TYPE: Readonly<Record<ScopeField, (value: unknown) => boolean>> = {
  can_start_sessions: isBoolean,
  can_manage_mode_registry: isBoolean,
  is_observer: isBoolean,
  allowed_modes: (value) => Array.isArray(value) && value.every(isUnicode),
  max_open_sessions: (value) => typeof value === "number" && isU64(value),
};

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

/** The runtime's JSON reader accepts no half of a surrogate pair. */
function isUnicode(value: unknown): boolean {
  return typeof value === "string" && value.isWellFormed();
}
