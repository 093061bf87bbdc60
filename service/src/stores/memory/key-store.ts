import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import { applyChanges, applySignings } from "../../keys/key-change.ts";
import type { KeySet, KeyStore, Replica, VerifierSighting } from "../../keys/key-store.ts";
import type { ManagedKey } from "../../keys/managed-key.ts";
import { mergeSightings } from "../../keys/verifier-sightings.ts";

/** A key store that lives and dies with the process; `clock` is its own clock. */
export function memoryKeyStore(clock: Clock): KeyStore {
  let version = 0;
  let keys: readonly ManagedKey[] = [];
  let servedAt: EpochSeconds | undefined;
  const replicas = new Map<string, Replica>();
  let verifiers: readonly VerifierSighting[] = [];
  return {
    load: () => Promise.resolve<KeySet>({ version, keys, now: clock.now(), servedAt, replicas: [...replicas.values()], verifiers }),
    replace(seen, changes) {
      if (seen !== version) return Promise.resolve("stale");
      keys = applyChanges(keys, changes, clock.now(), version + 1);
      version += 1;
      if (changes.some((change) => change.kind === "pause")) servedAt = clock.now();
      return Promise.resolve("replaced");
    },
    beat({ replica, serving, maxTtlSeconds, signings, verifiers: seen }) {
      keys = applySignings(keys, signings, maxTtlSeconds);
      replicas.set(replica.id, { ...replica, seenAt: clock.now() });
      if (serving) servedAt = clock.now();
      verifiers = mergeSightings(verifiers, seen);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
