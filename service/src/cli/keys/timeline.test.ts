import { expect, test } from "vitest";
import type { VerifierLine } from "../../keys/key-report.ts";
import { timeline } from "./timeline.ts";

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
  timeline({ version: 3, now: 1_800_000_060, keys: [], verifiers: [one] });

test("a verifier that seems to keep the JWKS longer than declared is named, with what to compare", () => {
  expect(listed({ ...verifier, slower_than_declared: true })).toContain(
    "cache time: compare MACP_AUTH_JWKS_TTL_SECS there with MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS here.\n" +
      "  10.0.0.7  runtime  last fetch 2027-01-15T08:00:00Z (1 min ago)  has version 3  fetches after 10 min at the soonest\n",
  );
  expect(listed(verifier)).not.toContain("compare");
});
