import { after, type Clock, type EpochSeconds, epochMs, epochSeconds, latest } from "../../kernel/clock.ts";

import type { LinkedEntry } from "../../ledger/chain.ts";
import type { MintFacts } from "../../ledger/entry.ts";
import {
  type ChangesFrom,
  type Issuance,
  LEEWAY_SECONDS,
  NEVER,
  PUT_BACK,
  type Reach,
  type RevocationChanges,
  type RevocationOrder,
  type RevocationStore,
  type RevokedToken,
  type StoredRevocation,
} from "../../ledger/revocation/revocation-store.ts";
import { type Selector, subjectOf } from "../../ledger/revocation/selector.ts";
import type { MemoryRecords } from "./records.ts";

const PAGE_MAX = 5_000;

/** What is revoked, in the memory of a process. `lifeSecondsMax`: of the tokens that it issues. */
export function memoryRevocations(
  records: MemoryRecords,
  lifeSecondsMax: number,
  clock: Clock,
): RevocationStore {
  const commit = <Made extends StoredRevocation | undefined>(
    order: RevocationOrder,
    change: () => Made,
  ): Made => {
    const known = records.revocations.find(({ id }) => id === order.id);
    if (known !== undefined) return known as Made;
    const made = change();
    if (made !== undefined) records.revocations = [...records.revocations, made];
    return made;
  };
  return {
    revoke: async (selector, order) =>
      commit(order, () => stop(records, selector, order, { now: clock.now(), lifeSecondsMax })),
    undo: async (epoch, order) => commit(order, () => takeBack(records, epoch, order, clock.now())),
    preview: async (selector) => reachOf(treeOf(records, selector), clock.now()),
    standing: async (selector) => standingIn(records, selector)?.epoch,
    changes: async (from) => changesFrom(records, from, clock.now()),
    list: async (before = Number.POSITIVE_INFINITY, limit) =>
      records.revocations
        .filter(({ epoch }) => epoch < before)
        .toReversed()
        .slice(0, limit),
    issuanceOf: async (jti) => {
      const found = mintsOf(records).find((mint) => mint.jti === jti);
      return found && issuanceOf(found);
    },
    prune: async (now) => {
      const left = records.tokens.filter(({ until }) => until > Math.min(now, clock.now()));
      const gone = records.tokens.length - left.length;
      records.tokens = left;
      return gone;
    },
  };
}

function changesFrom(records: MemoryRecords, from: ChangesFrom, now: EpochSeconds): RevocationChanges {
  const idOf = (wanted: number) => records.revocations.find(({ epoch }) => epoch === wanted)?.id;
  if (from.after !== undefined && from.after !== idOf(from.epoch - 1)) return PUT_BACK;
  const rules = records.revocations
    .filter(
      ({ epoch, kind, ends, endedBy, until }) =>
        epoch >= from.epoch &&
        endedBy === undefined &&
        until > now &&
        ((kind !== "jti" && kind !== "root") || ends !== undefined),
    )
    .map((one) => ({ ...one, ends: allEndedBy(one, records) }));
  const found = records.tokens.filter(
    ({ epoch, jti, until }) =>
      until > now && (epoch > from.epoch || (epoch === from.epoch && jti > from.jti)),
  );
  const tokens = found.slice(0, PAGE_MAX);
  const last = tokens.at(-1);
  if (found.length > PAGE_MAX && last !== undefined)
    return { epoch: last.epoch - 1, rules, tokens, next: { epoch: last.epoch, jti: last.jti } };
  const epoch = records.revocations.length;
  return { epoch, rules, tokens, next: undefined, last: idOf(epoch) };
}

/** What a revocation ended, and what that one had ended, and so on. */
function allEndedBy({ ends }: StoredRevocation, records: MemoryRecords): readonly number[] {
  const ended = records.revocations.find(({ epoch }) => epoch === ends);
  return ended === undefined ? [] : [ended.epoch, ...allEndedBy(ended, records)];
}

function issuanceOf({ jti, caller, sender, exp, run, parent, root, depth }: Mint): Issuance {
  return { jti, caller, sender, exp, run, parent, root: root ?? jti, depth: depth ?? 0 };
}

interface Mint extends MintFacts {
  readonly at: EpochSeconds;
}

interface Tree {
  readonly own: readonly Mint[];
  readonly under: readonly Mint[];
}

function mintsOf({ chains }: MemoryRecords): readonly Mint[] {
  return [...chains.values()]
    .flat()
    .filter(({ kind }) => kind === "mint")
    .map(({ at, body }: LinkedEntry) => ({
      ...(JSON.parse(body) as MintFacts),
      at: epochSeconds(at / 1_000),
    }));
}

