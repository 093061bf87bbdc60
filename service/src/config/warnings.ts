import { isLoopback } from "../kernel/loopback.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import { leadThroughGraceSeconds } from "../keys/timing.ts";
import type { SettingPath, Settings } from "./settings.ts";
import { shownValue } from "./shown-value.ts";
import type { Labels } from "./source.ts";

/** What only managed keys read. */
const MANAGED_ONLY: readonly SettingPath[] = [
  "keys.store",
  "keys.kek",
  "keys.kekFile",
  "keys.rotationSeconds",
  "keys.versionFile",
];

/** A longer TTL is accepted, as the predecessor accepts it, with a warning. */
const TTL_SECONDS_ADVISED = 3_600;

/** What the operator should know of settings that can be run with, a line each. */
export function warningsAbout(settings: Settings, labels: Labels): readonly string[] {
  const { source } = settings.keys;
  return [
    ...warningsAboutTtl(settings, labels),
    ...warningsAboutText("tokens.issuer", settings.tokens.issuer, labels),
    ...warningsAboutText("tokens.audience", settings.tokens.audience, labels),
    ...warningsAboutUnused(settings, labels),
    ...warningsAboutLead(settings, labels),
    ...(source.kind === "managed" ? warningsAboutStore(source.store, labels) : []),
  ];
}

function warningsAboutTtl({ tokens }: Settings, { of }: Labels): string[] {
  const { maxTtlSeconds, defaultTtlSeconds } = tokens;
  const max = of("tokens.maxTtlSeconds");
  return [
    ...(defaultTtlSeconds > maxTtlSeconds
      ? [
          `${of("tokens.defaultTtlSeconds")} is above ${max}; tokens live ${String(maxTtlSeconds)} seconds by default`,
        ]
      : []),
    ...(maxTtlSeconds > TTL_SECONDS_ADVISED
      ? [
          `${max} is ${String(maxTtlSeconds)}, and nothing revokes a token at the runtime: a stolen one is good for that long; use at most ${String(TTL_SECONDS_ADVISED)}`,
        ]
      : []),
  ];
}

/** What a person reads as notation, and every verifier as part of the name. */
function warningsAboutText(setting: SettingPath, text: string, { of }: Labels): string[] {
  const quotes = /^(["'`]).*\1$/.test(text) ? "its quotation marks" : undefined;
  const extra = text.trim() === text ? quotes : "the space at its beginning or end";
  return extra === undefined
    ? []
    : [
        `${of(setting)} is ${shownValue(text)}, and every token carries ${extra} too; set it without, or to the same at every verifier`,
      ];
}

function warningsAboutUnused({ keys: { source } }: Settings, { of, isGiven }: Labels): string[] {
  if (source.kind !== "env" && source.kind !== "file") return [];
  return MANAGED_ONLY.filter(isGiven).map(
    (setting) =>
      `${of(setting)} is set, but the signing key is given, so managed keys are off; unset ${of(setting)}, or move the key into the store with macp-auth keys import and unset the signing key`,
  );
}

function warningsAboutLead({ keys: { leadSeconds, timing } }: Settings, { of, isGiven }: Labels): string[] {
  const safe = String(leadThroughGraceSeconds(timing));
  return [
    ...(isGiven("keys.unsafeFastRotation")
      ? [
          `${of("keys.unsafeFastRotation")} is set: verifiers will reject valid tokens; it is for tests only, so unset it`,
        ]
      : []),
    ...(leadSeconds < leadThroughGraceSeconds(timing)
      ? [
          `${of("keys.leadSeconds")} is below ${safe}; a verifier that cannot refresh during its grace may reject tokens of a new key; use ${safe} or more`,
        ]
      : []),
  ];
}

/**
 * Without a check of the server's certificate, anyone on the network between can take its place: they get the password, and can
 * hold changes back.
 */
function warningsAboutStore(store: StoreLocation, { of }: Labels): string[] {
  if (store.kind !== "postgres") return [];
  const { mode, rootCert } = store.tls;
  const isUnchecked = mode === "prefer" || (mode === "require" && rootCert === undefined);
  const isRemote = store.hosts.some(({ host }) => !host.startsWith("/") && !isLoopback(host));
  return isUnchecked && isRemote
    ? [
        `${of("keys.store")} has sslmode=${mode}, which does not check that the server is the right one: anyone on the network between can take its place; use sslmode=verify-full&sslrootcert=FILE`,
      ]
    : [];
}
