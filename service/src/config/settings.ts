import type { z } from "zod";
import { ConfigError } from "../kernel/faults.ts";
import { isLoopback } from "../kernel/loopback.ts";
import { Secret } from "../kernel/secret.ts";
import type { ALGORITHMS } from "../keys/algorithm.ts";
import {
  FAST_TIMING,
  FIXED_TIMING,
  leadFloorSeconds,
  leadThroughGraceSeconds,
  type RotationTiming,
} from "../keys/timing.ts";
import type { LOG_LEVELS } from "../telemetry/log.ts";
import { Environment } from "./environment.ts";
import { loggedText } from "./shown-value.ts";

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
  /** `memory:`, `sqlite:PATH` or `postgres://…`; secret, for it may hold a password. */
  readonly storeUrl: Secret;
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

/** Names of other MACP programs' variables, which often stand in one shared environment file. Not typing mistakes. */
const NEIGHBOURS = new Set([
  "MACP_AUTH_SERVICE_URL",
  "MACP_AUTH_JWKS_URL",
  "MACP_AUTH_JWKS_JSON",
  "MACP_AUTH_JWKS_TTL_SECS",
  "MACP_AUTH_JWT_ALGS",
  "MACP_AUTH_TOKENS_JSON",
  "MACP_AUTH_TOKENS_FILE",
]);

