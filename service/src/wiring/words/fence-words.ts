import { printable } from "../../kernel/printable.ts";
import type { FenceReason, ManagedKeys } from "../../keys/managed/managed-keys.ts";
import type { RotationRules } from "../../keys/managed/plan/rotation-rules.ts";
import { type SigningWait, signingWait } from "../../keys/managed/plan/signing-wait.ts";
import { leaseRoundSeconds } from "../../keys/timing.ts";

/** What `fenced` says: what does not work, and what ends it. */
export function fenceWords(
  reason: FenceReason,
  { set, versionSeen }: Pick<ManagedKeys, "set" | "versionSeen">,
  rules: RotationRules,
  clockOffsetSeconds: number | undefined,
): string {
  const off = "this replica neither signs nor serves the JWKS";
  switch (reason) {
    case "no_signing_key":
      return `no key may sign: this replica mints nothing${waitWords(set && signingWait(set, rules))}`;
    case "store_older":
      return `${off}: the store holds an older key set than version ${String(versionSeen)}, which this replica has seen. Put the newer store back, and it continues without a restart; ${INSTEAD}`;
    case "store_forked":
      return `${off}: the store is another one than this replica has read, or an older one that was changed since. Put that one back, and it continues without a restart; ${INSTEAD}`;
    case "clock_off":
      return `${off} until its clock and the store's agree: ${clockWords(clockOffsetSeconds, rules)}`;
    case "not_read_yet":
    case "lease_expired":
      return `${off} until the store accepts a write of it, which it tries every ${String(leaseRoundSeconds(rules.timing))} s; key_store_unavailable in the log says why the store does not`;
  }
}

function clockWords(offsetSeconds: number | undefined, { timing }: RotationRules): string {
  const offset = offsetSeconds ?? 0;
  const where = offset > 0 ? "ahead of" : "behind";
  return `the store's is ${String(Math.abs(offset))} s ${where} this machine's, and ${String(timing.clockSkewSeconds)} s are allowed; set the one that is wrong (NTP). They are compared again every ${String(leaseRoundSeconds(timing))} s`;
}

/** A restart without these steps would change nothing, or bring back keys that were revoked since. */
const INSTEAD =
  "to continue with this store instead: stop all replicas, revoke again what was revoked since (macp-auth keys revoke KID), remove each replica's MACP_AUTH_KEY_VERSION_FILE, start";

function waitWords(wait: SigningWait | undefined): string {
  if (wait === undefined) return "";
  const { kid, seconds, accept, refreshingSeconds, inGraceSeconds } = wait;
  if (accept === undefined)
    return seconds === 0 ? "" : `; the standby key ${printable(kid)} starts to sign in ${String(seconds)} s`;
  const cost =
    accept === "short-lead"
      ? `verifiers that hold an older key set reject its tokens until they refresh, up to ${String(refreshingSeconds)} s, and where they cannot refresh up to ${String(inGraceSeconds)} s`
      : `verifiers that could not refresh reject its tokens, up to ${String(inGraceSeconds)} s`;
  return `; the standby key ${printable(kid)} starts to sign in ${String(seconds)} s, when every verifier knows it. To sign now: ${activateCommand(kid, accept)}; then ${cost}`;
}

/** The command that lets a key sign now; one whose kid begins with a hyphen goes after the options. */
export function activateCommand(kid: string, accept: string): string {
  const command = `macp-auth keys activate --accept-${accept}`;
  return `${command}${kid.startsWith("-") ? " --" : ""} ${printable(kid)}`;
}
