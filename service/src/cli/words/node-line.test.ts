import { describe, expect, test } from "vitest";
import { epochSeconds } from "../../kernel/clock.ts";
import { endedNode } from "./node-line.ts";

const on = (day: string) => epochSeconds(Date.parse(`${day}T12:00:00Z`) / 1_000);

describe("the words for a Node line that has ended", () => {
  test("say since when there are no security fixes, and which line to install", () => {
    expect(endedNode("v20.20.2", on("2026-05-01"))).toEqual({
      found: "Node v20.20.2 has had no security fixes since 2026-04-30",
      fix: "install Node 24, which has security fixes until 2028-04-30",
    });
  });

  test("appear on Node 22 from the day after its own end", () => {
    expect(endedNode("v22.23.3", on("2027-04-30"))).toBeUndefined();
    expect(endedNode("v22.23.3", on("2027-05-01"))?.found).toContain("since 2027-04-30");
  });

  test("name no line once the recommended one has ended too", () => {
    expect(endedNode("v24.21.0", on("2028-05-01"))?.fix).toBe(
      "install a supported line of Node (https://nodejs.org/en/about/previous-releases)",
    );
  });

  test("do not appear for a supported line, or for one that the table does not know", () => {
    expect(endedNode("v24.21.0", on("2026-11-27"))).toBeUndefined();
    expect(endedNode("v28.0.0", on("2040-01-01"))).toBeUndefined();
  });
});
