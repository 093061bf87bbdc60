import type { EpochSeconds } from "../../../kernel/clock.ts";
import { leadFloorSeconds, leadThroughGraceSeconds, type RotationTiming } from "../../timing.ts";
import type { KeySet, Replica } from "../key-store.ts";
import { GATES, type Gate, type RotationRules, type RotationSettings } from "./rotation-rules.ts";

/** Whether a replica's last beat is so recent that its lease may still be valid. */
export function isLive({ seenAt, settings }: Replica, now: EpochSeconds): boolean {
  return now - seenAt <= settings.timing.replicaLagSeconds;
}

/**
 * What is safe to plan by while replicas may be configured differently, as in the middle of a rolling change: the widest of
 * each setting. The timing of a replica that has ended counts for B2 more: until then a verifier may hold what it served.
 */
export function fleetRules(
  own: RotationRules,
  { replicas, now }: Pick<KeySet, "replicas" | "now">,
): RotationRules {
  const counted = replicas.filter(
    ({ seenAt, settings }) => now - seenAt <= leadThroughGraceSeconds(settings.timing),
  );
  const live = replicas.filter((replica) => isLive(replica, now));
  const timing = widestTiming([own, ...counted.map(({ settings }) => settings)]);
  return { alg: own.alg, ...widest([own, ...live.map(({ settings }) => settings)], timing) };
}

/** The widest of each setting; never a lead below B1 of `timing`. `settings` holds at least one. */
export function widest(
  settings: readonly RotationSettings[],
  timing: RotationTiming = widestTiming(settings),
): RotationSettings {
  const leads = settings.map(({ leadSeconds }) => leadSeconds);
  return {
    periodSeconds: Math.max(...settings.map(({ periodSeconds }) => periodSeconds)),
    leadSeconds: Math.max(leadFloorSeconds(timing), ...leads),
    timing,
    gate: strictest(settings.map(({ gate }) => gate)),
  };
}

function widestTiming(settings: readonly Pick<RotationSettings, "timing">[]): RotationTiming {
  const most = (letter: keyof RotationTiming): number =>
    Math.max(...settings.map(({ timing }) => timing[letter]));
  return {
    maxTtlSeconds: most("maxTtlSeconds"),
    jwksMaxAgeSeconds: most("jwksMaxAgeSeconds"),
    verifierTtlSeconds: most("verifierTtlSeconds"),
    verifierGraceSeconds: most("verifierGraceSeconds"),
    replicaLagSeconds: most("replicaLagSeconds"),
    fetchSeconds: most("fetchSeconds"),
    clockSkewSeconds: most("clockSkewSeconds"),
    expLeewaySeconds: most("expLeewaySeconds"),
    verifierClockSeconds: most("verifierClockSeconds"),
  };
}

function strictest(gates: readonly Gate[]): Gate {
  return gates.reduce((one, other) => (GATES.indexOf(other) > GATES.indexOf(one) ? other : one));
}
