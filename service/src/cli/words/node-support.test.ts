import { describe, expect, test } from "vitest";
import { epochSeconds } from "../../kernel/clock.ts";
import { nodeLineAt } from "./node-support.ts";

const at = (moment: string) => epochSeconds(Date.parse(moment) / 1_000);
const kindOn = (nodeVersion: string, day: string) => nodeLineAt(nodeVersion, at(`${day}T12:00:00Z`)).kind;

describe("a line of Node", () => {
  test.each([
    ["v20.18.0", "2026-04-30", "2026-05-01"],
    ["v20.20.2", "2026-04-30", "2026-05-01"],
    ["v21.7.3", "2024-06-01", "2024-06-02"],
    ["v22.23.3", "2027-04-30", "2027-05-01"],
    ["v23.11.1", "2025-06-01", "2025-06-02"],
    ["v24.21.0", "2028-04-30", "2028-05-01"],
    ["v25.9.0", "2026-06-01", "2026-06-02"],
    ["v26.12.1", "2029-04-30", "2029-05-01"],
  ])("%s is supported through %s and has ended from %s on", (version, lastDay, dayAfter) => {
    expect(nodeLineAt(version, at(`${lastDay}T12:00:00Z`))).toEqual({ kind: "supported", lastDay });
    expect(nodeLineAt(version, at(`${dayAfter}T12:00:00Z`))).toMatchObject({ kind: "ended", lastDay });
  });

  test("ends at midnight UTC after its last day", () => {
    const midnight = at("2026-05-01T00:00:00Z");
    expect(nodeLineAt("v20.18.0", epochSeconds(midnight - 1)).kind).toBe("supported");
    expect(nodeLineAt("v20.18.0", midnight).kind).toBe("ended");
  });

  test("names the line to upgrade to, until that line has ended as well", () => {
    const upgradeOn = (day: string) => nodeLineAt("v20.20.2", at(`${day}T12:00:00Z`));
    expect(upgradeOn("2028-04-30")).toMatchObject({ upgrade: { major: 24, lastDay: "2028-04-30" } });
    expect(upgradeOn("2028-05-01")).toMatchObject({ kind: "ended", upgrade: undefined });
  });

  test("below 20.18 is too old at any time, and so is a text that is not a version", () => {
    for (const version of ["v20.17.9", "v18.20.8", "v0.12.0", "nonsense", ""])
      expect({ version, kind: kindOn(version, "2020-01-01") }).toEqual({ version, kind: "too_old" });
  });

  test("newer than the table is unknown, not ended", () => {
    expect(kindOn("v27.0.0", "2040-01-01")).toBe("unknown");
  });
});
