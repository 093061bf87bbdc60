import { expect, test } from "vitest";
import { fewAtOnce, type ResolvedAddress } from "./checked-lookup.ts";

const ADDRESS: readonly ResolvedAddress[] = [{ address: "192.0.2.1", family: 4 }];

/** A name server that answers when a test says so. */
function slowNames() {
  const asked: string[] = [];
  const answers = new Map<string, { answer: () => void; fail: () => void }>();
  const resolve = fewAtOnce((host) => {
    asked.push(host);
    return new Promise((answer, fail) => {
      answers.set(host, {
        answer: () => answer(ADDRESS),
        fail: () => fail(new Error("EAI_AGAIN")),
      });
    });
  });
  const settled = () => new Promise((resume) => setImmediate(resume));
  return { asked, answers, resolve, settled };
}

test("however many names are looked up, two look-ups hold a thread at once", async () => {
  const { asked, answers, resolve, settled } = slowNames();
  const outcomes = ["a", "b", "c", "d"].map((host) => resolve(host).catch(() => "failed"));
  await settled();
  expect(asked).toEqual(["a", "b"]);
  answers.get("a")?.fail();
  await settled();
  expect(asked).toEqual(["a", "b", "c"]);
  answers.get("c")?.answer();
  answers.get("b")?.answer();
  await settled();
  expect(asked).toEqual(["a", "b", "c", "d"]);
  answers.get("d")?.answer();
  expect(await Promise.all(outcomes)).toEqual(["failed", ADDRESS, ADDRESS, ADDRESS]);
});

test("a name that is being looked up is not looked up again, and is anew once that has ended", async () => {
  const { asked, answers, resolve, settled } = slowNames();
  const first = [resolve("a"), resolve("a")];
  await settled();
  answers.get("a")?.answer();
  expect(await Promise.all(first)).toEqual([ADDRESS, ADDRESS]);
  const again = resolve("a");
  await settled();
  expect(asked).toEqual(["a", "a"]);
  answers.get("a")?.answer();
  expect(await again).toEqual(ADDRESS);
});
