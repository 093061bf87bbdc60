import { after, type EpochSeconds, latest } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { ImportedKey } from "../import/import-key.ts";
import { stateAt } from "../key-state.ts";
import { type KeyRecord, type KeyRing, signingKeyAt } from "./key-record.ts";

/** How a key file's change becomes a rotation in which no valid token is rejected. Seconds. */
export interface FileChangeRules {
  readonly alg: Algorithm;
  /** How long a key is served before its first signature. */
  readonly leadSeconds: number;
  /** How long a key is served after its last signature. */
  readonly overlapSeconds: number;
}

/** The ring after the change, or why the file cannot be followed; then the ring in force stays. */
export type FileChange =
  | { readonly kind: "planned"; readonly ring: KeyRing }
  | { readonly kind: "rejected"; readonly faults: readonly FileChangeFault[] };

/** Why a changed key file cannot be followed. */
export type FileChangeFault =
  | { readonly reason: "no_key" }
  /** The first key is for another algorithm than the service signs with. */
  | { readonly reason: "other_algorithm"; readonly alg: Algorithm; readonly wanted: Algorithm }
  /** A served kid names another key now, or a served key has another kid. */
  | { readonly reason: "kid_of_another_key" | "key_renamed"; readonly kid: Kid };

/** The ring at boot: the first key signs at once, because no older key can sign; all are served. */
export function ringAtBoot(keys: readonly ImportedKey[], now: EpochSeconds): KeyRing {
  return keys.map((key, index) => ({ ...recordOf(key, now), signingFrom: index === 0 ? now : undefined }));
}

/**
 * The ring after the key file changed, given the one in force. A key that is new is served at once; a new first key signs
 * only when it has been served for the lead, and until then the signing key continues to sign, whether it is still in the file or
 * not. A key that left the file stays served for the overlap after the last moment at which it could have signed.
 */
export function planFileChange(
  ring: KeyRing,
  file: readonly ImportedKey[],
  now: EpochSeconds,
  rules: FileChangeRules,
): FileChange {
  const present = ring.filter((record) => stateAt(record, now) !== "retired");
  const faults = faultsOf(present, file, rules);
  const [first] = file;
  if (first === undefined || faults.length > 0) return { kind: "rejected", faults };

  const known = new Map(present.map((record) => [record.kid, record]));
  const arrived = file.filter((key) => !known.has(key.kid)).map((key) => recordOf(key, now));
  const all = [...present, ...arrived];
  const signing = signingKeyAt(present, now);
  const takeover = takeoverMoment(all, first.kid, signing, now, rules.leadSeconds);
  const inFile = new Set(file.map((key) => key.kid));
  const planned = all.map((record) =>
    settle(record, { first: first.kid, signing: signing?.kid, takeover, now }),
  );
  const settled = planned.map((record) => ({
    ...record,
    retiredFrom: inFile.has(record.kid) ? undefined : removal(record, now, rules),
  }));
  return { kind: "planned", ring: settled.filter((record) => stateAt(record, now) !== "retired") };
}

/** When the first key of the file may sign: now, when it signs already; else once it has been served for the lead. */
function takeoverMoment(
  all: KeyRing,
  first: Kid,
  signing: KeyRecord | undefined,
  now: EpochSeconds,
  leadSeconds: number,
): EpochSeconds {
  if (signing === undefined || signing.kid === first) return now;
  const record = all.find((candidate) => candidate.kid === first);
  return latest(now, after(record?.publishedFrom ?? now, leadSeconds));
}

interface Takeover {
  readonly first: Kid;
  readonly signing: Kid | undefined;
  readonly takeover: EpochSeconds;
  readonly now: EpochSeconds;
}

function settle(record: KeyRecord, { first, signing, takeover, now }: Takeover): KeyRecord {
  if (record.kid === first) {
    const signingFrom = record.kid === signing ? record.signingFrom : takeover;
    return { ...record, signingFrom, retiringFrom: undefined };
  }
  if (record.kid === signing) return { ...record, retiringFrom: takeover };
  // A standby key that is no longer the first key of the file will not sign.
  const waiting = record.signingFrom !== undefined && record.signingFrom > now;
  return waiting ? { ...record, signingFrom: undefined, retiringFrom: undefined } : record;
}

/** A key that has left the file: kept for the overlap after its last possible signature, counted from now when that is unknown. */
function removal(record: KeyRecord, now: EpochSeconds, rules: FileChangeRules): EpochSeconds | undefined {
  if (record.signingFrom !== undefined && record.retiringFrom === undefined) return undefined;
  if (record.retiredFrom !== undefined && record.signingFrom === undefined) return record.retiredFrom;
  return latest(now, after(record.retiringFrom ?? now, rules.overlapSeconds));
}

function faultsOf(present: KeyRing, file: readonly ImportedKey[], rules: FileChangeRules): FileChangeFault[] {
  const faults: FileChangeFault[] = [];
  if (file[0] === undefined) faults.push({ reason: "no_key" });
  if (file[0] !== undefined && file[0].alg !== rules.alg) {
    faults.push({ reason: "other_algorithm", alg: file[0].alg, wanted: rules.alg });
  }
  for (const key of file) {
    const twin = present.find((record) => record.kid === key.kid && record.thumbprint !== key.thumbprint);
    if (twin !== undefined) faults.push({ reason: "kid_of_another_key", kid: key.kid });
    const renamed = present.find((record) => record.kid !== key.kid && record.thumbprint === key.thumbprint);
    if (renamed !== undefined) faults.push({ reason: "key_renamed", kid: key.kid });
  }
  return faults;
}

function recordOf(key: ImportedKey, publishedFrom: EpochSeconds): KeyRecord {
  const { kid, alg, publicJwk, thumbprint } = key;
  return {
    kid,
    alg,
    publicJwk,
    thumbprint,
    publishedFrom,
    signingFrom: undefined,
    retiringFrom: undefined,
    retiredFrom: undefined,
  };
}
