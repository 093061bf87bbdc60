import { describe, expect, test } from "vitest";
import { inPoolTogether } from "./thread-pool.ts";

/** A job that notes when it starts. */
const noting = (started: string[], name: string) => (): Promise<string> => {
  started.push(name);
  return Promise.resolve(name);
};

describe("jobs of the thread pool", () => {
  test("start together at the end of the turn in which they were asked for, in their order", async () => {
    const started: string[] = [];
    const first = inPoolTogether(noting(started, "first"));
    await Promise.resolve();
    const second = inPoolTogether(noting(started, "second"));
    expect(started).toEqual([]);
    expect(await Promise.all([first, second])).toEqual(["first", "second"]);
    expect(started).toEqual(["first", "second"]);
  });

  test("are asked for again by a job that starts: that one waits for the next turn", async () => {
    const started: string[] = [];
    let inner: Promise<string> | undefined;
    await inPoolTogether(() => {
      inner = inPoolTogether(noting(started, "inner"));
      return Promise.resolve();
    });
    expect(started).toEqual([]);
    expect(await inner).toBe("inner");
  });

  test("fail one by one: a job that throws or rejects takes no other with it", async () => {
    const thrown = inPoolTogether(() => {
      throw new Error("thrown");
    });
    const rejected = inPoolTogether(() => Promise.reject(new Error("rejected")));
    const other = inPoolTogether(() => Promise.resolve("done"));
    await expect(thrown).rejects.toThrow("thrown");
    await expect(rejected).rejects.toThrow("rejected");
    expect(await other).toBe("done");
  });
});
