import { ConfigError } from "../kernel/faults.ts";

/** What some work led to, or the faults that the operator must fix, so that they can be reported beside others. */
export type Attempt<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "faulty"; readonly faults: readonly string[] };

/** The faults; none when the work was done. */
export function faultsOf(one: Attempt<unknown>): readonly string[] {
  return one.kind === "faulty" ? one.faults : [];
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
