import type { EpochSeconds } from "../../../kernel/clock.ts";
import { endedNode } from "../../words/node-line.ts";
import { nodeLineAt } from "../../words/node-support.ts";
import { type Finding, fail, ok, type Rule, warn } from "../finding.ts";

/** What the process that would serve runs on and as. */
export interface MachineFacts {
  /** As Node writes it: `v20.18.0`. */
  readonly nodeVersion: string;
  /** `undefined` where the system has no user numbers. */
  readonly userId: number | undefined;
  readonly now: EpochSeconds;
}

/** Below the oldest version that the service supports it fails; a line whose support is over gets no security fixes. */
export function nodeIsSupported({ nodeVersion, now }: MachineFacts): readonly Finding[] {
  const check = "node";
  const line = nodeLineAt(nodeVersion, now);
  if (line.kind === "too_old")
    return [
      fail(check, `Node ${nodeVersion} is older than 20.18, which this service needs`, "install Node 24"),
    ];
  const ended = endedNode(nodeVersion, now);
  if (ended !== undefined) return [warn(check, ended.found, ended.fix)];
  const until = line.kind === "supported" ? `, supported until ${line.lastDay}` : "";
  return [ok(check, `Node ${nodeVersion}${until}`)];
}

/** A service that does not need the rights of root should not have them. */
export function userIsNotRoot({ userId }: MachineFacts): readonly Finding[] {
  const check = "user";
  if (userId === 0) return [warn(check, "runs as root", "run the service as a separate user")];
  return [
    ok(check, userId === undefined ? "this system has no user numbers" : `runs as user ${String(userId)}`),
  ];
}

export const MACHINE_RULES: readonly Rule<MachineFacts>[] = [nodeIsSupported, userIsNotRoot];
