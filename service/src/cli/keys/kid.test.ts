import { describe, expect, test } from "vitest";
import type { KeyLine, KeysReport } from "../../keys/managed/operator-shapes.ts";
import { CommandEnd } from "../terminal/command-end.ts";
import { resolveKid } from "./kid.ts";

function reportOf(...kids: readonly string[]): KeysReport {
  return { version: 1, now: 0, verifiers: [], untracked: [], keys: kids.map((kid) => ({ kid }) as KeyLine) };
}

/** The exit code and the line that the call ends with. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof CommandEnd) return `${String(thrown.exitCode)}: ${thrown.lines.join("\n")}`;
    throw thrown;
  }
  return "none";
}

describe("a kid on the command line", () => {
  const report = reportOf("blue-2026", "blue-2027", "green", "ab", "abcdef");

  test.each([
    ["blue-2026", "blue-2026"],
    ["gree", "green"],
    ["ab", "ab"],
    ["abcd", "abcdef"],
  ])("%s means the key %s", (given, kid) => {
    expect(resolveKid(given, report)).toBe(kid);
  });

  test.each([
    ["", "2: KID is empty; name a key, see: macp-auth keys list --all"],
    ["  ", "2: KID is empty; name a key, see: macp-auth keys list --all"],
    ["gre", "2: gre is too short for the beginning of a kid; give at least 4 characters"],
    ["blue", "2: several kids begin with blue; give more characters of the kid"],
    ["black", "2: no key has the kid black; see: macp-auth keys list --all"],
  ])("is rejected when it is %j", (given, line) => {
    expect(refusal(() => resolveKid(given, report))).toBe(line);
  });

  test("that is empty means no key, not even the only one", () => {
    expect(refusal(() => resolveKid("", reportOf("only")))).toMatch(/^2: KID is empty/);
  });
});
