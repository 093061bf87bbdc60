import { describe, expect, test } from "vitest";
import { epochSeconds } from "../../../kernel/clock.ts";
import { endedNode } from "../../words/node-line.ts";
import { type MachineFacts, nodeIsSupported, userIsNotRoot } from "./machine-rules.ts";

const on = (day: string) => epochSeconds(Date.parse(`${day}T12:00:00Z`) / 1000);
const machine = (override: Partial<MachineFacts>): MachineFacts => ({
  nodeVersion: "v24.0.0",
  userId: 1000,
  now: on("2026-01-01"),
  ...override,
});

describe("the Node version", () => {
  test("is a warning once its line has no security fixes, with the last day and the line to install", () => {
    const [before] = nodeIsSupported(machine({ nodeVersion: "v22.23.3", now: on("2027-04-30") }));
    const [after] = nodeIsSupported(machine({ nodeVersion: "v22.23.3", now: on("2027-05-01") }));
    expect(before).toEqual({
      grade: "ok",
      check: "node",
      found: "Node v22.23.3, supported until 2027-04-30",
    });
    expect(after).toEqual({ grade: "warn", check: "node", ...endedNode("v22.23.3", on("2027-05-01")) });
  });

  test.each(["v20.17.9", "v18.20.0", "v0.12.0", "nonsense"])(
    "%s fails: it is older than the service needs",
    (nodeVersion) => {
      expect(nodeIsSupported(machine({ nodeVersion }))).toMatchObject([{ grade: "fail" }]);
    },
  );

  test("is ok when its line is newer than the table of lines", () => {
    expect(nodeIsSupported(machine({ nodeVersion: "v30.0.0", now: on("2030-01-01") }))).toEqual([
      { grade: "ok", check: "node", found: "Node v30.0.0" },
    ]);
  });
});

describe("the user", () => {
  test("is warned about when it is root, and only then", () => {
    expect(userIsNotRoot(machine({ userId: 0 }))).toMatchObject([{ grade: "warn" }]);
    expect(userIsNotRoot(machine({ userId: 1000 }))).toMatchObject([{ grade: "ok" }]);
    expect(userIsNotRoot(machine({ userId: undefined }))).toMatchObject([{ grade: "ok" }]);
  });
});
