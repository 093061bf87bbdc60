import { type HashWords, keyedHash } from "./keyed-hash.ts";

/** A key may be in one of two sets of so many slots: with two, a set is full only when nearly all of the table is. */
const SET_SLOTS = 16;
const BITS_OF_SLOT = 4;

/**
 * The stored numbers of many buckets, 16 bytes each, in memory that is reserved once and used as keys arrive. A bucket is known by a
 * keyed hash of its name, of which 64 bits are kept. A bucket that is full needs no place: its slot is free for any other. One that is
 * not full never leaves to make room (N12): where both sets of a new key hold only such, it shares the one overflow bucket.
 */
export class BucketTable {
  readonly #seed: HashWords;
  readonly #slots: number;
  readonly #setMask: number;
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  /** One more than slots: the last is the overflow bucket. */
  readonly #fullAtUs: Float64Array;
  readonly #hash: HashWords = { high: 0, low: 0 };
  #overflows = 0;

  /** `slots`: a power of two, 32 or more. `seed`: random, and secret. */
  constructor(slots: number, seed: HashWords) {
    this.#slots = slots;
    this.#setMask = (slots >>> BITS_OF_SLOT) - 1;
    this.#seed = seed;
    this.#high = new Int32Array(slots);
    this.#low = new Int32Array(slots);
    this.#fullAtUs = new Float64Array(slots + 1);
  }

  /** How many times a key found no place of its own. */
  get overflows(): number {
    return this.#overflows;
  }

  /** The slot of a key: its own, or a free one, or the overflow. Valid until `write` is called for another key. */
  slotOf(key: string, nowUs: number): number {
    keyedHash(this.#seed, key, this.#hash);
    const { high, low } = this.#hash;
    // The two sets come from different bits: a table has at most 2^21 slots, which is 2^17 sets.
    const first = (low & this.#setMask) << BITS_OF_SLOT;
    const second = (high & this.#setMask) << BITS_OF_SLOT;
    let best = this.#slots;
    let mostFree = 0;
    for (let set = 0; set < 2; set += 1) {
      const start = set === 0 ? first : second;
      let free = 0;
      let frees = 0;
      for (let slot = start; slot < start + SET_SLOTS; slot += 1) {
        if (this.#high[slot] === high && this.#low[slot] === low) return slot;
        if ((this.#fullAtUs[slot] ?? 0) > nowUs) continue;
        free = slot;
        frees += 1;
      }
      // The emptier one, so that both fill evenly.
      if (frees > mostFree) {
        best = free;
        mostFree = frees;
      }
    }
    if (mostFree === 0) this.#overflows += 1;
    return best;
  }

  /** Whether a slot is the overflow. */
  isOverflow(slot: number): boolean {
    return slot === this.#slots;
  }

  /** When the bucket of a slot is full again, in microseconds. The slot is one of `slotOf(key)`. */
  fullAtUs(slot: number): number {
    return slot === this.#slots || this.#isOwn(slot) ? (this.#fullAtUs[slot] ?? 0) : 0;
  }

  /** The same, where no bucket is emptier than one of this span: a number of an older rate is put right. */
  fullAtUsWithin(slot: number, spanUs: number, nowUs: number): number {
    const storedUs = this.fullAtUs(slot);
    if (storedUs <= nowUs + spanUs) return storedUs;
    this.write(slot, nowUs + spanUs);
    return nowUs + spanUs;
  }

  /** Stores the number of the key that `slotOf` was last called for. */
  write(slot: number, fullAtUs: number): void {
    this.#fullAtUs[slot] = fullAtUs;
    if (slot === this.#slots) return;
    this.#high[slot] = this.#hash.high;
    this.#low[slot] = this.#hash.low;
  }

  #isOwn(slot: number): boolean {
    return this.#high[slot] === this.#hash.high && this.#low[slot] === this.#hash.low;
  }
}

/** A fresh secret key for the hashes of a process. */
export function newSeed(bytes: Buffer): HashWords {
  return { high: bytes.readInt32LE(0), low: bytes.readInt32LE(4) };
}
