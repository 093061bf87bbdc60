import { isLoopback } from "../kernel/loopback.ts";
import { leadFloorSeconds } from "../keys/timing.ts";
import { faultsOfBearer } from "./bearer-secret.ts";
import { faultsOfNeeds } from "./listeners/faults-of-needs.ts";
import { faultsOfPorts } from "./listeners/faults-of-ports.ts";
import {
  type AccessSettings,
  type AdminSettings,
  hasLastingStore,
  type ManagedSource,
  type SettingPath,
  type Settings,
} from "./settings.ts";
import type { Labels } from "./source.ts";
import { faultsOfStatusLists } from "./status-list-faults.ts";

/** A line for each fault of settings that do not go together. A setting with a fault of its own is not judged again. */
export function faultsAcross(settings: Settings, labels: Labels): readonly string[] {
  const { keys, admin } = settings;
  return [
    ...faultsOfPairs(labels),
    ...faultsOfNeeds(labels),
    ...faultsOfLead(settings, labels),
    ...(keys.source.kind === "managed"
      ? [...faultsOfStore(keys.source, labels), ...faultsOfPeriod(keys.source, settings, labels)]
      : []),
    ...faultsOfLedger(settings, labels),
    ...faultsOfGuard(settings, labels),
    ...faultsOfStatusLists(settings, labels),
    ...faultsOfEvents(settings, labels),
    ...faultsOfPorts(settings, labels),
    ...(admin === undefined ? [] : faultsOfToken(admin, labels)),
    ...faultsOfAccess(settings.access, labels),
    ...faultsOfBlanks(settings.access, labels),
    ...faultsOfBlankTls(labels),
  ];
}

/** Pairs of which one must be chosen. */
const EITHER_OR: readonly (readonly [SettingPath, SettingPath])[] = [
  ["keys.jwk", "keys.file"],
  ["keys.kek", "keys.kekFile"],
  ["admin.token", "admin.tokenFile"],
  ["access.sharedSecret", "access.sharedSecretFile"],
  ["tls.certFile", "tls.spiffeSocket"],
  ["tls.keyFile", "tls.spiffeSocket"],
];

function faultsOfPairs({ of, isGiven }: Labels): string[] {
  return EITHER_OR.filter((pair) => pair.every((one) => isGiven(one))).map(
    ([one, other]) => `${of(one)} and ${of(other)} are both set; unset the one that is not meant`,
  );
}

/** A new key would sign before every verifier knows it. */
function faultsOfLead({ keys: { leadSeconds, timing } }: Settings, { of, areRead }: Labels): string[] {
  const canTell = areRead(
    "keys.leadSeconds",
    "keys.unsafeFastRotation",
    "verifiers.jwksMaxAgeSeconds",
    "verifiers.jwksTtlSeconds",
  );
  const floor = leadFloorSeconds(timing);
  return canTell && leadSeconds < floor
    ? [
        `${of("keys.leadSeconds")} is ${String(leadSeconds)}, and verifiers with these settings need ${String(floor)} to learn of a new key; use 7200, or at least ${String(floor)}`,
      ]
    : [];
}

/** What is recorded must outlive the process. */
function faultsOfLedger({ ledger, keys }: Settings, { of, areRead }: Labels): string[] {
  const canTell = areRead("ledger.mode", "keys.store", "keys.rotationSeconds");
  return canTell && ledger.mode !== "off" && !hasLastingStore(keys.source)
    ? [
        `${of("ledger.mode")} is ${ledger.mode}, and there is no store that outlives the process; set ${of("keys.store")} to sqlite:PATH or postgres://…, or ${of("ledger.mode")}=off`,
      ]
    : [];
}

/** Without a ledger nothing is revoked, and a guard would look as if it knew. */
function faultsOfGuard({ ledger, guard }: Settings, { of, areRead }: Labels): string[] {
  const canTell = areRead("ledger.mode", "keys.store", "keys.rotationSeconds");
  return canTell && guard !== undefined && ledger.mode === "off"
    ? [
        `${of(guard.port === undefined ? "guard.grpcPort" : "guard.port")} is set, and no token is recorded, so that none can be revoked; set ${of("keys.store")} to sqlite:PATH or postgres://…, and not ${of("ledger.mode")}=off`,
      ]
    : [];
}

