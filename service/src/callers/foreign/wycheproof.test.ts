import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { keysFor } from "./choose-keys.ts";
import { readCompactJws } from "./compact-jws.ts";
import { DEFAULT_FOREIGN_ALGORITHMS } from "./foreign-key.ts";
import { readKeySet } from "./read-key-set.ts";
import { isSignedByOne } from "./verify-signature.ts";

// Project Wycheproof's vectors are data with a licence of their own and are not part of this repository. They are read from a
// folder beside the checkout, or from WYCHEPROOF_DIR.
const folder =
  process.env["WYCHEPROOF_DIR"] ||
  new URL("../../../../../shared/vectors/wycheproof", import.meta.url).pathname;

interface Group {
  readonly comment: string;
  readonly private?: object;
  readonly public?: object;
  readonly tests: readonly Case[];
}
interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string;
  readonly result: "valid" | "invalid";
}

function casesOf(file: string): readonly (readonly [number, string, Case["result"], Case, Group])[] {
  const path = `${folder}/${file}`;
  if (!existsSync(path)) return [];
  const { testGroups } = JSON.parse(readFileSync(path, "utf8")) as { testGroups: Group[] };
  return testGroups.flatMap((group) =>
    group.tests.map((one) => [one.tcId, `${group.comment}: ${one.comment}`, one.result, one, group] as const),
  );
}

/** What `authenticate` does with a token and the key set of its issuer, up to its claims. */
async function isVerified(jws: string, keySet: object): Promise<boolean> {
  const read = readCompactJws(jws);
  const set = readKeySet(JSON.stringify(keySet), "sig");
  if (read.kind === "malformed" || typeof set === "string") return false;
  if (!DEFAULT_FOREIGN_ALGORITHMS.includes(read.jws.alg)) return false;
  return isSignedByOne(read.jws, keysFor(set.keys, read.jws));
}

const signatures = casesOf("json_web_signature_test.json").filter(([, , , , group]) => {
  const { alg } = (group.public ?? group.private ?? {}) as { alg?: string };
  return alg === "RS256" || alg === "ES256";
});
const keys = casesOf("json_web_key_test.json");

describe.skipIf(signatures.length === 0)(
  "Wycheproof's JSON Web Signatures of RS256 and ES256 (skipped where the vectors are not at hand)",
  () => {
    test("are 272", () => {
      expect(signatures).toHaveLength(272);
    });

    test.each(signatures)("case %i, %s: %s", async (_id, _name, result, { jws }, group) => {
      expect(await isVerified(jws, { keys: [group.public] })).toBe(result === "valid");
    });
  },
);

describe.skipIf(keys.length === 0)(
  "Wycheproof's JSON Web Keys (skipped where the vectors are not at hand)",
  () => {
    test("are 26", () => {
      expect(keys).toHaveLength(26);
    });

    // Valid cases of HMAC keys: this service never accepts one.
    const PRIVATE = new Set(["d", "p", "q", "dp", "dq", "qi"]);
    const SYMMETRIC = new Set([2, 13, 14, 15]);
    test.each(keys)("case %i, %s: %s", async (id, _name, result, { jws }, group) => {
      const { keys: members } = group.private as { keys: Record<string, unknown>[] };
      const publicMembers = members.map((jwk) =>
        Object.fromEntries(Object.entries(jwk).filter(([name]) => !PRIVATE.has(name))),
      );
      expect(await isVerified(jws, { keys: publicMembers })).toBe(result === "valid" && !SYMMETRIC.has(id));
    });
  },
);
