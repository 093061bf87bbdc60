import type { Clock, EpochSeconds } from "../kernel/clock.ts";
import type { Jti, Kid } from "../kernel/ids.ts";
import type { Random } from "../kernel/random.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import type { Block, StatusListStore } from "./status-list-store.ts";
import { newListId, type StatusClaim, type StatusPlace, statusClaim } from "./status-place.ts";
import type { TokenIds } from "./token-ids.ts";

/** Indexes of a list: 16 KiB of bits, which verifiers fetch at once. */
const LIST_SIZE = 131_072;
/** Indexes that a process reserves at a time. */
export const BLOCK_SIZE = 1_024;
/** How long a process mints with a block: a list of which it holds one must stay. */
const HOLD_SECONDS = 3_600;

export interface SupplyDeps {
  readonly store: Pick<StatusListStore, "reserve">;
  readonly ids: () => TokenIds | undefined;
  readonly random: Random;
  readonly clock: Pick<Clock, "now">;
  readonly publicUrl: string;
  /** How long a token may be accepted at most. */
  readonly lifeSeconds: number;
}

/** The id and the claim of a token that has a status, and where it stands. */
export interface TokenStatus {
  /** Its id, when it is issued at this moment. */
  readonly idAt: (iat: EpochSeconds) => Jti;
  readonly claim: StatusClaim;
  readonly place: StatusPlace;
}

/** Port. Where minting gets the status of a token. */
export interface StatusSupply {
  /** Of a token of this key. `undefined`: no index can be had now. Waits only when no block is at hand. */
  take(kid: Kid): Promise<TokenStatus | undefined>;
}

/** A block in use: what is left of it in random order, so that neighbours in a list were not minted one after the other. */
interface Held {
  readonly kid: Kid;
  readonly block: Block;
  readonly left: Uint16Array;
  count: number;
}

/** Gives out the indexes of blocks that this process reserved. A block is fetched while there is still another. */
export class IndexSupply implements StatusSupply {
  readonly #deps: SupplyDeps;
  #held: readonly Held[] = [];
  #fetch: { readonly kid: Kid; readonly done: Promise<void> } | undefined;

  constructor(deps: SupplyDeps) {
    this.#deps = deps;
  }

  async take(kid: Kid): Promise<TokenStatus | undefined> {
    const place = this.#next(kid) ?? (await this.#waited(kid));
    const ids = this.#deps.ids();
    if (place === undefined || ids === undefined) return undefined;
    if (this.#leftOf(kid) < BLOCK_SIZE) void this.#more(kid).catch(() => undefined);
    const claim = statusClaim(this.#deps.publicUrl, place);
    return { idAt: (iat) => ids.idOf(place, iat), claim, place };
  }

  /** Drops what may no longer be used, and fetches what is missing for this key. Rejects as the store does. */
  async refill(kid: Kid): Promise<void> {
    this.#held = this.#held.filter((held) => held.kid === kid && this.#isUsable(held));
    if (this.#leftOf(kid) < BLOCK_SIZE) await this.#more(kid);
  }

  #next(kid: Kid): StatusPlace | undefined {
    const held = this.#held.find((one) => one.kid === kid && this.#isUsable(one));
    if (held === undefined) return undefined;
    held.count -= 1;
    const offset = held.left[held.count] ?? 0;
    return { list: held.block.list, idx: held.block.first + offset };
  }

  /** Of those that wait together for a block, some may find it used up and wait for another. */
  async #waited(kid: Kid): Promise<StatusPlace | undefined> {
    for (let fetches = 0; fetches < FETCHES_MAX; fetches += 1) {
      try {
        await this.#more(kid);
      } catch (thrown) {
        if (thrown instanceof StoreUnavailable) return undefined;
        throw thrown;
      }
      const place = this.#next(kid);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** Fetches a block, one at a time. */
  #more(kid: Kid): Promise<void> {
    if (this.#fetch?.kid === kid) return this.#fetch.done;
    const done = this.#reserve(kid).finally(() => {
      if (this.#fetch?.done === done) this.#fetch = undefined;
    });
    this.#fetch = { kid, done };
    return done;
  }

  async #reserve(kid: Kid): Promise<void> {
    const { store, random, lifeSeconds } = this.#deps;
    const block = await store.reserve({
      kid,
      count: BLOCK_SIZE,
      size: LIST_SIZE,
      fresh: newListId(random),
      holdSeconds: HOLD_SECONDS,
      lifeSeconds,
    });
    const held = { kid, block, left: shuffled(block.count, random), count: block.count };
    this.#held = [...this.#held.filter((one) => this.#isUsable(one)), held];
  }

  #isUsable({ count, block }: Held): boolean {
    return count > 0 && this.#deps.clock.now() < block.usableUntil;
  }

  #leftOf(kid: Kid): number {
    const held = this.#held.filter((one) => one.kid === kid && this.#isUsable(one));
    return held.reduce((sum, { count }) => sum + count, 0);
  }
}

/** As many mints at once as there are indexes in some blocks. */
const FETCHES_MAX = 8;

/** The numbers below `count` in random order (Fisher and Yates). */
function shuffled(count: number, random: Random): Uint16Array {
  const numbers = Uint16Array.from({ length: count }, (_, place) => place);
  const bytes = random.bytes(count * 4);
  for (let last = count - 1; last > 0; last -= 1) {
    // 32 bits for at most 1,024 numbers: the remainder is even to one part in four million.
    const other = bytes.readUInt32LE(last * 4) % (last + 1);
    const moved = numbers[other] ?? 0;
    numbers[other] = numbers[last] ?? 0;
    numbers[last] = moved;
  }
  return numbers;
}
