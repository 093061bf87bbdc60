import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inexactNumberIn } from "./exact-numbers.ts";

const look = (text: string) => inexactNumberIn(text, JSON.parse(text), "scopes");
const lookAt = (number: string) => look(`{"scopes":{"n":${number}}}`);

/** A decimal as a fraction of whole numbers, worked out apart from the code under test. */
function fraction(decimal: string): readonly [bigint, bigint] {
  const [mantissa = "", exponent = "0"] = decimal.toLowerCase().split("e");
  const [whole = "", part = ""] = mantissa.split(".");
  const power = Number(exponent) - part.length;
  const digits = BigInt(whole.replace("-", "") + part) * (decimal.startsWith("-") ? -1n : 1n);
  return power < 0 ? [digits, 10n ** BigInt(-power)] : [digits * 10n ** BigInt(power), 1n];
}

function isSame(one: string, other: string): boolean {
  const [a, b] = fraction(one);
  const [c, d] = fraction(other);
  return a * d === c * b;
}

const digits = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((list) => list.join(""));
const wholePart = fc.oneof(
  fc.constant("0"),
  digits(1, 25).map((text) => text.replace(/^0+(?=.)/, "")),
);
const anyNumber = fc
  .tuple(
    fc.constantFrom("", "-"),
    wholePart,
    fc.oneof(
      fc.constant(""),
      digits(1, 25).map((text) => `.${text}`),
    ),
    fc.oneof(
      fc.constant(""),
      fc
        .tuple(fc.constantFrom("e", "E"), fc.constantFrom("", "+", "-"), fc.integer({ min: 0, max: 340 }))
        .map(([letter, sign, power]) => `${letter}${sign}${String(power)}`),
    ),
  )
  .map((parts) => parts.join(""));

describe("a number is exact when what is written again has its value", () => {
  test("for every number that JSON can spell", () => {
    fc.assert(
      fc.property(anyNumber, (number) => {
        const value = Number(number);
        const exact = Number.isFinite(value) && isSame(number, JSON.stringify(value));
        expect(lookAt(number)).toEqual(exact ? undefined : { path: "scopes.n", written: number });
      }),
      { numRuns: 3_000 },
    );
  });

  test("for every double as JavaScript writes it, and for every decimal of 15 digits", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(lookAt(JSON.stringify(value))).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
        fc.nat(30),
        (whole, places) => {
          expect(lookAt(`${String(whole)}e-${String(places)}`)).toBeUndefined();
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test.each([
    "0",
    "-0",
    "0.0",
    "0e999999999",
    "1.0",
    "100e-2",
    "0.1",
    "0.30",
    "1e23",
    "5e-324",
    "1.7976931348623157e308",
  ])("%s is", (number) => {
    expect(lookAt(number)).toBeUndefined();
  });

  test.each([
    "1e309",
    "-1e400",
    "1e99999999999999999999",
    "1e-324",
    "4e-324",
    "9007199254740993",
    "0.1234567890123456789",
    "0.1000000000000000000000001",
  ])("%s is not", (number) => {
    expect(lookAt(number)?.written).toBe(number);
  });
});

test("only the member that is asked for is looked at, in the form that the parser kept of it", () => {
  expect(look('{"x":1e400,"scopes":{"a":1}}')).toBeUndefined();
  expect(look('{"scopes":{"a":1e400},"scopes":{"a":1}}')).toBeUndefined();
  expect(look('{"scopes":{"a":"1e400 \\" 1e400","b":[1]}}')).toBeUndefined();
  expect(look('{"scopes":{"1e400":1}}')).toBeUndefined();
  expect(look('{"scopes":{"b":1,"1":1e400}}')).toEqual({ path: "scopes.1", written: "1e400" });
  expect(look('{"scopes":{"\\u0061":{"__proto__":[1,[1e400]]}}}')).toEqual({
    path: "scopes.a.__proto__[1][0]",
    written: "1e400",
  });
});

test("a body of the largest size is checked quickly, whatever numbers it holds", () => {
  const bodies = [
    `{"scopes":{"a":1${"0".repeat(50_000)}1e-60000}}`,
    `{"scopes":{"a":0.${"0".repeat(100_000)}}}`,
    `{"scopes":{"a":[${"1e2,".repeat(25_000)}1]}}`,
    `{"scopes":{"a":1,"b":"${'\\"1e5'.repeat(15_000)}"}}`,
    `{"scopes":{"a":1,${'"1e5":"",'.repeat(10_000)}"b":2}}`,
  ];
  for (const body of bodies) {
    const start = performance.now();
    look(body);
    expect(performance.now() - start).toBeLessThan(1_000);
  }
});
