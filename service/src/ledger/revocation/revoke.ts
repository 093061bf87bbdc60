import type { CallerId, Role } from "../../callers/caller.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { RequestFacts } from "../entry.ts";
import type { Revocations } from "../ledger.ts";
import type { LedgerWriter } from "../writer.ts";
import { newRevocationId, type Reach, type RevocationStore } from "./revocation-store.ts";
import { type Selector, subjectOf } from "./selector.ts";

export interface RevokeDeps {
  readonly store: RevocationStore;
  readonly writer: Pick<LedgerWriter, "record">;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  /** The life of the longest-lived token, in seconds. */
  readonly lifeSecondsMax: number;
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

/** Stops what a selector names and everything under it: recorded first, then made, both durable before the answer. */
export async function revoke(
  deps: RevokeDeps,
  selector: Selector,
  by: RevokedBy,
  reason: string,
): Promise<Revoked> {
  const { store, writer, random, lifeSecondsMax, revocations } = deps;
  const id = newRevocationId(random);
  try {
    const reach = await store.preview(selector);
    const facts = {
      id,
      door: selector.kind,
      subject: subjectOf(selector),
      reason,
      caller: by.caller,
      role: by.role,
      ...reach,
      ...by.request,
    };
    const recorded = await writer.record({ kind: "revocation", facts });
    if (recorded.kind !== "recorded") return { kind: "unavailable" };
    const { epoch, tokens, agents } = await store.revoke({
      id,
      selector,
      by: by.caller,
      reason,
      lifeSecondsMax,
    });
    // This replica knows it before it answers; the others poll. One that fails to learn it is not fresh, and says so.
    await revocations.catchUp(epoch).catch(() => undefined);
    return { kind: "revoked", epoch, tokens, agents };
  } catch (thrown) {
    if (thrown instanceof StoreUnavailable) return { kind: "unavailable" };
    throw thrown;
  }
}

/** What a revocation would stop now. Rejects with `StoreUnavailable`. */
export function preview(store: Pick<RevocationStore, "preview">, selector: Selector): Promise<Reach> {
  return store.preview(selector);
}
