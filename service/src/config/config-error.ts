/** What the operator must fix before the service can run. Each fault is one line with its fix. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.faults = faults;
  }
}

/** The result of some work, or the faults that the operator must fix, so that they can be reported with others. */
export type Attempt<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "faulty"; readonly faults: readonly string[] };

/** The faults; none when the work was done. */
export function faultsOf(one: Attempt<unknown>): readonly string[] {
  return one.kind === "faulty" ? one.faults : [];
}

/** The result; where there are faults, another one. */
export function valueOr<T>(one: Attempt<T>, otherwise: T): T {
  return one.kind === "done" ? one.value : otherwise;
}

/** Does the work. Rejects as it does, except with `ConfigError`. */
export async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { kind: "done", value: await work() };
  } catch (thrown) {
    if (thrown instanceof ConfigError) return { kind: "faulty", faults: thrown.faults };
    throw thrown;
  }
}
