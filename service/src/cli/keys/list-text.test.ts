import { expect, test } from "vitest";
import type { KeyLine, VerifierLine } from "../../keys/managed/operator-shapes.ts";
import { revocationText } from "./answer-text.ts";
import { listText } from "./list-text.ts";

const verifier: VerifierLine = {
  address: "10.0.0.7",
  user_agent: "runtime",
  version: 3,
  seen_at: 1_800_000_000,
  fetches: 20,
  min_interval_seconds: 600,
  slower_than_declared: false,
  up_to_date: true,
};
const listed = (one: VerifierLine): string =>
  listText({ version: 3, now: 1_800_000_060, keys: [], verifiers: [one], untracked: [] });

test("a verifier that seems to cache the JWKS longer than declared is named, with what to compare", () => {
  expect(listed({ ...verifier, slower_than_declared: true })).toContain(
    "compare MACP_AUTH_JWKS_TTL_SECS there with MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS here.\n" +
      "  ADDRESS   USER AGENT  LAST FETCH                        VERSION  SHORTEST INTERVAL\n" +
      "  10.0.0.7  runtime     2027-01-15T08:00:00Z (1 min ago)  3        10 min\n",
  );
  expect(listed(verifier)).not.toContain("compare");
});

test("one key or verifier is written in the singular, none or two in the plural", () => {
  const key = {
    kid: "blue",
    alg: "ES256",
    state: "signing",
    served: true,
    next: { event: "none", what: "nothing", at: null },
  } as KeyLine;
  const shown = (count: number): string =>
    listText({
      version: 3,
      now: 1_800_000_060,
      keys: Array.from({ length: count }, () => ({ ...key, published_from: 0, gone_from: null })),
      verifiers: Array.from({ length: count }, () => ({ ...verifier, slower_than_declared: true })),
      untracked: [],
    });
  expect(shown(1)).toMatch(/, 1 key in the JWKS\n.*\n1 verifier seen, .*\n1 verifier always fetched/s);
  expect(shown(2)).toMatch(/, 2 keys in the JWKS\n.*\n2 verifiers seen, .*\n2 verifiers always fetched/s);
  expect(shown(0)).toMatch(/, 0 keys in the JWKS\n/);
  const notice = (verifiers: readonly VerifierLine[]): string =>
    revocationText({
      done: true,
      still_accepted: { refreshing_seconds: 60, in_grace_seconds: 60 },
      verifiers_not_seen_since: [...verifiers],
    });
  expect(notice([verifier])).toContain("\n1 verifier has not fetched the new key set; restart");
  expect(notice([verifier, verifier])).toContain("\n2 verifiers have not fetched the new key set; restart");
});

test("fetches by untracked verifiers are shown, with where they came from and how the gate counts them", () => {
  const untracked = [{ version: 2, address: "10.0.0.9", seen_at: 1_800_000_000, fetches: 12 }];
  expect(listText({ version: 3, now: 1_800_000_060, keys: [], verifiers: [], untracked })).toContain(
    "\nMore verifiers fetched than are tracked (8 User-Agents per address, 1000 in all). The gate counts\n" +
      "each such fetch as a verifier without the keys published since, for B2 (docs/rotation.md):\n" +
      "  FETCHES  VERSION  LAST FROM  LAST FETCH\n" +
      "  12       2        10.0.0.9   2027-01-15T08:00:00Z (1 min ago)\n",
  );
  const revoked = revocationText({
    done: true,
    still_accepted: { refreshing_seconds: 60, in_grace_seconds: 60 },
    verifiers_not_seen_since: [],
    untracked_since: untracked,
  });
  expect(revoked).toContain(
    "Untracked verifiers may still have the old key set:\n  FETCHES  VERSION  LAST FROM  LAST FETCH\n  12       2        10.0.0.9   2027-01-15T08:00:00Z\n",
  );
});
