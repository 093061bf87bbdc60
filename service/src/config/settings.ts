import { z } from "zod";
import { ConfigError } from "../kernel/faults.ts";
import { printable } from "../kernel/printable.ts";
import { Secret } from "../kernel/secret.ts";
import { ALGORITHMS } from "../keys/algorithm.ts";
import { FIXED_TIMING, leadFloorSeconds, leadThroughGraceSeconds, type RotationTiming } from "../keys/timing.ts";
import { LOG_LEVELS } from "../telemetry/log.ts";

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
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Where the signing key comes from. */
export type KeySource =
  | { readonly kind: "ephemeral" }
  | { readonly kind: "env"; readonly variable: "MACP_AUTH_SIGNING_KEY_JSON"; readonly jwk: Secret }
  | { readonly kind: "file"; readonly variable: "MACP_AUTH_SIGNING_KEY_FILE"; readonly path: string };

/** Settings that can be run with, and what the operator should know of them, a line each. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly warnings: readonly string[];
}

const SECONDS_MAX = 10 * 365 * 86_400;

/** One variable: its default, how its text is read, and what docs/configuration.md says of it. */
export const Environment = z.object({
  PORT: whole(0, 65_535).default(3200).describe("TCP port; 0 takes any free one"),
  HOST: z.string().optional().describe("address to listen on; unset means every address, IPv6 and IPv4"),
  MACP_AUTH_ISSUER: z.string().default("macp-auth-service").describe("the `iss` of every token"),
  MACP_AUTH_AUDIENCE: z.string().default("macp-runtime").describe("the `aud` of every token"),
  MACP_AUTH_MAX_TTL_SECONDS: whole(1, SECONDS_MAX).default(3600).describe("longest life of a token; longer wishes are cut to it"),
  MACP_AUTH_DEFAULT_TTL_SECONDS: whole(1, SECONDS_MAX).default(300).describe("life of a token whose request names none"),
  MACP_AUTH_SIGNING_ALG: oneOf(ALGORITHMS).default("RS256").describe("algorithm of every signature"),
  MACP_AUTH_SIGNING_KEY_JSON: z.string().optional().describe("a private JWK; unset and no key file means a key made at start"),
  MACP_AUTH_SIGNING_KEY_FILE: z.string().optional().describe("a file with a private JWK, a JWK Set or a PEM private key; watched"),
  MACP_AUTH_KEY_LEAD_SECONDS: whole(1, SECONDS_MAX).default(7200).describe("how long a new first key of the file is served before it signs"),
  MACP_AUTH_JWKS_MAX_AGE_SECONDS: whole(0, 86_400).default(60).describe("`max-age` of the JWKS answer"),
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: whole(1, SECONDS_MAX).default(300).describe("how long your verifiers keep a JWKS (the runtime's MACP_AUTH_JWKS_TTL_SECS)"),
  MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: whole(0, SECONDS_MAX).default(3600).describe("how long your verifiers go on with an old JWKS when they cannot refresh"),
  MACP_AUTH_LOG_LEVEL: oneOf(LOG_LEVELS).default("info").describe("least severe level that is written"),
});

/** Names of other MACP programs' variables, which often stand in one shared environment file. Not typing mistakes. */
const NEIGHBOURS = new Set([
  "MACP_AUTH_SERVICE_URL",
  "MACP_AUTH_JWKS_URL",
  "MACP_AUTH_JWKS_JSON",
  "MACP_AUTH_JWKS_TTL_SECS",
  "MACP_AUTH_TOKENS_JSON",
  "MACP_AUTH_TOKENS_FILE",
]);

