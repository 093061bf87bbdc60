import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Jti } from "../../kernel/ids.ts";
import type { RevokedToken } from "./revocation-store.ts";

const SHARDS = 1_024;
const MINUTE_SECONDS = 60;
/** Ids that leave at a time: a sweep of a million would hold up what waits for the processor. */
const SWEEP_MAX = 10_000;

/** Several revocations stop the same token. */
interface Several {
  readonly epochs: readonly number[];
  /** How many times it is in the list of those that leave: the last one counts. */
  readonly leaves: number;
}

/**
 * The ids of stopped tokens, up to millions: about a hundred bytes each, found by one look. They are spread over many maps, because a
 * map that grows is copied whole.
 */
export class RevokedIds {
  readonly #shards: readonly Map<string, number>[] = Array.from({ length: SHARDS }, () => new Map());
  readonly #several = new Map<string, Several>();
  /** Which leave in which minute. */
  readonly #leaving = new Map<number, string[]>();
  /** Revocations that no longer count, until what they stopped has left. */
  readonly #ended = new Map<number, EpochSeconds>();
  #size = 0;

  /** How many are known. */
  get size(): number {
    return this.#size;
  }

  add({ jti, epoch, until }: RevokedToken): void {
    const shard = this.#shardOf(jti);
    const known = shard.get(jti);
    if (known === undefined) {
      shard.set(jti, epoch);
      this.#size += 1;
    } else {
      const { epochs, leaves } = this.#several.get(jti) ?? { epochs: [known], leaves: 1 };
      // A page may come twice.
      if (epochs.includes(epoch)) return;
      const standing = epochs.filter((one) => !this.#ended.has(one));
      this.#several.set(jti, { epochs: [...standing, epoch], leaves: leaves + 1 });
    }
    const minute = Math.ceil(until / MINUTE_SECONDS);
    const leaving = this.#leaving.get(minute);
    if (leaving === undefined) this.#leaving.set(minute, [jti]);
    else leaving.push(jti);
  }

  /** What this revocation stopped is no longer stopped by it. `until`: when all of it has left. */
  end(epoch: number, until: EpochSeconds): void {
    this.#ended.set(epoch, until);
  }

  has(jti: Jti): boolean {
    return this.stoppedBy(jti) !== undefined;
  }

  /** A revocation that stops this token by its id; `undefined`: none does. */
  stoppedBy(jti: Jti): number | undefined {
    const epoch = this.#shardOf(jti).get(jti);
    if (epoch === undefined || !this.#ended.has(epoch)) return epoch;
    return this.#several.get(jti)?.epochs.find((other) => !this.#ended.has(other));
  }

  /** Lets go of those whose time has come, some thousands at most. */
  sweep(now: EpochSeconds): void {
    let left = SWEEP_MAX;
    for (const [minute, ids] of this.#leaving) {
      if (left === 0) break;
      if (minute * MINUTE_SECONDS > now) continue;
      const gone = ids.splice(-left);
      for (const jti of gone) this.#leave(jti);
      left -= gone.length;
      if (ids.length === 0) this.#leaving.delete(minute);
    }
    for (const [epoch, until] of this.#ended) if (until <= now) this.#ended.delete(epoch);
  }

  #leave(jti: string): void {
    const several = this.#several.get(jti);
    if (several !== undefined && several.leaves > 1) {
      this.#several.set(jti, { ...several, leaves: several.leaves - 1 });
      return;
    }
    this.#several.delete(jti);
    if (this.#shardOf(jti).delete(jti)) this.#size -= 1;
  }

  #shardOf(jti: string): Map<string, number> {
    const place = (jti.charCodeAt(0) * 64 + jti.charCodeAt(1)) % SHARDS;
    const shard = this.#shards[place];
    if (shard === undefined) throw new RangeError(jti);
    return shard;
  }
}
