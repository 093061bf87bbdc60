import type { Gauge } from "prom-client";
import type { KeysFacts } from "../keys/managed/operator-shapes.ts";

/** Name, help, labels, and how it is filled. */
export type KeyGauge = readonly [string, string, string[], Fill];
type Fill = (self: Gauge, report: KeysFacts) => void;

const KEY_GAUGES: readonly KeyGauge[] = [
  [
    "keys",
    "Managed keys by algorithm and state.",
    ["alg", "state"],
    (self, { keys }) => {
      for (const { alg, state } of keys) self.inc({ alg, state });
    },
  ],
  [
    "signing_key_age_seconds",
    "Time since the signing key began to sign.",
    ["alg", "kid"],
    (self, { keys, now }) => {
      for (const { alg, kid, signs, signing_from } of keys)
        if (signs && signing_from !== null) self.set({ alg, kid }, now - signing_from);
    },
  ],
  [
    "next_rotation_seconds",
    "Time until the replacement of the signing key is due; negative when overdue.",
    ["alg"],
    (self, { keys, now }) => {
      for (const { alg, signs, next } of keys)
        if (signs && next.at !== null) self.set({ alg }, next.at - now);
    },
  ],
  [
    "rotation_overdue",
    "1 when the replacement of the signing key is overdue.",
    ["alg"],
    (self, { keys, now }) => {
      for (const { alg, signs, next } of keys)
        if (signs && next.at !== null) self.set({ alg }, now > next.at ? 1 : 0);
    },
  ],
  [
    "standby_missing",
    "1 when the signing algorithm has no standby key.",
    ["alg"],
    (self, { keys }) => {
      const hasStandby = (alg: string): boolean =>
        keys.some((key) => key.alg === alg && key.state === "standby");
      for (const { alg, signs } of keys) if (signs) self.set({ alg }, hasStandby(alg) ? 0 : 1);
    },
  ],
  [
    "key_set_version",
    "Version of the key set that this replica uses.",
    [],
    (self, { version }) => {
      self.set(version);
    },
  ],
  [
    "verifiers_behind",
    "Known verifiers that have not yet fetched the key set that this replica uses.",
    [],
    (self, { verifiers }) => {
      self.set(verifiers.filter((verifier) => !verifier.up_to_date).length);
    },
  ],
  [
    "untracked_fetches",
    "JWKS fetches by untracked verifiers, by the version of the key set that they received.",
    ["version"],
    (self, { untracked }) => {
      for (const { version, fetches } of untracked) self.set({ version: String(version) }, fetches);
    },
  ],
  [
    "verifiers_slower_than_declared",
    "Known verifiers that fetched 20 times, but never within the declared cache time.",
    [],
    (self, { verifiers }) => {
      self.set(verifiers.filter((verifier) => verifier.slower_than_declared).length);
    },
  ],
];

/** The gauges of the keys, computed at each scrape from the set as this replica last read it. */
export function keySetGauges(): readonly KeyGauge[] {
  return KEY_GAUGES;
}
