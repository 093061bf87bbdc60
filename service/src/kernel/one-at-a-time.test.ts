import { expect, test } from "vitest";
import { oneAtATime } from "./one-at-a-time.ts";

test("calls run one after the other, and one that fails ends neither the others nor those to come", async () => {
  const log: string[] = [];
  const queue = oneAtATime();
  const call = (name: string) =>
    queue(async () => {
      log.push(`begin ${name}`);
      await Promise.resolve();
      log.push(`end ${name}`);
      if (name === "1") throw new Error("the first one fails");
      return name;
    });
  const [first, second] = await Promise.allSettled([call("1"), call("2")]);
  expect(first).toMatchObject({ status: "rejected" });
  expect(second).toEqual({ status: "fulfilled", value: "2" });
  expect(await call("3")).toBe("3");
  expect(log).toEqual(["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]);
});