/** The tokens that a selector names, and all that stand under them. */
function treeOf(records: MemoryRecords, selector: Selector): Tree {
  const mints = mintsOf(records);
  const own = mints.filter(namedBy(selector, mints));
  const ids = new Set(own.map(({ jti }) => jti));
  const under: Mint[] = [];
  for (let grown = true; grown; ) {
    const more = mints.filter(({ jti, parent }) => !ids.has(jti) && parent !== undefined && ids.has(parent));
    for (const mint of more) ids.add(mint.jti);
    under.push(...more);
    grown = more.length > 0;
  }
  return { own, under };
}

function namedBy(selector: Selector, mints: readonly Mint[]): (mint: Mint) => boolean {
  switch (selector.kind) {
    case "jti":
      return ({ jti }) => jti === selector.jti;
    case "root": {
      const root = mints.find(({ jti }) => jti === selector.jti)?.root ?? selector.jti;
      return ({ jti }) => jti === root;
    }
    case "run":
      return ({ run }) => run === selector.run;
    case "caller":
      return ({ caller }) => caller === selector.caller;
    case "sender":
      return ({ sender }) => sender === selector.sender;
    case "kid":
      return ({ kid }) => kid === selector.kid;
  }
}

function reachOf({ own, under }: Tree, now: EpochSeconds): Reach {
  const live = [...own, ...under].filter(({ exp }) => exp > now);
  return { tokens: live.length, agents: new Set(live.map(({ sender }) => sender)).size };
}

interface Present {
  readonly now: EpochSeconds;
  readonly lifeSecondsMax: number;
}

function stop(
  records: MemoryRecords,
  selector: Selector,
  order: RevocationOrder,
  { now, lifeSecondsMax }: Present,
): StoredRevocation {
  const epoch = records.revocations.length + 1;
  const subject = subjectOf(selector);
  const tree = treeOf(records, selector);
  const before = standingIn(records, selector);
  if (before !== undefined) end(records, before.epoch, epoch);
  const tokens = listed(tree, selector, { now, lifeSecondsMax }).map((token) => ({ ...token, epoch }));
  records.tokens = [...records.tokens, ...tokens];
  const hasCutOff = selector.kind === "sender" || selector.kind === "caller";
  const recorded = tree.own.map(({ at }) => at);
  const cutOff = hasCutOff ? latest(now, ...recorded, before?.cutOff ?? now) : undefined;
  const lasts = [...tree.own.map(({ exp }) => ending(exp)), ...tokens.map(({ until }) => until)];
  return {
    ...order,
    ...reachOf(tree, now),
    epoch,
    at: epochMs(now * 1_000),
    kind: selector.kind,
    subject,
    cutOff,
    until: selector.kind === "run" ? NEVER : latest(ending(after(cutOff ?? now, lifeSecondsMax)), ...lasts),
    ends: before?.epoch,
    endedBy: undefined,
  };
}

function standingIn({ revocations }: MemoryRecords, selector: Selector): StoredRevocation | undefined {
  const subject = subjectOf(selector);
  return revocations.find(
    (one) => one.kind === selector.kind && one.subject === subject && one.endedBy === undefined,
  );
}

/** What is stopped by its id, by id. */
function listed(
  { own, under }: Tree,
  { kind, ...subject }: Selector,
  present: Present,
): readonly Omit<RevokedToken, "epoch">[] {
  const isKnown = kind === "sender" || kind === "kid";
  const unknown =
    "jti" in subject && own.length === 0
      ? [{ jti: subject.jti, until: ending(after(present.now, present.lifeSecondsMax)) }]
      : [];
  return [...(isKnown ? [] : own), ...under]
    .map(({ jti, exp }) => ({ jti, until: ending(exp) }))
    .concat(unknown)
    .filter(({ until }) => until > present.now)
    .toSorted((one, other) => (one.jti < other.jti ? -1 : 1));
}

function takeBack(
  records: MemoryRecords,
  epoch: number,
  order: RevocationOrder,
  now: EpochSeconds,
): StoredRevocation | undefined {
  const target = records.revocations.find((one) => one.epoch === epoch);
  if (target === undefined || target.endedBy !== undefined || target.kind === "undo") return undefined;
  const next = records.revocations.length + 1;
  end(records, epoch, next);
  return {
    ...target,
    ...order,
    epoch: next,
    at: epochMs(now * 1_000),
    kind: "undo",
    cutOff: undefined,
    ends: epoch,
    endedBy: undefined,
  };
}

function end(records: MemoryRecords, epoch: number, by: number): void {
  records.revocations = records.revocations.map((one) =>
    one.epoch === epoch ? { ...one, endedBy: by } : one,
  );
  records.tokens = records.tokens.filter((token) => token.epoch !== epoch);
}

function ending(exp: EpochSeconds): EpochSeconds {
  return after(exp, LEEWAY_SECONDS);
}
