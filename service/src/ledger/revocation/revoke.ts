import type { CallerId, Role } from "../../callers/caller.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { Entry, RequestFacts } from "../entry.ts";
import type { Revocations } from "../ledger.ts";
import type { LedgerWriter } from "../writer.ts";
import {
  newRevocationId,
  type Reach,
  type RevocationOrder,
  type RevocationStore,
  type StoredRevocation,
} from "./revocation-store.ts";
import { namesOf, type Selector, type SelectorKind, subjectOf } from "./selector.ts";

export interface RevokeDeps {
  readonly store: RevocationStore;
  readonly writer: Pick<LedgerWriter, "record">;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
}

/** Who revokes. */
export interface RevokedBy {
  readonly caller: CallerId;
  readonly role?: Role | undefined;
  readonly request: RequestFacts;
}

export type Revoked =
  /** Durable. Every replica has it within a second, or answers no question about tokens. */
  | { readonly kind: "revoked"; readonly epoch: number; readonly tokens: number; readonly agents: number }
  /** It is not known to be in the store: the same may be asked again. */
  | { readonly kind: "unavailable" };

/**
 * Stops what a selector names and everything under it. It is recorded first and then made, so that a revocation that took effect has an
 * entry; both are durable before the answer.
 */
export function revoke(
  deps: RevokeDeps,
  selector: Selector,
  by: RevokedBy,
  reason: string,
): Promise<Revoked> {
  return available(async () => {
    const order = { id: newRevocationId(deps.random), by: by.caller, reason };
    const reach = await deps.store.preview(selector);
    const facts = { ...factsOf(order, by), ...whatOf(selector.kind, subjectOf(selector)), ...reach };
    if (!(await isRecorded(deps, { kind: "revocation", facts }))) return undefined;
    return { kind: "revoked", ...(await inForce(deps, await deps.store.revoke(selector, order))) };
  });
}

export type Undone =
  | { readonly kind: "undone"; readonly epoch: number; readonly tokens: number; readonly agents: number }
  /** No revocation with this number stands. */
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable" };

/** Takes the revocation with this number back: what another one stops stays stopped. */
export function undo(deps: RevokeDeps, epoch: number, by: RevokedBy, reason: string): Promise<Undone> {
  return available(async () => {
    const [target] = await deps.store.list(epoch + 1, 1);
    if (target?.epoch !== epoch || target.kind === "undo" || target.endedBy !== undefined)
      return { kind: "unknown" };
    const order = { id: newRevocationId(deps.random), by: by.caller, reason };
    const facts = { ...factsOf(order, by), undoes: epoch, ...whatOf(target.kind, target.subject) };
    if (!(await isRecorded(deps, { kind: "undo", facts }))) return undefined;
    const undone = await deps.store.undo(epoch, order);
    return undone === undefined ? { kind: "unknown" } : { kind: "undone", ...(await inForce(deps, undone)) };
  });
}

/** What a revocation would stop now. Rejects with `StoreUnavailable`. */
export function preview(store: Pick<RevocationStore, "preview">, selector: Selector): Promise<Reach> {
  return store.preview(selector);
}

/** Whether the entry is on the disk. */
async function isRecorded({ writer }: RevokeDeps, entry: Entry): Promise<boolean> {
  return (await writer.record(entry)).kind === "recorded";
}

/** The answer, once this replica knows the change. Others poll; one that does not learn it, this one too, is not fresh, and says so. */
async function inForce(
  { revocations }: RevokeDeps,
  { epoch, tokens, agents }: StoredRevocation,
): Promise<Reach & { readonly epoch: number }> {
  await revocations.catchUp(epoch).catch(() => undefined);
  return { epoch, tokens, agents };
}

/** `undefined` from `work`, or a store that fails: it was not done, or is not known to be. */
async function available<Outcome>(
  work: () => Promise<Outcome | undefined>,
): Promise<Outcome | { readonly kind: "unavailable" }> {
  try {
    return (await work()) ?? { kind: "unavailable" };
  } catch (thrown) {
    if (thrown instanceof StoreUnavailable) return { kind: "unavailable" };
    throw thrown;
  }
}

/** What is named, twice: as every revocation says it, and as the entries of a token do, which it is found with. */
function whatOf(door: SelectorKind, subject: string): object {
  return { door, subject, ...namesOf(door, subject) };
}

/** `id` is also that of the row in the store. */
function factsOf({ id, reason }: RevocationOrder, { caller, role, request }: RevokedBy): object {
  return { id, reason, caller, role, ...request };
}
