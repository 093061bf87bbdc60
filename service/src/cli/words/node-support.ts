import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";

/** The last day of each Node line's support, in UTC, as the Node project's release schedule has it. */
const LAST_DAYS: Readonly<Record<number, string>> = {
  20: "2026-04-30",
  21: "2024-06-01",
  22: "2027-04-30",
  23: "2025-06-01",
  24: "2028-04-30",
  25: "2026-06-01",
  26: "2029-04-30",
};

/** The oldest version that runs this service. */
const OLDEST = { major: 20, minor: 18 } as const;
/** The line that the documentation recommends and that the image contains. */
const RECOMMENDED = 24;
const DAY_SECONDS = 86_400;

/** A line of Node and the last day on which it gets security fixes, `YYYY-MM-DD` in UTC. */
export interface SupportedLine {
  readonly major: number;
  readonly lastDay: string;
}

/** What is known about a version of Node at a moment. */
export type NodeLine =
  /** Older than this service needs, or no version at all. */
  | { readonly kind: "too_old" }
  /** Security fixes have ended. `upgrade` is the recommended line, unless that has ended too. */
  | { readonly kind: "ended"; readonly lastDay: string; readonly upgrade: SupportedLine | undefined }
  | { readonly kind: "supported"; readonly lastDay: string }
  /** Newer than this table. */
  | { readonly kind: "unknown" };

/** The state of the line that `nodeVersion` (as Node writes it: `v20.18.0`) belongs to. A line ends at midnight UTC after its last day. */
export function nodeLineAt(nodeVersion: string, now: EpochSeconds): NodeLine {
  const [, major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(nodeVersion) ?? []).map(Number);
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) return { kind: "too_old" };
  const lastDay = LAST_DAYS[major];
  if (lastDay === undefined) return { kind: "unknown" };
  if (!hasEnded(lastDay, now)) return { kind: "supported", lastDay };
  return { kind: "ended", lastDay, upgrade: recommendedAt(now) };
}

/** The first version of each line that looks at a client's certificate again when a session is resumed or renegotiated. */
const CLIENT_CERTIFICATES_PATCHED: Readonly<Record<number, readonly [minor: number, patch: number]>> = {
  22: [23, 5],
  24: [22, 3],
  26: [13, 1],
};

/**
 * Whether this version has the fixes of CVE-2026-123872 and CVE-2026-123867 (certificates of clients under several policies), or is
 * newer than this table. Lines without a fixed version have none.
 */
export function hasSafeClientCertificates(nodeVersion: string): boolean {
  const [, major = 0, minor = 0, patch = 0] = (/^v?(\d+)\.(\d+)\.(\d+)/.exec(nodeVersion) ?? []).map(Number);
  const first = CLIENT_CERTIFICATES_PATCHED[major];
  if (first === undefined) return major > 26;
  return minor > first[0] || (minor === first[0] && patch >= first[1]);
}

function recommendedAt(now: EpochSeconds): SupportedLine | undefined {
  const lastDay = LAST_DAYS[RECOMMENDED];
  if (lastDay === undefined || hasEnded(lastDay, now)) return undefined;
  return { major: RECOMMENDED, lastDay };
}

function hasEnded(lastDay: string, now: EpochSeconds): boolean {
  return now >= epochSeconds(Date.parse(`${lastDay}T00:00:00Z`) / 1_000) + DAY_SECONDS;
}
