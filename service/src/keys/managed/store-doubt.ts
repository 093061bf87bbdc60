import type { KeySet } from "./key-store.ts";
import type { ManagedKey } from "./managed-key.ts";

/** The store went back in time, or it is not the one that was read before, whatever its version says. */
export type StoreDoubt = "store_older" | "store_forked";

/**
 * Why nothing of a set may be used (I12): a store must have what this replica saw of it, and the same of each key, or it was
 * restored and changed differently since. `seen` is what was read last.
 */
export function storeDoubtOf(
  set: KeySet,
  seen: { readonly version: number; readonly set: KeySet | undefined },
): StoreDoubt | undefined {
  if (set.version < seen.version) return "store_older";
  return seen.set === undefined || descends(set, seen.set) ? undefined : "store_forked";
}

/** Whether all that is stamped on the keys of `before` is stamped on them in `after` too: rows stay, and stamps never change. */
function descends(after: KeySet, before: KeySet): boolean {
  const byKid = new Map(after.keys.map((key) => [key.kid, key]));
  return before.keys.every((key) => {
    const now = byKid.get(key.kid);
    return (
      now !== undefined && STAMPS.every((stamp) => key[stamp] === undefined || key[stamp] === now[stamp])
    );
  });
}

const STAMPS = [
  "publishedVersion",
  "publishedFrom",
  "signingFrom",
  "retiringFrom",
  "taintedFrom",
  "revokedFrom",
  "retiredFrom",
] as const satisfies readonly (keyof ManagedKey)[];
