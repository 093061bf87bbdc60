import type { SettingPath } from "../settings.ts";
import type { Labels } from "../source.ts";

/** What each of these settings is of no use without: one of the others. The first is named. */
const NEEDS: readonly (readonly [SettingPath, readonly [SettingPath, ...SettingPath[]]])[] = [
  ["tls.certFile", ["tls.keyFile"]],
  ["tls.keyFile", ["tls.certFile"]],
  ["tls.clientCaFile", ["tls.certFile", "tls.spiffeSocket"]],
  ["tls.crlFile", ["tls.clientCaFile"]],
  ["tls.spiffeId", ["tls.spiffeSocket"]],
  ["events.bearerFile", ["events.url"]],
  ["events.caFile", ["events.url"]],
  ["listener.proxyProtocol", ["listener.trustedProxies"]],
];

/** A line for each setting that lacks another one. */
export function faultsOfNeeds({ of, isGiven }: Labels): readonly string[] {
  return NEEDS.filter(([one, others]) => isGiven(one) && !others.some(isGiven)).map(
    ([one, [other]]) => `${of(one)} is set and ${of(other)} is not; set both, or neither`,
  );
}
