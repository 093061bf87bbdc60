import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { importKeys } from "./import-key.ts";
import { weaknessOf } from "./weak-rsa.ts";

// Project Wycheproof's vectors are data with a licence of their own and are not part of this repository. They are read from a
// folder beside the checkout, or from WYCHEPROOF_DIR.
const folder =
  process.env["WYCHEPROOF_DIR"] ||
  new URL("../../../../../shared/vectors/wycheproof", import.meta.url).pathname;
const file = `${folder}/json_web_key_test.json`;

interface Group {
  readonly comment: string;
  readonly private?: { keys: { kty?: string; n?: string }[] };
  readonly tests: { tcId: number; comment: string; result: "valid" | "invalid" }[];
}

describe.skipIf(!existsSync(file))(
  "Wycheproof's JSON Web Keys (skipped where the vectors are not at hand)",
  () => {
    const groups = existsSync(file)
      ? (JSON.parse(readFileSync(file, "utf8")) as { testGroups: Group[] }).testGroups
      : [];
    // The one valid asymmetric signing key among them; the other valid cases are HMAC keys, which this service never accepts.
    const VALID = new Set([5]);
    const cases = groups.flatMap((group) =>
      group.tests.map((one) => [one.tcId, one.comment, group] as const),
    );

    test.each(cases)("case %i, %s: accepted only when valid", (tcId, _comment, group) => {
      expect(importKeys(JSON.stringify(group.private)).kind).toBe(VALID.has(tcId) ? "imported" : "rejected");
    });

    test("the ROCA modulus is recognised for what it is", () => {
      const roca = groups.find((group) => group.comment === "jws_rsa_roca_key")?.private?.keys[0]?.n ?? "";
      expect(weaknessOf(BigInt(`0x${Buffer.from(roca, "base64url").toString("hex")}`))).toBe("roca");
    });
  },
);
