import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import { applyChanges, applySignings } from "../../keys/managed/key-change.ts";
import type { JwksFetches, KeySet, KeyStore, Replica } from "../../keys/managed/key-store.ts";
import type { ManagedKey } from "../../keys/managed/managed-key.ts";
import { mergeFetches } from "../../keys/managed/verifier-sightings.ts";
import { isForgotten } from "../replica-life.ts";

/** A key store that ends with the process; `clock` is its own clock. */
export function memoryKeyStore(clock: Clock): KeyStore {
  let version = 0;
  let keys: readonly ManagedKey[] = [];
  let servedAt: EpochSeconds | undefined;
  let replicas: readonly Replica[] = [];
  let fetches: JwksFetches = { verifiers: [], untracked: [] };
  const read = (): KeySet => ({ version, keys, now: clock.now(), servedAt, replicas, ...fetches });
  return {
    load: () => asPromise(read),
    replace: (seen, changes) =>
      asPromise(() => {
        if (seen !== version) return "stale";
        const now = clock.now();
        keys = applyChanges(keys, changes, now, version + 1);
        version += 1;
        if (changes.some((change) => change.kind === "pause")) servedAt = now;
        return "replaced";
      }),
    beat: (report) =>
      asPromise(() => {
        const set = read();
        const beat = report(set);
        if (beat === undefined) return set;
        const { now } = set;
        const { replica, serving, maxTtlSeconds, signings } = beat;
        keys = applySignings(keys, signings, maxTtlSeconds);
        const others = replicas.filter((one) => one.id !== replica.id && !isForgotten(one, now));
        replicas = [...others, { ...replica, seenAt: now }];
        if (serving) servedAt = now;
        fetches = mergeFetches(fetches, beat);
        return set;
      }),
  };
}

/** An exception becomes a rejection, as in the other stores. */
function asPromise<T>(work: () => T): Promise<T> {
  return Promise.resolve().then(work);
}
