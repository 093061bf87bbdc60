import { describe, expect, test } from "vitest";
import { callerId, issuerEntry } from "../../testing/callers.ts";
import { REMEMBERED_PROOFS_MAX, type RememberedProof, RememberedProofs } from "./remembered-proofs.ts";

const proof = (until: number): RememberedProof => ({
  caller: callerId("a"),
  claims: {},
  issuer: issuerEntry("cluster"),
  generation: 1,
  until,
});

describe("proofs that are remembered", () => {
  test("are found until their end, and by their whole text only", () => {
    const proofs = new RememberedProofs();
    proofs.remember("a.b.c", proof(100));
    expect(proofs.find("a.b.c", 99)).toEqual(proof(100));
    expect(proofs.find("a.b.d", 99)).toBeUndefined();
    expect(proofs.find("a.b.c", 100)).toBeUndefined();
    expect(proofs.size).toBe(0);
  });

  test("are at most 10,000: the first that was added leaves first", () => {
    const proofs = new RememberedProofs();
    for (let index = 0; index <= REMEMBERED_PROOFS_MAX; index += 1)
      proofs.remember(String(index), proof(100));
    expect(proofs.size).toBe(10_000);
    expect(proofs.find("0", 0)).toBeUndefined();
    expect(proofs.find("1", 0)).toBeDefined();
  });

  test("take one place each, however often they come", () => {
    const proofs = new RememberedProofs();
    for (let time = 0; time < 5; time += 1) proofs.remember("a.b.c", proof(100 + time));
    expect(proofs.size).toBe(1);
    expect(proofs.find("a.b.c", 103)).toEqual(proof(104));
  });
});