/** Reads the environment. Throws `ConfigError` with every fault at once; a variable that is set to nothing counts as unset. */
export function loadSettings(environment: Readonly<Record<string, string | undefined>>): LoadedSettings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ""));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    const several = faultsAcross(given);
    throw new ConfigError([...parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`), ...several]);
  }
  const env = parsed.data;
  const timing: RotationTiming = {
    maxTtlSeconds: env.MACP_AUTH_MAX_TTL_SECONDS,
    jwksMaxAgeSeconds: env.MACP_AUTH_JWKS_MAX_AGE_SECONDS,
    verifierTtlSeconds: env.MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS,
    verifierGraceSeconds: env.MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS,
    ...FIXED_TIMING,
  };
  const faults = [...faultsAcross(given), ...faultsOfLead(env.MACP_AUTH_KEY_LEAD_SECONDS, timing)];
  if (faults.length > 0) throw new ConfigError(faults);
  const settings: Settings = {
    port: env.PORT,
    host: env.HOST,
    issuer: env.MACP_AUTH_ISSUER,
    audience: env.MACP_AUTH_AUDIENCE,
    maxTtlSeconds: env.MACP_AUTH_MAX_TTL_SECONDS,
    defaultTtlSeconds: Math.min(env.MACP_AUTH_DEFAULT_TTL_SECONDS, env.MACP_AUTH_MAX_TTL_SECONDS),
    alg: env.MACP_AUTH_SIGNING_ALG,
    keySource: keySourceOf(env),
    keyLeadSeconds: env.MACP_AUTH_KEY_LEAD_SECONDS,
    timing,
    logLevel: env.MACP_AUTH_LOG_LEVEL,
  };
  return { settings, warnings: [...warningsAbout(env, timing), ...warningsAboutNames(Object.keys(given))] };
}

type ParsedEnvironment = z.infer<typeof Environment>;

function keySourceOf(env: ParsedEnvironment): KeySource {
  if (env.MACP_AUTH_SIGNING_KEY_JSON !== undefined) {
    return { kind: "env", variable: "MACP_AUTH_SIGNING_KEY_JSON", jwk: new Secret(env.MACP_AUTH_SIGNING_KEY_JSON) };
  }
  if (env.MACP_AUTH_SIGNING_KEY_FILE !== undefined) {
    return { kind: "file", variable: "MACP_AUTH_SIGNING_KEY_FILE", path: env.MACP_AUTH_SIGNING_KEY_FILE };
  }
  return { kind: "ephemeral" };
}

function faultsAcross(given: Readonly<Record<string, unknown>>): string[] {
  return "MACP_AUTH_SIGNING_KEY_JSON" in given && "MACP_AUTH_SIGNING_KEY_FILE" in given
    ? ["MACP_AUTH_SIGNING_KEY_JSON and MACP_AUTH_SIGNING_KEY_FILE are both set; keep one of them"]
    : [];
}

function faultsOfLead(leadSeconds: number, timing: RotationTiming): string[] {
  const floor = leadFloorSeconds(timing);
  return leadSeconds < floor
    ? [
        `MACP_AUTH_KEY_LEAD_SECONDS is ${String(leadSeconds)}, and verifiers with these settings need ${String(floor)} to learn of a new key; use 7200, or at least ${String(floor)}`,
      ]
    : [];
}

function warningsAbout(env: ParsedEnvironment, timing: RotationTiming): string[] {
  const warnings: string[] = [];
  if (env.MACP_AUTH_DEFAULT_TTL_SECONDS > env.MACP_AUTH_MAX_TTL_SECONDS) {
    const max = String(env.MACP_AUTH_MAX_TTL_SECONDS);
    warnings.push(`MACP_AUTH_DEFAULT_TTL_SECONDS is above MACP_AUTH_MAX_TTL_SECONDS; tokens live ${max} seconds by default`);
  }
  const safe = leadThroughGraceSeconds(timing);
  if (env.MACP_AUTH_KEY_LEAD_SECONDS < safe) {
    warnings.push(`MACP_AUTH_KEY_LEAD_SECONDS is below ${String(safe)}; a verifier that cannot refresh during its grace may refuse tokens of a new key`);
  }
  return warnings;
}

/** A name that nobody reads is most often a typing mistake; it must not stop a service that shares its environment file. */
function warningsAboutNames(names: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith("MACP_AUTH_") && !(name in Environment.shape) && !NEIGHBOURS.has(name))
    .map((name) => `${printable(name)} is not a setting of this service and is ignored; see docs/configuration.md for the names`);
}

function whole(min: number, max: number) {
  return z.string().transform((text, context) => {
    const value = Number(text.trim());
    if (/^[0-9]+$/.test(text.trim()) && value >= min && value <= max) return value;
    context.addIssue(`must be a whole number from ${String(min)} to ${String(max)}, and is "${shown(text)}"`);
    return z.NEVER;
  });
}

function oneOf<const Names extends readonly string[]>(names: Names) {
  return z.string().transform((text, context): Names[number] => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    context.addIssue(`must be ${names.join(" or ")}, and is "${shown(text)}"`);
    return z.NEVER;
  });
}

/** An operator's own value in an error line, short and harmless: it may be anything, even a secret pasted into the wrong place. */
function shown(text: string): string {
  const short = text.length > 20 ? `${text.slice(0, 20)}…` : text;
  return printable(short);
}
