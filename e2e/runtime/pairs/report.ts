import type { Issuer } from "./issuer.ts";
import type { LoadReport } from "./pair.ts";

/** Prints what a load saw, a line a figure, for people and for docs/rotation.md. */
export function printReport(
  title: string,
  { seconds, sum, doors }: LoadReport,
  issuers: readonly Issuer[],
): void {
  const longest = sum.wrongRejections.reduce((most, { ageMs }) => Math.max(most, ageMs), 0);
  const figures = {
    "duration, s": seconds.toFixed(1),
    issuers: issuers.length,
    rotations: sum.rotations,
    "checks of valid tokens": sum.checks,
    "asked at each door": listed(doors),
    "wrong rejections": sum.wrongRejections.length,
    ...(sum.wrongRejections.length > 0 && { "oldest token wrongly rejected, ms after its mint": longest }),
    "checks by a key that no longer signed": sum.byEarlierKey,
    "checks within 300 ms of the mint": sum.firstMoment,
    "checks within 300 ms before expiry": sum.lastMoment,
    "rejected, but expired by the answer": sum.lateRejections,
    "calls without an answer": sum.noAnswers,
    tokens: sum.tokens,
    "tokens that lived through a rotation": sum.tokensThroughRotation,
    "mints without a token": listed(sum.mintFaults),
    "tokens of removed keys rejected": sum.rightRejections,
    "tokens of removed keys accepted": sum.wrongAcceptances,
    "JWKS answers read": sum.jwksReads,
    "JWKS answers without a living token's key": sum.jwksWithoutLiveKey,
    "keys in one JWKS at most": sum.keysServedMax,
    "key alarms": countsOf(issuers, "key_alarm", "alarm"),
    fences: countsOf(issuers, "fenced", "reason"),
  };
  const lines = Object.entries(figures).map(([name, figure]) => `  ${name}: ${String(figure)}`);
  console.log(`${title}\n${lines.join("\n")}`);
}

function countsOf(issuers: readonly Issuer[], event: string, field: string): string {
  const counts = new Map<string, number>();
  for (const line of issuers.flatMap((issuer) => issuer.service.events(event))) {
    const name = String(line[field]);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return listed(counts);
}

function listed(counts: ReadonlyMap<string, number>): string {
  return counts.size === 0
    ? "none"
    : [...counts].map(([name, count]) => `${String(count)} ${name}`).join("; ");
}
