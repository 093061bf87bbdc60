import { expect, test } from "vitest";
import type { UndoneReport } from "../keys/managed/operate.ts";
import { outageText } from "./operation-words.ts";

test.each<[UndoneReport, RegExp]>([
  [{ kind: "lost" }, /try again$/],
  [{ kind: "rejected", reason: "unknown_key" }, /; see: macp-auth keys list$/],
  [{ kind: "rejected", reason: "wrong_state", state: "signing" }, /first: macp-auth keys rotate$/],
  [
    { kind: "rejected", reason: "wrong_state", state: "algorithm_unused", alg: "RS256" },
    /set MACP_AUTH_SIGNING_ALG=RS256/,
  ],
  [{ kind: "rejected", reason: "no_successor" }, /: macp-auth keys prepare$/],
  [{ kind: "rejected", reason: "last_key" }, /: macp-auth keys prepare$/],
  [{ kind: "rejected", reason: "too_many_keys", alg: "ES256", served: 4 }, /4 keys for ES256.*; wait until/],
  [
    { kind: "rejected", reason: "not_ready", accept: "short-lead", servedSeconds: 429, waitSeconds: 1 },
    /served for 429 s; .* up to 1 s more$/,
  ],
  [
    {
      kind: "rejected",
      reason: "verifiers_behind",
      accept: "verifiers-behind",
      known: ["10.0.0.1", "\u001b"],
      untracked: [{ address: "10.0.0.2", fetches: 3, behindSeconds: 4_000 }],
    },
    /^2 known .*: 10\.0\.0\.1, \\u\{1b\}; 3 fetches, the last from 10\.0\.0\.2, .* for 4000 s more$/,
  ],
  [{ kind: "rejected", reason: "live_tokens", accept: "live-tokens", liveSeconds: 55 }, /for 55 s more/],
])("%o says the outage or the fix", (report, words) => {
  expect(outageText(report)).toMatch(words);
});
