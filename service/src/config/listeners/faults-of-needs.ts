import type { SettingPath } from "../settings.ts";
import type { Labels } from "../source.ts";

/** What each of these settings is of no use without. */
const NEEDS: readonly (readonly [SettingPath, SettingPath])[] = [
  ["tls.certFile", "tls.keyFile"],
  ["tls.keyFile", "tls.certFile"],
  ["tls.clientCaFile", "tls.certFile"],
  ["tls.crlFile", "tls.clientCaFile"],
  ["listener.proxyProtocol", "listener.trustedProxies"],
];

/** A line for each setting that lacks another one. */
export function faultsOfNeeds({ of, isGiven }: Labels): readonly string[] {
  return NEEDS.filter(([one, other]) => isGiven(one) && !isGiven(other)).map(
    ([one, other]) => `${of(one)} is set and ${of(other)} is not; set both, or neither`,
  );
}
