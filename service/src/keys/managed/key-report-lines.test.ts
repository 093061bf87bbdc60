import { describe, expect, test } from "vitest";
import { kidOf } from "../../testing/forged.ts";
import {
  keySet,
  NOW,
  RULES,
  retiringKey,
  sighting,
  signingKey,
  standbyKey,
} from "../../testing/managed-key-sets.ts";
import { answerOf, reportOf } from "./key-report.ts";
import type { OperationReport } from "./operate.ts";

const revocation: OperationReport = {
  kind: "done",
  plan: { kind: "planned", steps: [] },
  changes: [{ kind: "revoke", kid: kidOf("old"), reason: "leaked" }],
  before: keySet([]),
};

describe("a verifier", () => {
  const set = keySet([signingKey("a")], {
    version: 7,
    verifiers: [sighting("behind", 6), sighting("level", 7), sighting("ahead", 8)],
  });

  test("is up to date from the set's own version on", () => {
    expect(
      reportOf(set, RULES).verifiers.map(({ address, up_to_date: upToDate }) => [address, upToDate]),
    ).toEqual([
      ["behind", false],
      ["level", true],
      ["ahead", true],
    ]);
  });

  test("that has fetched since a revocation is not among those to restart", () => {
    const { verifiers_not_seen_since: behind } = answerOf(revocation, set, RULES, ({ kind }) => kind);
    expect(behind?.map(({ address }) => address)).toEqual(["behind"]);
  });
});

test("a report omits keys that are gone unless all are requested, and says what happens to each next and when", () => {
  const keys = [
    signingKey("a"),
    standbyKey("b", { publishedFrom: NOW }),
    retiringKey("c", 10),
    retiringKey("d", 10, { revokedFrom: NOW, reason: "leaked" }),
  ];
  const kids = (all: boolean): string[] => reportOf(keySet(keys), RULES, all).keys.map(({ kid }) => kid);
  expect([kids(false), kids(true)]).toEqual([
    ["a", "b", "c"],
    ["a", "b", "c", "d"],
  ]);
  expect(reportOf(keySet(keys), RULES, true).keys.map(({ next }) => [next.event, next.at])).toEqual([
    ["stops_signing", NOW - 3_600 + RULES.periodSeconds],
    ["becomes_ready", NOW + RULES.leadSeconds],
    ["leaves_jwks", NOW - 10 + 3_755],
    ["none", null],
  ]);
});
