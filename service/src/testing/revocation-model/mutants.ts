import { after, epochSeconds, type Stopwatch } from "../../kernel/clock.ts";
import type { LedgerStore } from "../../ledger/ledger-store.ts";
import type {
  RevocationChanges,
  RevocationRule,
  RevocationStore,
  RevokedToken,
  StoredRevocation,
} from "../../ledger/revocation/revocation-store.ts";
import type { Mutate, Mutation, View } from "./replica.ts";

/** A small fault of the code under test. A model that does not find it proves nothing. */
export interface Mutant {
  readonly fault: string;
  /** For the replicas of one world. */
  readonly inWorld: () => Mutate;
}

export const MUTANTS: readonly Mutant[] = [
  stateless("only the first generation under a stopped token is stopped", () =>
    listing(async (token, _by, store) => ((await store.issuanceOf(token.jti))?.depth ?? 0) < 2),
  ),
  stateless("a cascade ends at a token that has expired", ({ now }) =>
    listing(async ({ jti }, _by, store) => {
      let one = await store.issuanceOf(jti);
      while (one?.parent !== undefined) {
        one = await store.issuanceOf(one.parent);
        if (one !== undefined && one.exp <= now()) return false;
      }
      return true;
    }),
  ),
  { fault: "a revocation finds only the tokens of its own replica", inWorld: ofOwnReplica },
  { fault: "what is taken back is let go although another revocation stops it", inWorld: freeingAll },
  stateless("a revocation that takes the place of another one stops nothing anew", () =>
    listing((_token, by) => by.ends === undefined),
  ),
  stateless("the last second of a sender is not stopped", () =>
    ruling((rule) => ({ ...rule, cutOff: rule.cutOff && after(rule.cutOff, -1) })),
  ),
  stateless("what is issued in the half minute after a revocation is stopped too", () =>
    ruling((rule) => ({ ...rule, cutOff: rule.cutOff && after(rule.cutOff, 30) })),
  ),
  stateless("a cut-off goes by the store's clock, also where that of a replica is ahead", () =>
    ruling((rule, { at }) => ({
      ...rule,
      cutOff: rule.cutOff && epochSeconds(Math.min(rule.cutOff, at / 1_000)),
    })),
  ),
  stateless("a restart loses what senders and callers were cut off from", () =>
    changing((page, from) => ({
      ...page,
      rules: from.epoch > 0 ? page.rules : page.rules.filter(({ cutOff }) => cutOff === undefined),
    })),
  ),
  stateless("a run that is stopped gets new tokens", () => withoutRules("run")),
  stateless("a run that was stopped gets tokens again after a minute", () =>
    ruling((rule, { at }) =>
      rule.kind === "run" ? { ...rule, until: epochSeconds(at / 1_000 + 60) } : rule,
    ),
  ),
  stateless("a revoked key stops nothing", () => withoutRules("kid")),
  stateless("other replicas do not learn that a revocation was taken back", () => withoutRules("undo")),
  stateless("a replica does not learn what was ended by a revocation that it missed", () =>
    ruling((rule) => ({ ...rule, ends: rule.ends.slice(0, 1) })),
  ),
  stateless("a batch does not say how many revocations were made before it", () => ({
    ledgerStore: (store) =>
      appending(store, async (batch) => {
        const appended = await store.append(batch);
        return appended.kind === "appended" ? { ...appended, epoch: 0 } : appended;
      }),
  })),
  stateless("a token leaves before its entry is written", () => ({
    ledgerStore: (store) => appending(store, () => Promise.resolve({ kind: "appended", epoch: 0 })),
  })),
  stateless("a parent is not looked at once more when its child is recorded", () => ({
    ledger: (ledger) => ({ ...ledger, recordMint: (facts) => ledger.recordMint(facts) }),
  })),
  stateless("the age of a look is counted from its end", () => ({ view: agingFromTheEnd })),
  stateless("a replica that is cut off goes on to answer", () => withFreshness(() => true)),
  stateless("a look is good for two seconds", () => withFreshness((ageMs) => ageMs <= 2_000)),
  stateless("a preview counts only what is named, and not what stands under it", () => ({
    revocationStore: (store) => ({
      ...store,
      preview: async (selector) =>
        selector.kind === "jti" ? { tokens: 1, agents: 1 } : store.preview(selector),
    }),
  })),
];

function stateless(fault: string, mutate: Mutate): Mutant {
  return { fault, inWorld: () => mutate };
}

