import { randomBytes } from "node:crypto";

/** The source of random bytes. Passed in, so that a test can repeat them. */
export interface Random {
  /** `count` cryptographically strong bytes. */
  bytes(count: number): Buffer;
}

/** Bytes fetched from the operating system at a time: one call serves 256 token ids. */
const POOL_BYTES = 4096;

/**
 * The operating system's generator, read 4 KiB at a time. Each byte is handed out once and wiped from the pool,
 * so a later look at this process's memory does not show the ids it gave.
 */
export function systemRandom(): Random {
  let pool = Buffer.alloc(0);
  let used = 0;
  return {
    bytes(count) {
      if (count > POOL_BYTES) return randomBytes(count);
      if (used + count > pool.length) {
        pool = randomBytes(POOL_BYTES);
        used = 0;
      }
      const taken = Buffer.from(pool.subarray(used, used + count));
      pool.fill(0, used, used + count);
      used += count;
      return taken;
    },
  };
}