/** Without a ledger nothing is revoked, and no event would ever come. */
function faultsOfEvents({ ledger }: Settings, { of, isGiven, areRead }: Labels): string[] {
  const canTell = areRead("ledger.mode", "keys.store", "keys.rotationSeconds");
  return canTell && isGiven("events.url") && ledger.mode === "off"
    ? [
        `${of("events.url")} is set, and no token is recorded, so that none can be revoked; set ${of("keys.store")} to sqlite:PATH or postgres://…, and not ${of("ledger.mode")}=off`,
      ]
    : [];
}

function faultsOfStore({ store }: ManagedSource, { of, isGiven }: Labels): string[] {
  return store.kind === "memory" || isGiven("keys.kek") || isGiven("keys.kekFile")
    ? []
    : [
        `${of("keys.store")} keeps private keys, and neither ${of("keys.kekFile")} nor ${of("keys.kek")} is set; name the file of the key that the store was made with, or for a new store make one with: macp-auth kek generate --out FILE`,
      ];
}

function faultsOfPeriod(
  { periodSeconds }: ManagedSource,
  { keys: { leadSeconds } }: Settings,
  { of, isGiven, areRead }: Labels,
): string[] {
  if (!areRead("keys.rotationSeconds")) return [];
  const faults: string[] = [];
  if (periodSeconds < 86_400 && !isGiven("keys.unsafeFastRotation")) {
    faults.push(
      `${of("keys.rotationSeconds")} is ${String(periodSeconds)}, and a key must sign for 86400 seconds or more`,
    );
  }
  if (periodSeconds < leadSeconds && areRead("keys.leadSeconds")) {
    faults.push(
      `${of("keys.rotationSeconds")} is below ${of("keys.leadSeconds")}, so no successor would ever be ready in time; raise it`,
    );
  }
  return faults;
}

function faultsOfToken({ host, token }: AdminSettings, { of, isGiven, areRead }: Labels): readonly string[] {
  if (token?.kind === "text") return faultsOfBearer(of(token.setting), token.text.reveal());
  const isOpen =
    token === undefined &&
    !isGiven("admin.token") &&
    !isGiven("admin.tokenFile") &&
    areRead("admin.host") &&
    !isLoopback(host);
  return isOpen
    ? [`${of("admin.host")} is reachable from other machines; set ${of("admin.tokenFile")}, or use 127.0.0.1`]
    : [];
}

function faultsOfAccess(
  { mode, file, sharedSecret }: AccessSettings,
  { of, isGiven, areRead }: Labels,
): readonly string[] {
  const faults =
    sharedSecret?.kind === "text" ? faultsOfBearer(of(sharedSecret.setting), sharedSecret.text.reveal()) : [];
  const hasCallers = file !== undefined || sharedSecret !== undefined;
  const isUnreadable = !areRead(
    "access.mode",
    "access.file",
    "access.sharedSecret",
    "access.sharedSecretFile",
  );
  if (mode === "off" || hasCallers || isUnreadable || !isGiven("access.mode")) return faults;
  return [
    ...faults,
    `${of("access.mode")} is ${mode}, and no caller is declared; set ${of("access.file")} or ${of("access.sharedSecretFile")}`,
  ];
}

/** What is meant to close the mint, and is empty, must not leave it open: a variable of a shell or a secret store may not have arrived. */
function faultsOfBlanks({ mode }: AccessSettings, { of, isBlank, isGiven }: Labels): readonly string[] {
  if (mode !== "off" || isGiven("access.mode")) return [];
  return GUARDS.filter(isBlank).map(
    (setting) =>
      `${of(setting)} is set and empty, and without it anyone may mint; give it its value or, if anyone may, set ${of("access.mode")}=off`,
  );
}

/** One that is empty beside one that is given is reported with the pair. */
function faultsOfBlankTls({ of, isBlank, isGiven }: Labels): readonly string[] {
  if (TLS_SOURCES.some(isGiven)) return [];
  return TLS_SOURCES.filter(isBlank).map(
    (setting) =>
      `${of(setting)} is set and empty, and without it the service speaks plain HTTP; give it its value, or unset it`,
  );
}

const TLS_SOURCES: readonly SettingPath[] = ["tls.certFile", "tls.keyFile", "tls.spiffeSocket"];

const GUARDS: readonly SettingPath[] = [
  "access.mode",
  "access.file",
  "access.sharedSecret",
  "access.sharedSecretFile",
];
