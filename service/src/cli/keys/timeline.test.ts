import { expect, test } from "vitest";
import type { KeyLine, VerifierLine } from "../../keys/managed/operator-shapes.ts";
import { deathNotice, timeline } from "./timeline.ts";

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
  timeline({ version: 3, now: 1_800_000_060, keys: [], verifiers: [one], untracked: [] });

test("a verifier that seems to keep the JWKS longer than declared is named, with what to compare", () => {
  expect(listed({ ...verifier, slower_than_declared: true })).toContain(
    "cache time: compare MACP_AUTH_JWKS_TTL_SECS there with MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS here.\n" +
      "  10.0.0.7  runtime  last fetch 2027-01-15T08:00:00Z (1 min ago)  has version 3  fetches after 10 min at the soonest\n",
  );
  expect(listed(verifier)).not.toContain("compare");
});

test("one key and one verifier are spoken of as one, and none or two as several", () => {
  const key = {
    kid: "blue",
    alg: "ES256",
    state: "signing",
    served: true,
    next: { what: "nothing", at: null },
  } as KeyLine;
  const said = (count: number): string =>
    timeline({
      version: 3,
      now: 1_800_000_060,
      keys: Array.from({ length: count }, () => ({ ...key, published_from: 0, gone_from: null })),
      verifiers: Array.from({ length: count }, () => ({ ...verifier, slower_than_declared: true })),
      untracked: [],
    });
  expect(said(1)).toMatch(/, 1 key in the JWKS\n.*\n1 verifier seen, .*\n1 verifier never fetched/s);
  expect(said(2)).toMatch(/, 2 keys in the JWKS\n.*\n2 verifiers seen, .*\n2 verifiers never fetched/s);
  expect(said(0)).toMatch(/, 0 keys in the JWKS\n/);
  const dead = (verifiers: readonly VerifierLine[]): string =>
    deathNotice({
      done: true,
      dies: { refreshing_seconds: 60, in_grace_seconds: 60 },
      verifiers_not_seen_since: [...verifiers],
    });
  expect(dead([verifier])).toContain("\n1 verifier has not fetched since; restart it if it must not wait:\n");
  expect(dead([verifier, verifier])).toContain("\n2 verifiers have not fetched since; restart those");
});

test("fetches by untracked verifiers are shown, with where they came from and how the gate counts them", () => {
  const untracked = [{ version: 2, address: "10.0.0.9", seen_at: 1_800_000_000, fetches: 12 }];
  expect(timeline({ version: 3, now: 1_800_000_060, keys: [], verifiers: [], untracked })).toContain(
    "\nMore verifiers fetched than are tracked (8 User-Agents per address, 1000 in all). Until B2 after such a fetch, the gate counts\n" +
      "it as a verifier that lacks every key published later:\n" +
      "  12 fetches  of version 2  the last from 10.0.0.9  2027-01-15T08:00:00Z (1 min ago)\n",
  );
  const revoked = deathNotice({
    done: true,
    dies: { refreshing_seconds: 60, in_grace_seconds: 60 },
    verifiers_not_seen_since: [],
    untracked_since: untracked,
  });
  expect(revoked).toContain(
    "Untracked verifiers may hold the old set:\n  12 fetches  of version 2  the last from 10.0.0.9  2027-01-15T08:00:00Z\n",
  );
});
