import { after, type Clock, type EpochSeconds } from "../../kernel/clock.ts";
import { applyChanges, applySignings } from "../../keys/key-change.ts";
import type { JwksFetches, KeyStore, Replica } from "../../keys/key-store.ts";
import type { ManagedKey } from "../../keys/managed-key.ts";
import { mergeFetches } from "../../keys/verifier-sightings.ts";
import { REPLICA_FORGOTTEN_SECONDS } from "../replica-life.ts";

/** A key store that lives and dies with the process; `clock` is its own clock. */
export function memoryKeyStore(clock: Clock): KeyStore {
  let version = 0;
  let keys: readonly ManagedKey[] = [];
  let servedAt: EpochSeconds | undefined;
  let replicas: readonly Replica[] = [];
  let fetches: JwksFetches = { verifiers: [], untracked: [] };
  return {
    load: () => soon(() => ({ version, keys, now: clock.now(), servedAt, replicas, ...fetches })),
    replace: (seen, changes) =>
      soon(() => {
        if (seen !== version) return "stale";
        const now = clock.now();
        keys = applyChanges(keys, changes, now, version + 1);
        version += 1;
        if (changes.some((change) => change.kind === "pause")) servedAt = now;
        return "replaced";
      }),
    beat: ({ replica, serving, maxTtlSeconds, signings, verifiers, untracked }) =>
      soon(() => {
        const now = clock.now();
        keys = applySignings(keys, signings, maxTtlSeconds);
        const others = replicas.filter(
          (one) => one.id !== replica.id && one.seenAt >= after(now, -REPLICA_FORGOTTEN_SECONDS),
        );
        replicas = [...others, { ...replica, seenAt: now }];
        if (serving) servedAt = now;
        fetches = mergeFetches(fetches, { verifiers, untracked });
      }),
    close: () => Promise.resolve(),
  };
}

/** What is thrown becomes a rejection, as it is with the other stores. */
function soon<T>(work: () => T): Promise<T> {
  return Promise.resolve().then(work);
}
