import type { EpochSeconds } from "../../kernel/clock.ts";
import { type Finding, fail, ok, type Rule, warn } from "./finding.ts";

/** What the process that would serve runs on and as. */
export interface MachineFacts {
  /** As Node writes it: `v20.18.0`. */
  readonly nodeVersion: string;
  /** `undefined` where the system has no user numbers. */
  readonly userId: number | undefined;
  readonly now: EpochSeconds;
}

/** The last day of each Node line's support, and the first second after it (https://github.com/nodejs/Release). */
const NODE_LINES: Readonly<Record<number, { readonly lastDay: string; readonly endedFrom: number }>> = {
  20: { lastDay: "2026-04-30", endedFrom: 1_777_593_600 },
  21: { lastDay: "2024-06-01", endedFrom: 1_717_286_400 },
  22: { lastDay: "2027-04-30", endedFrom: 1_809_129_600 },
  23: { lastDay: "2025-06-01", endedFrom: 1_748_822_400 },
  24: { lastDay: "2028-04-30", endedFrom: 1_840_752_000 },
  25: { lastDay: "2026-06-01", endedFrom: 1_780_358_400 },
  26: { lastDay: "2029-04-30", endedFrom: 1_872_288_000 },
};
const OLDEST = { major: 20, minor: 18 } as const;

/** Below the oldest version that the service supports it fails; a line whose support is over gets no more security fixes. */
export function nodeIsSupported({ nodeVersion, now }: MachineFacts): readonly Finding[] {
  const check = "node";
  const [, major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(nodeVersion) ?? []).map(Number);
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
    return [
      fail(
        check,
        `Node ${nodeVersion} is older than 20.18, which this service needs`,
        "install a newer Node",
      ),
    ];
  }
  const line = NODE_LINES[major];
  if (line !== undefined && now >= line.endedFrom) {
    const found = `Node ${nodeVersion}: this line has had no security fixes since ${line.lastDay}`;
    return [
      warn(
        check,
        found,
        "move to a line that is still supported (https://nodejs.org/en/about/previous-releases)",
      ),
    ];
  }
  return [
    ok(
      check,
      line === undefined ? `Node ${nodeVersion}` : `Node ${nodeVersion}, supported to ${line.lastDay}`,
    ),
  ];
}

/** A service that needs no rights of the superuser should not have them. */
export function userIsNotRoot({ userId }: MachineFacts): readonly Finding[] {
  const check = "user";
  if (userId === 0) return [warn(check, "runs as root", "run the service as a user of its own")];
  return [
    ok(check, userId === undefined ? "this system has no user numbers" : `runs as user ${String(userId)}`),
  ];
}

export const MACHINE_RULES: readonly Rule<MachineFacts>[] = [nodeIsSupported, userIsNotRoot];
