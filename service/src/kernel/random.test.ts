import { expect, test, vi } from "vitest";
import { systemRandom } from "./random.ts";

const pools = vi.hoisted((): Buffer[] => []);
vi.mock("node:crypto", async (original) => {
  const real = await original<typeof import("node:crypto")>();
  const randomBytes = (count: number): Buffer => {
    const pool = real.randomBytes(count);
    pools.push(pool);
    return pool;
  };
  return { ...real, randomBytes };
});

test("random bytes are returned once, wiped from the pool, and fetched 4 KiB at a time", () => {
  const random = systemRandom();
  const taken = Array.from({ length: 256 }, () => random.bytes(16));
  expect(pools.map((pool) => pool.length)).toEqual([4_096]);
  expect(pools[0]?.every((byte) => byte === 0)).toBe(true);
  expect(new Set(taken.map((bytes) => bytes.toString("hex"))).size).toBe(256);
  random.bytes(16);
  expect(pools).toHaveLength(2);
});

test("a request for more random bytes than the pool holds does not use the pool", () => {
  expect(systemRandom().bytes(5_000)).toHaveLength(5_000);
});
