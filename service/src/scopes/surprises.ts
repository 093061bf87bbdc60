import { SCOPE_FIELDS, type ScopeField, type Scopes } from "./scopes.ts";

/** Scopes that may not mean at the runtime what their author thinks. */
export type ScopeSurprise =
  | { readonly kind: "null_means_default"; readonly field: ScopeField }
  /** An empty list allows no mode at all. */
  | { readonly kind: "no_modes"; readonly field: "allowed_modes" }
  /** A list of nothing but `""` allows ambient signals and no mode. */
  | { readonly kind: "ambient_signals_only"; readonly field: "allowed_modes" }
  /** `"*"` is a mode of that name: the runtime matches modes exactly. */
  | { readonly kind: "no_wildcard"; readonly field: "allowed_modes" }
  /** Without `""` the runtime rejects ambient signals. */
  | { readonly kind: "no_ambient_signals"; readonly field: "allowed_modes" };

/** The surprises in scopes whose fields are of the right types; none for most. */
export function surprisesIn(scopes: Scopes): readonly ScopeSurprise[] {
  const own = (field: ScopeField): unknown => (Object.hasOwn(scopes, field) ? scopes[field] : undefined);
  const nulls = SCOPE_FIELDS.filter((field) => own(field) === null);
  const modes = own("allowed_modes");
  return [
    ...nulls.map((field) => ({ kind: "null_means_default", field }) as const),
    ...(Array.isArray(modes) ? surprisesInModes(modes) : []),
  ];
}

function surprisesInModes(modes: readonly unknown[]): readonly ScopeSurprise[] {
  const field = "allowed_modes";
  if (modes.length === 0) return [{ kind: "no_modes", field }];
  if (modes.every((mode) => mode === "")) return [{ kind: "ambient_signals_only", field }];
  return [
    ...(modes.includes("*") ? [{ kind: "no_wildcard" as const, field } as const] : []),
    ...(modes.includes("") ? [] : [{ kind: "no_ambient_signals" as const, field } as const]),
  ];
}
