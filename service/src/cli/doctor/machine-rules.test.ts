import { describe, expect, test } from "vitest";
import { epochSeconds } from "../../kernel/clock.ts";
import { type MachineFacts, nodeIsSupported, userIsNotRoot } from "./machine-rules.ts";

const on = (day: string) => epochSeconds(Date.parse(`${day}T12:00:00Z`) / 1000);
const machine = (override: Partial<MachineFacts>): MachineFacts => ({
  nodeVersion: "v24.0.0",
  userId: 1000,
  now: on("2026-01-01"),
  ...override,
});
const gradeOfNode = (nodeVersion: string, day: string) =>
  nodeIsSupported(machine({ nodeVersion, now: on(day) })).map(({ grade }) => grade);

describe("the Node version", () => {
  test.each([
    ["v20.20.2", "2026-04-30", "2026-05-01"],
    ["v22.13.0", "2027-04-30", "2027-05-01"],
    ["v24.1.0", "2028-04-30", "2028-05-01"],
    ["v21.7.0", "2024-06-01", "2024-06-02"],
    ["v23.11.0", "2025-06-01", "2025-06-02"],
    ["v25.2.0", "2026-06-01", "2026-06-02"],
    ["v26.10.0", "2029-04-30", "2029-05-01"],
  ])("%s is sound through %s and a warning from %s on", (version, lastDay, dayAfter) => {
    expect(gradeOfNode(version, lastDay)).toEqual(["ok"]);
    expect(gradeOfNode(version, dayAfter)).toEqual(["warn"]);
  });

  test("changes at midnight UTC after the last day", () => {
    const midnight = epochSeconds(Date.parse("2026-05-01T00:00:00Z") / 1000);
    expect(
      nodeIsSupported(machine({ nodeVersion: "v20.18.0", now: epochSeconds(midnight - 1) })),
    ).toMatchObject([{ grade: "ok" }]);
    expect(nodeIsSupported(machine({ nodeVersion: "v20.18.0", now: midnight }))).toMatchObject([
      { grade: "warn" },
    ]);
  });

  test.each(["v20.17.9", "v18.20.0", "v0.12.0", "nonsense"])(
    "%s fails: it is older than the service needs",
    (version) => {
      expect(gradeOfNode(version, "2026-01-01")).toEqual(["fail"]);
    },
  );

  test("is sound when its line is newer than this table", () => {
    expect(gradeOfNode("v30.0.0", "2030-01-01")).toEqual(["ok"]);
  });
});

describe("the user", () => {
  test("is warned about when it is root, and only then", () => {
    expect(userIsNotRoot(machine({ userId: 0 }))).toMatchObject([{ grade: "warn" }]);
    expect(userIsNotRoot(machine({ userId: 1000 }))).toMatchObject([{ grade: "ok" }]);
    expect(userIsNotRoot(machine({ userId: undefined }))).toMatchObject([{ grade: "ok" }]);
  });
});
