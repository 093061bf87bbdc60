import { after, type EpochSeconds } from "../../kernel/clock.ts";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import { type KeyView, renderJwks } from "../../keys/key-view.ts";
import type { Beat, KeySet, KeyStore } from "../../keys/managed/key-store.ts";
import { isStandby, type ManagedKey } from "../../keys/managed/managed-key.ts";
import type { ManagedKeys } from "../../keys/managed/managed-keys.ts";
import type { RotationTiming } from "../../keys/timing.ts";
import type { KeyMaker, Mutation } from "./world.ts";

/** A small fault of the code under test. A model that does not find it proves nothing. */
export interface Mutant extends Mutation {
  readonly fault: string;
  /** Whether it shows in what verifiers do, not only in a promise about how the service does it. */
  readonly felt?: boolean;
}

/** "A signature before its line in the ledger" belongs to the model of the ledger, as does the promise that it breaks (I16). */
export const MUTANTS: readonly Mutant[] = [
  {
    fault: "the lead is three seconds short",
    felt: true,
    rules: (rules) => ({ ...rules, leadSeconds: rules.leadSeconds - 3 }),
  },
  {
    fault: "the lead counts from a moment before the key was published",
    felt: true,
    rotationStore: (store) =>
      reading(store, (set) =>
        eachKey(set, (key) =>
          isStandby(key) ? { ...key, publishedFrom: after(key.publishedFrom, -4) } : key,
        ),
      ),
  },
  {
    fault: "a key leaves by the token life that is configured now, not by the one that is written down",
    felt: true,
    rotationStore: (store, seat) =>
      reading(store, (set) =>
        eachKey(set, (key) => ({ ...key, maxTtlSeconds: seat.maxTtlSeconds, maxExp: key.publishedFrom })),
      ),
  },
  {
    fault: "a key leaves after the tokens that replicas reported, not after those that they may have signed",
    felt: true,
    rotationStore: (store) => reading(store, (set) => eachKey(set, (key) => ({ ...key, maxTtlSeconds: 0 }))),
  },
  {
    fault: "a replica signs longer tokens before it says so",
    viewStore: (store) =>
      beating(store, (beat) => ({
        ...beat,
        maxTtlSeconds: 0,
        replica: withTiming(beat.replica, { maxTtlSeconds: 0 }),
      })),
  },
  {
    fault: "a lease is renewed by a read, though the store accepts no writes",
    felt: true,
    viewStore: (store) => ({
      ...through(store),
      beat: async (report) => {
        try {
          return await store.beat(report);
        } catch {
          const set = await store.load();
          report(set);
          return set;
        }
      },
    }),
  },
  {
    fault: "a replica that comes back says that it serves before the gap was counted",
    viewStore: (store) => beating(store, (beat) => ({ ...beat, serving: true })),
  },
  {
    fault: "the lease never ends",
    felt: true,
    keysDeps: (deps) => ({
      ...deps,
      timing: { ...deps.timing, replicaLagSeconds: Number.POSITIVE_INFINITY },
    }),
  },
  {
    fault: "the lease is two seconds too long",
    felt: true,
    keysDeps: (deps) => ({
      ...deps,
      timing: { ...deps.timing, replicaLagSeconds: deps.timing.replicaLagSeconds + 2 },
    }),
  },
  {
    fault: "a replica's clock is not compared with the store's",
    keysDeps: (deps) => ({ ...deps, timing: { ...deps.timing, clockSkewSeconds: Number.POSITIVE_INFINITY } }),
  },
  {
    fault: "a fenced replica serves the last set that it knew",
    felt: true,
    directory: (keys: ManagedKeys): KeyDirectory => {
      let last: KeyView["jwks"];
      return viewing(keys, (view) => {
        last = view.jwks ?? last;
        return { ...view, jwks: last };
      });
    },
  },
  {
    fault: "the JWKS is empty after a revocation",
    felt: true,
    directory: (keys) =>
      viewing(keys, (view) => {
        const revoked = keys.set?.keys.some((key) => key.revokedFrom !== undefined) === true;
        return revoked ? { ...view, jwks: renderJwks([]) } : view;
      }),
  },
  {
    fault: "after a shutdown the grace of verifiers is forgotten",
    felt: true,
    rules: (rules) => ({ ...rules, timing: { ...rules.timing, verifierGraceSeconds: 0 } }),
  },
  {
    fault: "a shutdown makes known what was published after it",
    rotationStore: (store) =>
      reading(store, (set) =>
        eachKey(set, (key) =>
          isStandby(key) ? { ...key, publishedFrom: earliest(key.publishedFrom, set.servedAt) } : key,
        ),
      ),
  },
  { fault: "a kid is used again", makeKey: usingOneKidAgain },
  {
    fault: "a change is made without a look at the version that it was planned for",
    rotationStore: (store) => ({
      ...through(store),
      replace: async (_seen, changes) => {
        let outcome: "replaced" | "stale" = "stale";
        while (outcome === "stale") outcome = await store.replace((await store.load()).version, changes);
        return outcome;
      },
    }),
  },
  {
    fault: "rotation goes by the replica's clock, not the store's",
    rotationStore: (store, seat) => reading(store, (set) => ({ ...set, now: seat.now() })),
  },
  { fault: "a replica accepts an older store", forgets: true },
  { fault: "a plan is made on a set that no beat has vouched for", plansBlindly: true },
  { fault: "a command is executed although no operator accepted its outage", felt: true, acceptsAll: true },
  {
    fault: "no key is made before it is needed",
    rotationStore: (store) => ({
      ...through(store),
      replace: (seen, changes) => {
        const used = new Set(changes.filter(({ kind }) => kind === "activate").map(({ kid }) => kid));
        return store.replace(
          seen,
          changes.filter(({ kind, kid }) => kind !== "publish" || used.has(kid)),
        );
      },
    }),
  },
];

function earliest(one: EpochSeconds, other: EpochSeconds | undefined): EpochSeconds {
  return other !== undefined && other < one ? other : one;
}

function through(store: KeyStore): KeyStore {
  return {
    load: () => store.load(),
    replace: (seen, changes) => store.replace(seen, changes),
    beat: (report) => store.beat(report),
  };
}

function reading(store: KeyStore, shown: (set: KeySet) => KeySet): KeyStore {
  return { ...through(store), load: async () => shown(await store.load()) };
}

/** The store, with every beat made into another one. */
function beating(store: KeyStore, made: (beat: Beat) => Beat): KeyStore {
  return {
    ...through(store),
    beat: (report) =>
      store.beat((set) => {
        const beat = report(set);
        return beat && made(beat);
      }),
  };
}

function withTiming(replica: Beat["replica"], timing: Partial<RotationTiming>): Beat["replica"] {
  const { settings } = replica;
  return { ...replica, settings: { ...settings, timing: { ...settings.timing, ...timing } } };
}

function eachKey(set: KeySet, changed: (key: ManagedKey) => ManagedKey): KeySet {
  return { ...set, keys: set.keys.map(changed) };
}

function viewing(keys: ManagedKeys, shown: (view: KeyView) => KeyView): KeyDirectory {
  return {
    view: () => shown(keys.view()),
  };
}

function usingOneKidAgain(make: KeyMaker): KeyMaker {
  let first: ImportedKey | undefined;
  let made = 0;
  return async (alg) => {
    const key = await make(alg);
    first ??= key;
    made += 1;
    return made <= 2 ? key : { ...key, kid: first.kid, publicJwk: { ...key.publicJwk, kid: first.kid } };
  };
}
