import { ConfigError } from "../kernel/faults.ts";
import { Secret } from "../kernel/secret.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import type { ALGORITHMS } from "../keys/algorithm.ts";
import { FAST_TIMING, FIXED_TIMING, type RotationTiming } from "../keys/timing.ts";
import type { LOG_LEVELS } from "../telemetry/log.ts";
import {
  Environment,
  type EnvironmentRead,
  ROTATION_SECONDS_DEFAULT,
  readEnvironment,
} from "./environment.ts";
import { faultsOfAdmin, faultsOfLead, faultsOfManaged, faultsOfPairs } from "./faults-across.ts";
import type { RawEnvironment } from "./given.ts";
import { warningsAboutLinks } from "./service-links.ts";
import { warningsAbout, warningsAboutNames, warningsAboutStore } from "./warnings.ts";

/** Every setting of the service, read once from the environment. Units are in the names. */
export interface Settings {
  readonly port: number;
  /** `undefined`: every address of the machine, IPv6 and IPv4. */
  readonly host: string | undefined;
  readonly issuer: string;
  readonly audience: string;
  readonly maxTtlSeconds: number;
  readonly defaultTtlSeconds: number;
  readonly alg: (typeof ALGORITHMS)[number];
  readonly keySource: KeySource;
  readonly keyLeadSeconds: number;
  readonly timing: RotationTiming;
  readonly admin: AdminSettings | undefined;
  /** How long a connection without a request is kept. */
  readonly keepAliveSeconds: number;
  /** How long a service that is asked to stop still accepts connections. */
  readonly drainSeconds: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Where the signing key comes from. */
export type KeySource =
  | { readonly kind: "ephemeral" }
  | { readonly kind: "env"; readonly variable: "MACP_AUTH_SIGNING_KEY_JSON"; readonly jwk: Secret }
  | { readonly kind: "file"; readonly variable: "MACP_AUTH_SIGNING_KEY_FILE"; readonly path: string }
  | ManagedSettings;

/** Keys that the service makes, keeps and rotates itself. */
export interface ManagedSettings {
  readonly kind: "managed";
  readonly store: StoreLocation;
  /** Where the key-encryption keys are; `undefined` for `memory:`, whose keys never leave the process. */
  readonly kek:
    | { readonly kind: "text"; readonly text: Secret }
    | { readonly kind: "file"; readonly path: string }
    | undefined;
  readonly periodSeconds: number;
  readonly gate: "off" | "warn" | "enforce";
  /** Where this replica remembers the newest version of the key set that it saw; `undefined`: only while it runs. */
  readonly versionFile: string | undefined;
}

/** The listener for operators. */
export interface AdminSettings {
  readonly port: number;
  readonly host: string;
  /** What a caller must send as bearer; `undefined` only on loopback. */
  readonly token:
    | { readonly kind: "text"; readonly text: Secret }
    | { readonly kind: "file"; readonly path: string }
    | undefined;
}

/** Settings that can be run with, and what the operator should know of them, a line each. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly warnings: readonly string[];
}

/** What the environment says, sound or not. With a fault, the settings are for a further look at what is given, and never to run with. */
export interface SettingsRead extends LoadedSettings {
  readonly faults: readonly string[];
  /** Whether the algorithm of the settings is the one that was asked for. */
  readonly isAlgSound: boolean;
}

/** Reads the environment. Throws `ConfigError` with every fault at once; a variable that is set to nothing counts as unset. */
export function loadSettings(environment: RawEnvironment): LoadedSettings {
  const { settings, warnings, faults } = readSettings(environment);
  if (faults.length > 0) throw new ConfigError(faults);
  return { settings, warnings };
}

/** Reads the environment as far as it can be read, with every fault that it has by itself. */
export function readSettings(environment: RawEnvironment): SettingsRead {
  const read = readEnvironment(environment);
  const { env, given, links } = read;
  const timing: RotationTiming = {
    maxTtlSeconds: env.MACP_AUTH_MAX_TTL_SECONDS,
    jwksMaxAgeSeconds: env.MACP_AUTH_JWKS_MAX_AGE_SECONDS,
    verifierTtlSeconds: env.MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS,
    verifierGraceSeconds: env.MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS,
    ...(env.MACP_AUTH_UNSAFE_FAST_ROTATION === undefined ? FIXED_TIMING : FAST_TIMING),
  };
  const keySource = keySourceOf(read);
  const settings: Settings = {
    port: env.PORT,
    host: env.HOST,
    issuer: env.MACP_AUTH_ISSUER,
    audience: env.MACP_AUTH_AUDIENCE,
    maxTtlSeconds: env.MACP_AUTH_MAX_TTL_SECONDS,
    defaultTtlSeconds: Math.min(env.MACP_AUTH_DEFAULT_TTL_SECONDS, env.MACP_AUTH_MAX_TTL_SECONDS),
    alg: env.MACP_AUTH_SIGNING_ALG,
    keySource,
    keyLeadSeconds: env.MACP_AUTH_KEY_LEAD_SECONDS,
    timing,
    admin: adminOf(read),
    keepAliveSeconds: env.MACP_AUTH_KEEP_ALIVE_SECONDS,
    drainSeconds: env.MACP_AUTH_DRAIN_SECONDS,
    logLevel: env.MACP_AUTH_LOG_LEVEL,
  };
  return {
    settings,
    warnings: [
      ...warningsAbout(env, timing),
      ...(keySource.kind === "managed" ? warningsAboutStore(keySource.store) : []),
      ...warningsAboutLinks(links, (name) => name in Environment.shape),
      ...warningsAboutNames([...given]),
    ],
    faults: [
      ...read.faults,
      ...faultsOfPairs(given),
      ...faultsOfLead(read, timing),
      ...(keySource.kind === "managed" ? faultsOfManaged(read, keySource.store) : []),
      ...faultsOfAdmin(read),
    ],
    isAlgSound: read.isSound("MACP_AUTH_SIGNING_ALG"),
  };
}

function keySourceOf({ env, given }: EnvironmentRead): KeySource {
  if (env.MACP_AUTH_SIGNING_KEY_JSON !== undefined) {
    return {
      kind: "env",
      variable: "MACP_AUTH_SIGNING_KEY_JSON",
      jwk: new Secret(env.MACP_AUTH_SIGNING_KEY_JSON),
    };
  }
  if (env.MACP_AUTH_SIGNING_KEY_FILE !== undefined) {
    return { kind: "file", variable: "MACP_AUTH_SIGNING_KEY_FILE", path: env.MACP_AUTH_SIGNING_KEY_FILE };
  }
  if (!given.has("MACP_AUTH_STORE_URL") && !given.has("MACP_AUTH_KEY_ROTATION_SECONDS"))
    return { kind: "ephemeral" };
  return {
    kind: "managed",
    store: env.MACP_AUTH_STORE_URL ?? { kind: "memory" },
    kek: textOrFile(env.MACP_AUTH_KEK, env.MACP_AUTH_KEK_FILE),
    periodSeconds: env.MACP_AUTH_KEY_ROTATION_SECONDS ?? ROTATION_SECONDS_DEFAULT,
    gate: env.MACP_AUTH_ACTIVATION_GATE,
    versionFile: env.MACP_AUTH_KEY_VERSION_FILE,
  };
}

function adminOf({ env, given }: EnvironmentRead): AdminSettings | undefined {
  if (!given.has("MACP_AUTH_ADMIN_PORT")) return undefined;
  const token = textOrFile(env.MACP_AUTH_ADMIN_TOKEN, env.MACP_AUTH_ADMIN_TOKEN_FILE);
  return { port: env.MACP_AUTH_ADMIN_PORT ?? 0, host: env.MACP_AUTH_ADMIN_HOST, token };
}

function textOrFile(text: Secret | undefined, path: string | undefined): ManagedSettings["kek"] {
  if (text !== undefined) return { kind: "text", text };
  return path === undefined ? undefined : { kind: "file", path };
}