/** Pages of changes as a replica reads them, made into others. */
function changing(
  changed: (
    page: RevocationChanges,
    from: { readonly epoch: number },
    store: RevocationStore,
  ) => RevocationChanges | Promise<RevocationChanges>,
): Mutation {
  return {
    revocationStore: (store) => ({
      ...store,
      changes: async (from) => changed(await store.changes(from), from, store),
    }),
  };
}

type Keeps = (
  token: RevokedToken,
  by: StoredRevocation,
  store: RevocationStore,
) => boolean | Promise<boolean>;

/** Leaves out tokens that a revocation stops by their ids. */
function listing(keeps: Keeps): Mutation {
  return changing(async (page, _from, store) => {
    const tokens: RevokedToken[] = [];
    for (const token of page.tokens)
      if (await keeps(token, await madeBy(store, token), store)) tokens.push(token);
    return { ...page, tokens };
  });
}

function ruling(changed: (rule: RevocationRule, by: StoredRevocation) => RevocationRule): Mutation {
  return changing(async (page, _from, store) => {
    const rules: RevocationRule[] = [];
    for (const rule of page.rules) rules.push(changed(rule, await madeBy(store, rule)));
    return { ...page, rules };
  });
}

async function madeBy(
  store: RevocationStore,
  { epoch }: { readonly epoch: number },
): Promise<StoredRevocation> {
  const [made] = await store.list(epoch + 1, 1);
  return made as StoredRevocation;
}

function withoutRules(kind: RevocationRule["kind"]): Mutation {
  return changing((page) => ({ ...page, rules: page.rules.filter((rule) => rule.kind !== kind) }));
}

function appending(store: LedgerStore, append: LedgerStore["append"]): LedgerStore {
  return { ...store, append };
}

/** Each revocation lists what its replica recorded itself. */
function ofOwnReplica(): Mutate {
  const [recordedBy, madeAt] = [new Map<string, string>(), new Map<number, string>()];
  const isOwn: Keeps = ({ jti, epoch }) => {
    const by = recordedBy.get(jti);
    return by === undefined || by === madeAt.get(epoch);
  };
  return ({ name }) => ({
    ledgerStore: (store) =>
      appending(store, (batch) => {
        for (const { index } of batch.entries) if (index.jti !== null) recordedBy.set(index.jti, name);
        return store.append(batch);
      }),
    revocationStore: (store) => {
      const inner = listing(isOwn).revocationStore?.(store) ?? store;
      return {
        ...inner,
        revoke: async (selector, order) => {
          const made = await store.revoke(selector, order);
          madeAt.set(made.epoch, name);
          return made;
        },
      };
    },
  });
}

/** Who takes a revocation back lets go of each token on its list. */
function freeingAll(): Mutate {
  const freed = new Set<string>();
  return () => ({
    revocationStore: (store) => ({
      ...store,
      undo: async (epoch, order) => {
        const { tokens } = await store.changes({ epoch, jti: "" });
        for (const token of tokens) if (token.epoch === epoch) freed.add(token.jti);
        return store.undo(epoch, order);
      },
    }),
    view: (view) => through(view, { isStopped: (token) => !freed.has(token.jti) && view.isStopped(token) }),
  });
}

function withFreshness(isFresh: (ageMs: number) => boolean): Mutation {
  return {
    view: (view) =>
      through(view, {
        freshness: () => {
          const { ageMs } = view.freshness();
          return { ageMs, isFresh: isFresh(ageMs) };
        },
      }),
  };
}

function agingFromTheEnd(view: View, stopwatch: Stopwatch): View {
  const elapsed = (): number => stopwatch.elapsed();
  let endedAt = Number.NEGATIVE_INFINITY;
  const noting = async (look: Promise<void>): Promise<void> => {
    await look;
    endedAt = elapsed();
  };
  return through(view, {
    poll: () => noting(view.poll()),
    catchUp: (epoch) => (view.epoch < epoch ? noting(view.catchUp(epoch)) : Promise.resolve()),
    freshness: () => {
      const ageMs = (elapsed() - endedAt) * 1_000;
      return { ageMs, isFresh: ageMs <= 1_000 };
    },
  });
}

function through(view: View, replaced: Partial<View>): View {
  return {
    get epoch() {
      return view.epoch;
    },
    catchUp: (epoch) => view.catchUp(epoch),
    poll: () => view.poll(),
    freshness: () => view.freshness(),
    isStopped: (token) => view.isStopped(token),
    firstFreeSecond: (token) => view.firstFreeSecond(token),
    ...replaced,
  };
}
