import type { EpochSeconds } from "../../kernel/clock.ts";
import { hasSafeClientCertificates, nodeLineAt } from "./node-support.ts";

/** What is wrong with a Node version, and what to do about it. */
export interface EndedNode {
  readonly found: string;
  readonly fix: string;
}

/** The words for a Node line whose support is over, the same for `doctor` and the log of the start; `undefined` while it has security fixes. */
export function endedNode(nodeVersion: string, now: EpochSeconds): EndedNode | undefined {
  const line = nodeLineAt(nodeVersion, now);
  if (line.kind !== "ended") return undefined;
  return {
    found: `Node ${nodeVersion} has had no security fixes since ${line.lastDay}`,
    fix:
      line.upgrade === undefined
        ? "install a supported line of Node (https://nodejs.org/en/about/previous-releases)"
        : `install Node ${String(line.upgrade.major)}, which has security fixes until ${line.upgrade.lastDay}`,
  };
}

/** The words for a Node that lacks fixes for certificates of clients; `undefined`: it has them. */
export function unsafeClientCertificates(nodeVersion: string): EndedNode | undefined {
  if (hasSafeClientCertificates(nodeVersion)) return undefined;
  return {
    found: `clients are asked for certificates, and Node ${nodeVersion} lacks the fixes of CVE-2026-123872 and CVE-2026-123867`,
    fix: "install Node 24.22.3 or newer (or 22.23.5, 26.13.1)",
  };
}