/** Reads the environment. Throws `ConfigError` with every fault at once; a variable that is set to nothing counts as unset. */
export function loadSettings(environment: Readonly<Record<string, string | undefined>>): LoadedSettings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ""),
  );
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    const several = faultsAcross(given);
    throw new ConfigError([
      ...parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`),
      ...several,
    ]);
  }
  const env = parsed.data;
  const fast = env.MACP_AUTH_UNSAFE_FAST_ROTATION !== undefined;
  const timing: RotationTiming = {
    maxTtlSeconds: env.MACP_AUTH_MAX_TTL_SECONDS,
    jwksMaxAgeSeconds: env.MACP_AUTH_JWKS_MAX_AGE_SECONDS,
    verifierTtlSeconds: env.MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS,
    verifierGraceSeconds: env.MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS,
    ...(fast ? FAST_TIMING : FIXED_TIMING),
  };
  const keySource = keySourceOf(env);
  const faults = [
    ...faultsAcross(given),
    ...faultsOfLead(env.MACP_AUTH_KEY_LEAD_SECONDS, timing),
    ...(keySource.kind === "managed" ? faultsOfManaged(keySource, env, fast) : []),
    ...faultsOfAdmin(env),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
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
    admin: adminOf(env),
    logLevel: env.MACP_AUTH_LOG_LEVEL,
  };
  return { settings, warnings: [...warningsAbout(env, timing), ...warningsAboutNames(Object.keys(given))] };
}

type ParsedEnvironment = z.infer<typeof Environment>;

function keySourceOf(env: ParsedEnvironment): KeySource {
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
  if (env.MACP_AUTH_STORE_URL === undefined && env.MACP_AUTH_KEY_ROTATION_SECONDS === undefined)
    return { kind: "ephemeral" };
  return {
    kind: "managed",
    storeUrl: env.MACP_AUTH_STORE_URL ?? new Secret("memory:"),
    kek: textOrFile(env.MACP_AUTH_KEK, env.MACP_AUTH_KEK_FILE),
    periodSeconds: env.MACP_AUTH_KEY_ROTATION_SECONDS ?? 604_800,
    gate: env.MACP_AUTH_ACTIVATION_GATE,
    versionFile: env.MACP_AUTH_KEY_VERSION_FILE,
  };
}

function adminOf(env: ParsedEnvironment): AdminSettings | undefined {
  if (env.MACP_AUTH_ADMIN_PORT === undefined) return undefined;
  const token = textOrFile(env.MACP_AUTH_ADMIN_TOKEN, env.MACP_AUTH_ADMIN_TOKEN_FILE);
  return { port: env.MACP_AUTH_ADMIN_PORT, host: env.MACP_AUTH_ADMIN_HOST, token };
}

function textOrFile(text: Secret | undefined, path: string | undefined): ManagedSettings["kek"] {
  if (text !== undefined) return { kind: "text", text };
  return path === undefined ? undefined : { kind: "file", path };
}

function faultsOfManaged(
  { storeUrl, kek, periodSeconds }: ManagedSettings,
  env: ParsedEnvironment,
  fast: boolean,
): string[] {
  const faults: string[] = [];
  if (kek === undefined && !storeUrl.reveal().startsWith("memory:")) {
    faults.push(
      "MACP_AUTH_STORE_URL keeps private keys, and neither MACP_AUTH_KEK_FILE nor MACP_AUTH_KEK is set; make one with: macp-auth kek generate --out FILE",
    );
  }
  if (periodSeconds < 86_400 && !fast) {
    faults.push(
      `MACP_AUTH_KEY_ROTATION_SECONDS is ${String(periodSeconds)}, and a key must sign for 86400 seconds or more`,
    );
  }
  if (periodSeconds < env.MACP_AUTH_KEY_LEAD_SECONDS) {
    faults.push(
      "MACP_AUTH_KEY_ROTATION_SECONDS is below MACP_AUTH_KEY_LEAD_SECONDS, so no successor would ever be ready in time; raise it",
    );
  }
  return faults;
}

function faultsOfAdmin(env: ParsedEnvironment): string[] {
  if (env.MACP_AUTH_ADMIN_PORT === undefined) return [];
  const token = env.MACP_AUTH_ADMIN_TOKEN;
  if (token !== undefined && token.reveal().length < 32)
    return ["MACP_AUTH_ADMIN_TOKEN is shorter than 32 characters; make one with: openssl rand -hex 32"];
  const open =
    token === undefined &&
    env.MACP_AUTH_ADMIN_TOKEN_FILE === undefined &&
    !isLoopback(env.MACP_AUTH_ADMIN_HOST);
  return open
    ? [
        "MACP_AUTH_ADMIN_HOST is reachable from other machines; set MACP_AUTH_ADMIN_TOKEN_FILE, or use 127.0.0.1",
      ]
    : [];
}

/** What only managed keys read. */
const MANAGED_ONLY = [
  "MACP_AUTH_STORE_URL",
  "MACP_AUTH_KEK",
  "MACP_AUTH_KEK_FILE",
  "MACP_AUTH_KEY_ROTATION_SECONDS",
  "MACP_AUTH_KEY_VERSION_FILE",
] as const;

/** Pairs of which one must be chosen. */
const EITHER_OR = [
  ["MACP_AUTH_SIGNING_KEY_JSON", "MACP_AUTH_SIGNING_KEY_FILE"],
  ["MACP_AUTH_KEK", "MACP_AUTH_KEK_FILE"],
  ["MACP_AUTH_ADMIN_TOKEN", "MACP_AUTH_ADMIN_TOKEN_FILE"],
] as const;

function faultsAcross(given: Readonly<Record<string, unknown>>): string[] {
  return EITHER_OR.filter(([one, other]) => one in given && other in given).map(
    ([one, other]) => `${one} and ${other} are both set; keep one of them`,
  );
}

function faultsOfLead(leadSeconds: number, timing: RotationTiming): string[] {
  const floor = leadFloorSeconds(timing);
  return leadSeconds < floor
    ? [
        `MACP_AUTH_KEY_LEAD_SECONDS is ${String(leadSeconds)}, and verifiers with these settings need ${String(floor)} to learn of a new key; use 7200, or at least ${String(floor)}`,
      ]
    : [];
}

/** A longer life is taken, as the predecessor takes it, and warned about. */
const TTL_SECONDS_SOUND = 3_600;

function warningsAbout(env: ParsedEnvironment, timing: RotationTiming): string[] {
  const warnings: string[] = [];
  if (env.MACP_AUTH_DEFAULT_TTL_SECONDS > env.MACP_AUTH_MAX_TTL_SECONDS) {
    const max = String(env.MACP_AUTH_MAX_TTL_SECONDS);
    warnings.push(
      `MACP_AUTH_DEFAULT_TTL_SECONDS is above MACP_AUTH_MAX_TTL_SECONDS; tokens live ${max} seconds by default`,
    );
  }
  if (env.MACP_AUTH_MAX_TTL_SECONDS > TTL_SECONDS_SOUND)
    warnings.push(
      `MACP_AUTH_MAX_TTL_SECONDS is ${String(env.MACP_AUTH_MAX_TTL_SECONDS)}, and nothing revokes a token at the runtime: a stolen one is good for that long; use at most ${String(TTL_SECONDS_SOUND)}`,
    );
  const isStatic =
    env.MACP_AUTH_SIGNING_KEY_JSON !== undefined || env.MACP_AUTH_SIGNING_KEY_FILE !== undefined;
  for (const name of MANAGED_ONLY) {
    if (isStatic && env[name] !== undefined) {
      warnings.push(
        `${name} is set, but the signing key is given; the given key signs and managed keys are off`,
      );
    }
  }
  if (env.MACP_AUTH_UNSAFE_FAST_ROTATION !== undefined)
    warnings.push(
      "MACP_AUTH_UNSAFE_FAST_ROTATION is set: verifiers will refuse honest tokens; it is for tests alone",
    );
  const safe = leadThroughGraceSeconds(timing);
  if (env.MACP_AUTH_KEY_LEAD_SECONDS < safe) {
    warnings.push(
      `MACP_AUTH_KEY_LEAD_SECONDS is below ${String(safe)}; a verifier that cannot refresh during its grace may refuse tokens of a new key`,
    );
  }
  return warnings;
}

/** A name that nobody reads is most often a typing mistake; it must not stop a service that shares its environment file. */
function warningsAboutNames(names: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith("MACP_AUTH_") && !(name in Environment.shape) && !NEIGHBOURS.has(name))
    .map(
      (name) =>
        `${loggedText(name, 64)} is not a setting of this service and is ignored; see docs/configuration.md for the names`,
    );
}
