import { describe, expect, test } from "vitest";
import { callerId, issuerEntry } from "../../testing/callers.ts";
import {
  REMEMBERED_BYTES_MAX,
  REMEMBERED_PROOFS_MAX,
  type RememberedProof,
  RememberedProofs,
} from "./remembered-proofs.ts";

const proof = (until: number, claims: RememberedProof["claims"] = {}): RememberedProof => ({
  caller: callerId("a"),
  claims,
  issuer: issuerEntry("cluster"),
  generation: 1,
  until,
});

describe("proofs that are remembered", () => {
  test("are found until their end, and by their whole text only", () => {
    const proofs = new RememberedProofs(REMEMBERED_BYTES_MAX.tokens);
    proofs.remember("a.b.c", proof(100));
    expect(proofs.find("a.b.c", 99)).toEqual(proof(100));
    expect(proofs.find("a.b.d", 99)).toBeUndefined();
    expect(proofs.find("a.b.c", 100)).toBeUndefined();
    expect(proofs.size).toBe(0);
  });

  test("are at most 10,000: the first that was added leaves first", () => {
    const proofs = new RememberedProofs(REMEMBERED_BYTES_MAX.tokens);
    for (let index = 0; index <= REMEMBERED_PROOFS_MAX; index += 1)
      proofs.remember(String(index), proof(100));
    expect(proofs.size).toBe(10_000);
    expect(proofs.find("0", 0)).toBeUndefined();
    expect(proofs.find("1", 0)).toBeDefined();
  });

  test("take one place each, however often they come", () => {
    const proofs = new RememberedProofs(REMEMBERED_BYTES_MAX.tokens);
    for (let time = 0; time < 5; time += 1) proofs.remember("a.b.c", proof(100 + time));
    expect(proofs.size).toBe(1);
    expect(proofs.find("a.b.c", 103)).toEqual(proof(104));
  });

  test.each([
    ["one value", (index: number) => ({ name: `${String(index)}${"x".repeat(12_000)}` }), 12_000],
    [
      "values of wide characters",
      (index: number) => ({ name: `${String(index)}${"\u4e2d".repeat(4_000)}` }),
      8_000,
    ],
    ["one name", (index: number) => ({ [`${String(index)}${"x".repeat(12_000)}`]: "" }), 12_000],
    [
      "many names",
      (index: number) =>
        Object.fromEntries(
          Array.from({ length: 300 }, (_, claim) => [`${String(index)}-${String(claim)}`, "x"]),
        ),
      300 * 100,
    ],
  ])("take at most 12 MiB, however large the claims of a token: %s", (_, claimsOf, bytesEach) => {
    const proofs = new RememberedProofs(REMEMBERED_BYTES_MAX.tokens);
    const count = Math.ceil((13 * 1_048_576) / bytesEach);
    for (let index = 0; index < count; index += 1)
      proofs.remember(String(index), proof(100, claimsOf(index)));
    expect(proofs.size * bytesEach).toBeLessThan(12 * 1_048_576);
    expect(proofs.size).toBeGreaterThan(100);
    expect(proofs.find(String(count - 1 - proofs.size), 0)).toBeUndefined();
    expect(proofs.find(String(count - proofs.size), 0)).toBeDefined();
    expect(proofs.find(String(count - 1), 0)).toBeDefined();
  });

  test("give their memory back when they are replaced or have expired", () => {
    const large = (until: number) => proof(until, { name: "x".repeat(500_000) });
    const proofs = new RememberedProofs(1_100_000);
    for (let time = 0; time < 5; time += 1) proofs.remember("again", large(100 + time));
    proofs.remember("other", large(100));
    expect(proofs.size).toBe(2);
    expect(proofs.find("again", 104)).toBeUndefined();
    proofs.remember("third", large(100));
    expect(proofs.size).toBe(2);
    expect(proofs.find("other", 99)).toBeDefined();
  });

  test("of more than all may take together are not remembered", () => {
    const proofs = new RememberedProofs(1_000);
    proofs.remember("small", proof(100));
    proofs.remember("large", proof(100, { name: "x".repeat(1_000) }));
    expect(proofs.find("large", 0)).toBeUndefined();
    expect(proofs.size).toBe(0);
  });
});
