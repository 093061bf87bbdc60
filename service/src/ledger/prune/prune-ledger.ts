import type { EpochMs } from "../../kernel/clock.ts";
import type { ChainHead } from "../chain.ts";
import type { LedgerStore } from "../ledger-store.ts";
import type { PrunedChain } from "../notes/entry-places.ts";
import type { NoteKeys } from "../notes/note-keys.ts";
import { signStatement } from "../notes/statement.ts";
import type { LedgerWriter } from "../writer.ts";
import type { PruneBounds, PruneStore } from "./prune-store.ts";

export interface PruneDeps {
  readonly ledger: Pick<LedgerStore, "heads" | "file">;
  readonly store: PruneStore;
  readonly keys: Pick<NoteKeys, "signer">;
  readonly writer: Pick<LedgerWriter, "record">;
}

/** What is removed. */
export interface PruneRequest {
  readonly now: EpochMs;
  readonly olderThanDays: number;
  /** The longest life of a token, with what verifiers tolerate. */
  readonly lifeSeconds: number;
  /** Who asked for it. */
  readonly by: string;
}

export type Pruned =
  | { readonly kind: "pruned"; readonly entries: number; readonly chains: number; readonly notes: number }
  | { readonly kind: "nothing" }
  /** That it is done could not be recorded, so it was not done. */
  | { readonly kind: "unavailable" };

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** The time before which entries go: so many days ago, and at least two lives of a token, in which its descendants expire too. */
function boundsOf({ now, olderThanDays, lifeSeconds }: Omit<PruneRequest, "by">): PruneBounds {
  const ageMs = Math.max(olderThanDays * DAY_MS, 2 * lifeSeconds * 1_000);
  return { beforeMs: now - ageMs, expFrom: Math.floor(now / 1_000) - lifeSeconds };
}

/**
 * Removes entries for their age. First an entry says so, with a statement that only a note key can sign, and how far each chain is
 * removed with its last hash: so what is left still verifies, and nobody else can remove entries in this way.
 */
export async function pruneLedger(deps: PruneDeps, request: PruneRequest): Promise<Pruned> {
  const { store, writer } = deps;
  const bounds = boundsOf(request);
  await deps.ledger.file();
  const plan = await planOf(deps, bounds);
  const notes = await store.lastFullNote(bounds.beforeMs);
  if (plan.length === 0) return { kind: "nothing" };

  const known = new Map((await store.pruned()).map((one) => [one.chain, one]));
  for (const { to } of plan) known.set(to.chain, to);
  const facts = { before_ms: bounds.beforeMs, notes: Math.max(0, notes - 1), chains: [...known.values()] };
  const statement = signStatement("pruned", facts, await deps.keys.signer());
  const recorded = await writer.record({ kind: "pruned", facts: { by: request.by, statement } });
  if (recorded.kind !== "recorded") return { kind: "unavailable" };

  const entries = await carryOut(store, plan, request.now);
  await store.removeNotes(notes);
  await store.removeCounts(Math.floor(bounds.beforeMs / HOUR_MS));
  return { kind: "pruned", entries, chains: plan.length, notes: facts.notes };
}

interface Planned {
  readonly to: PrunedChain;
  /** Whether nothing of the chain is left. */
  readonly isWhole: boolean;
}

async function planOf({ ledger, store }: PruneDeps, bounds: PruneBounds): Promise<readonly Planned[]> {
  const planned: Planned[] = [];
  for (const head of await ledger.heads()) {
    const plan = await plannedFor(store, head, bounds);
    if (plan !== undefined) planned.push(plan);
  }
  return planned;
}

/** The last entry of a chain that has not ended stays: its writer may still run. */
async function plannedFor(
  store: PruneStore,
  { chain, seq }: ChainHead,
  bounds: PruneBounds,
): Promise<Planned | undefined> {
  const last = await store.prunableTo(chain, bounds);
  const isWhole = last?.seq === seq && last.kind === "end";
  const to = last?.seq === seq && !isWhole ? await store.before(chain, seq) : last;
  return to && { to: { chain, seq: to.seq, hash: to.hash }, isWhole };
}

async function carryOut(store: PruneStore, plan: readonly Planned[], now: EpochMs): Promise<number> {
  let entries = 0;
  for (const { to, isWhole } of plan) {
    for (let removed = 1; removed > 0; entries += removed) removed = await store.remove(to, now);
    if (isWhole) await store.forgetChain(to.chain);
  }
  return entries;
}
