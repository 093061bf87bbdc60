import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { issuerEntry } from "../../testing/issuers/issuer-entry.ts";
import { documentOf, publicJwk, TestIssuer, TestStopwatch } from "../../testing/issuers/test-issuer.ts";
import { TestClock } from "../../testing/moments.ts";
import type { KnownKeys } from "../foreign/issuer-keys.ts";
import { IssuerKeySets } from "./issuer-key-sets.ts";

const entry = issuerEntry();
const KEYS_URL = "https://issuer.example/keys";
const KEY_A = publicJwk("a");
const KEY_B = publicJwk("b");

let server: TestIssuer;
let stopwatch: TestStopwatch;
let sets: IssuerKeySets;

beforeEach(() => {
  server = new TestIssuer();
  stopwatch = new TestStopwatch();
  sets = newSets();
});

function newSets(): IssuerKeySets {
  return new IssuerKeySets({
    fetchDocument: server.fetchDocument,
    readBearer: () => Promise.reject(new Error("no file")),
    clock: new TestClock(),
    stopwatch,
  });
}

const find = (kid: string | undefined = "a") => sets.find(entry, { kid, alg: "ES256" });
const settled = () => new Promise((resolve) => setImmediate(resolve));
const kidsOf = (known: KnownKeys) => (known.kind === "keys" ? known.keys.map(({ kid }) => kid) : known.kind);

describe("the number of fetches", () => {
  test("lets 200 with an unknown id wait while the keys are fresh, and judges others by the keys that are known", async () => {
    server.publish([KEY_A]);
    await find();
    stopwatch.seconds += 31;
    server.publish([KEY_A, KEY_B]);
    const { ended, all, open } = severalAtOnce(300, () => "b");
    await settled();
    expect(ended).toEqual(Array.from({ length: 100 }, (_, index) => `${String(200 + index)} `));
    expect(kidsOf(await find("a"))).toEqual(["a"]);
    open();
    await all;
    expect(ended.slice(100)).toEqual(Array.from({ length: 200 }, (_, index) => `${String(index)} b`));
    // They have left: others may wait.
    expect(kidsOf(await find("b"))).toEqual(["b"]);
  });

  test("is one for a thousand who come before the keys are known, and all of them get their key", async () => {
    server.publish([KEY_A]);
    const { ended, all, open } = severalAtOnce(1_000, () => "a");
    await settled();
    expect(ended).toEqual([]);
    open();
    await all;
    expect(ended).toEqual(Array.from({ length: 1_000 }, (_, index) => `${String(index)} a`));
    expect(server.asked.length).toBe(1);
  });

  test("is one for a thousand with a new key after the keys were not needed for long, and the old key waits for 200", async () => {
    server.publish([KEY_A]);
    await find();
    server.publish([KEY_A, KEY_B]);
    stopwatch.seconds += 301;
    const { ended, all, open } = severalAtOnce(2_000, (index) => (index % 2 === 0 ? "b" : "a"));
    await settled();
    // Those of the key that is known do not fill the service while its issuer is slow.
    expect(new Set(ended.map((line) => line.replace(/^[0-9]+ /, "")))).toEqual(new Set(["a"]));
    expect(ended.length).toBeGreaterThanOrEqual(800);
    open();
    await all;
    expect(ended.filter((line) => line.endsWith(" b")).length).toBe(1_000);
    expect(ended.filter((line) => line.endsWith(" a")).length).toBe(1_000);
    expect(server.asked.length).toBe(2);
  });

  test("is one for ten thousand forged ids before the keys are known, and then none has left anything behind", async () => {
    server.publish([KEY_A]);
    const forged = severalAtOnce(10_000, (index) => `forged-${String(index)}`);
    const honest = find("a");
    forged.open();
    await forged.all;
    expect(kidsOf(await honest)).toEqual(["a"]);
    expect(server.asked.length).toBe(1);
    // Nobody waits any more: the places of those who may are free.
    stopwatch.seconds += 31;
    const { ended, all, open } = severalAtOnce(201, (index) => `other-${String(index)}`);
    await settled();
    expect(ended).toEqual(["200 "]);
    open();
    await all;
  });

  test("does not grow, nor does anyone with a known key wait, when ten thousand forged ids come later", async () => {
    server.publish([KEY_A]);
    await find();
    stopwatch.seconds += 31;
    const forged = severalAtOnce(10_000, (index) => `forged-${String(index)}`);
    await settled();
    expect(forged.ended.length).toBe(9_800);
    expect(kidsOf(await find("a"))).toEqual(["a"]);
    forged.open();
    await forged.all;
    expect(server.asked.length).toBe(2);
  });

  /** So many who come at once while the issuer does not answer yet: what each got, in the order of the answers. */
  function severalAtOnce(count: number, kidOf: (index: number) => string) {
    let open = (): void => undefined;
    server.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const ended: string[] = [];
    const each = Array.from({ length: count }, (_, index) =>
      find(kidOf(index)).then((known) => ended.push(`${String(index)} ${kidsOf(known).toString()}`)),
    );
    return { ended, all: Promise.all(each), open };
  }

  test("is bounded, whatever is asked for, whatever the issuer answers", async () => {
    const step = fc.record({
      seconds: fc.constantFrom(0, 0.1, 1, 2, 5, 15, 30, 31, 60, 240, 301, 4000),
      kid: fc.constantFrom("a", "b", "x", "y", undefined),
      answer: fc.constantFrom("same", "a", "b", "none", "garbage", "gone"),
      isGeneration: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 150 }), async (steps) => {
        server = new TestIssuer();
        sets = newSets();
        server.publish([KEY_A]);
        const askedAt: number[] = [];
        for (const { seconds, kid, answer, isGeneration } of steps) {
          if (answer === "a") server.publish([KEY_A], 0);
          if (answer === "b") server.publish([KEY_B], 0);
          if (answer === "none") server.publish([], 0);
          if (answer === "garbage") server.answers.set(KEYS_URL, documentOf("["));
          if (answer === "gone") server.disappear();
          stopwatch.seconds += seconds;
          const before = server.asked.length;
          if (isGeneration) sets.generationOf(entry);
          await find(kid);
          await settled();
          expect(server.asked.length - before).toBeLessThanOrEqual(1);
          if (server.asked.length > before) askedAt.push(stopwatch.seconds);
        }
        // Six in a minute while it answers nothing (1, 2, 4, … s apart), one in 30 s otherwise.
        for (const [index, at] of askedAt.entries()) {
          expect(askedAt.slice(index).filter((other) => other < at + 60).length).toBeLessThanOrEqual(8);
        }
      }),
      { numRuns: 300 },
    );
  });
});
