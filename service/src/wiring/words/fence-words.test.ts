import { describe, expect, test } from "vitest";
import { after } from "../../kernel/clock.ts";
import type { FenceReason } from "../../keys/managed/managed-keys.ts";
import { keySet, LONG_AGO, NOW, RULES, signingKey, standbyKey } from "../../testing/managed-key-sets.ts";
import { fenceWords } from "./fence-words.ts";

const ended = signingKey("old", { signingFrom: LONG_AGO, notAfter: NOW });
const said = (reason: FenceReason, ...keys: Parameters<typeof keySet>[0]): string =>
  fenceWords(reason, { set: keySet(keys), versionSeen: 7 }, RULES, 37);

describe("a replica in which no key may sign says", () => {
  const served = (seconds: number, kid = "new") => standbyKey(kid, { publishedFrom: after(NOW, -seconds) });

  test("when the standby key starts to sign, which command ends the wait, and what that costs", () => {
    expect(said("no_signing_key", ended, served(400))).toBe(
      "no key may sign: this replica mints nothing; the standby key new starts to sign in 6800 s, when every verifier knows it. " +
        "To sign now: macp-auth keys activate --accept-short-lead new; then verifiers that hold an older key set reject its tokens until they refresh, up to 30 s, and where they cannot refresh up to 3630 s",
    );
    expect(said("no_signing_key", ended, served(430, "-new"))).toContain(
      "To sign now: macp-auth keys activate --accept-grace-risk -- -new; then verifiers that could not refresh reject its tokens, up to 3600 s",
    );
  });

  test("nothing else where no outage can be accepted", () => {
    expect(said("no_signing_key", ended, served(7_199))).toBe(
      "no key may sign: this replica mints nothing; the standby key new starts to sign in 1 s",
    );
    expect(said("no_signing_key", ended)).toBe("no key may sign: this replica mints nothing");
  });
});

test.each(["store_older", "store_forked"] as const)(
  "a replica that rejects the store as %s says how to continue with the right store, and with this one",
  (reason) => {
    expect(said(reason, ended)).toMatch(
      /^this replica neither signs nor serves the JWKS: .*Put .* back, and it continues without a restart; to continue with this store instead: stop all replicas, revoke again .* \(macp-auth keys revoke KID\), remove each replica's MACP_AUTH_KEY_VERSION_FILE, start$/,
    );
    expect(said(reason, ended)).not.toContain("reads the store");
  },
);

test("a replica whose store accepts no writes says what ends that, also where the store can be reached", () => {
  expect(said("lease_expired", ended)).toBe(
    "this replica neither signs nor serves the JWKS until the store accepts a write of it, which it tries every 10 s; key_store_unavailable in the log says why the store does not",
  );
});
