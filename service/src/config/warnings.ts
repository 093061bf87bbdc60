import { isLoopback } from "../kernel/loopback.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import { leadThroughGraceSeconds, type RotationTiming } from "../keys/timing.ts";
import { Environment, type ParsedEnvironment } from "./environment.ts";
import { loggedText, shownValue } from "./shown-value.ts";

/** Names of other MACP programs' variables, which often stand in one shared environment file. Not typing mistakes. */
const NEIGHBOURS = new Set([
  // The control-plane's, the playground's, macp-mcp's, and the official compose file's.
  "MACP_AUTH_SERVICE_URL",
  "MACP_AUTH_SERVICE_TIMEOUT_MS",
  "MACP_AUTH_SERVICE_IMAGE",
  "MACP_AUTH_SCOPES_JSON",
  "MACP_AUTH_TOKEN",
  "MACP_AUTH_TOKEN_SENDER",
  "MACP_AUTH_TOKEN_TTL_SECONDS",
  // The runtime's.
  "MACP_AUTH_JWKS_URL",
  "MACP_AUTH_JWKS_JSON",
  "MACP_AUTH_JWKS_TTL_SECS",
  "MACP_AUTH_JWT_ALGS",
  "MACP_AUTH_TOKENS_JSON",
  "MACP_AUTH_TOKENS_FILE",
]);

/** What only managed keys read. */
const MANAGED_ONLY = [
  "MACP_AUTH_STORE_URL",
  "MACP_AUTH_KEK",
  "MACP_AUTH_KEK_FILE",
  "MACP_AUTH_KEY_ROTATION_SECONDS",
  "MACP_AUTH_KEY_VERSION_FILE",
] as const;

/** A longer life is taken, as the predecessor takes it, and warned about. */
const TTL_SECONDS_SOUND = 3_600;

/** What the operator should know of settings that can be run with, a line each. */
export function warningsAbout(env: ParsedEnvironment, timing: RotationTiming): string[] {
  const warnings: string[] = [];
  if (env.MACP_AUTH_DEFAULT_TTL_SECONDS > env.MACP_AUTH_MAX_TTL_SECONDS) {
    const max = String(env.MACP_AUTH_MAX_TTL_SECONDS);
    warnings.push(
      `MACP_AUTH_DEFAULT_TTL_SECONDS is above MACP_AUTH_MAX_TTL_SECONDS; tokens live ${max} seconds by default`,
    );
  }
  warnings.push(...warningsAboutText(env));
  if (env.MACP_AUTH_MAX_TTL_SECONDS > TTL_SECONDS_SOUND)
    warnings.push(
      `MACP_AUTH_MAX_TTL_SECONDS is ${String(env.MACP_AUTH_MAX_TTL_SECONDS)}, and nothing revokes a token at the runtime: a stolen one is good for that long; use at most ${String(TTL_SECONDS_SOUND)}`,
    );
  const isStatic =
    env.MACP_AUTH_SIGNING_KEY_JSON !== undefined || env.MACP_AUTH_SIGNING_KEY_FILE !== undefined;
  for (const name of MANAGED_ONLY) {
    if (isStatic && env[name] !== undefined) {
      warnings.push(
        `${name} is set, but the signing key is given, so managed keys are off; unset ${name}, or move the key into the store with macp-auth keys import and unset the signing key`,
      );
    }
  }
  if (env.MACP_AUTH_UNSAFE_FAST_ROTATION !== undefined)
    warnings.push(
      "MACP_AUTH_UNSAFE_FAST_ROTATION is set: verifiers will reject valid tokens; it is for tests only, so unset it",
    );
  const safe = leadThroughGraceSeconds(timing);
  if (env.MACP_AUTH_KEY_LEAD_SECONDS < safe) {
    warnings.push(
      `MACP_AUTH_KEY_LEAD_SECONDS is below ${String(safe)}; a verifier that cannot refresh during its grace may reject tokens of a new key; use ${String(safe)} or more`,
    );
  }
  return warnings;
}

/** Without a check of the server's certificate, anyone between can take its place: they get the password, and can hold changes back. */
export function warningsAboutStore(store: StoreLocation): string[] {
  if (store.kind !== "postgres") return [];
  const { mode, rootCert } = store.tls;
  const isUnchecked = mode === "prefer" || (mode === "require" && rootCert === undefined);
  const isRemote = store.hosts.some(({ host }) => !host.startsWith("/") && !isLoopback(host));
  return isUnchecked && isRemote
    ? [
        `MACP_AUTH_STORE_URL has sslmode=${mode}, which does not check that the server is the right one: anyone on the network between can take its place; use sslmode=verify-full&sslrootcert=FILE`,
      ]
    : [];
}

/** What a person takes for a part of the notation, and every verifier for a part of the name. */
function warningsAboutText(env: ParsedEnvironment): string[] {
  return (["MACP_AUTH_ISSUER", "MACP_AUTH_AUDIENCE"] as const).flatMap((name) => {
    const text = env[name];
    const quotes = /^(["'`]).*\1$/.test(text) ? "its quotation marks" : undefined;
    const extra = text.trim() === text ? quotes : "the space at its beginning or end";
    return extra === undefined
      ? []
      : [
          `${name} is ${shownValue(text)}, and every token carries ${extra} too; set it without, or to the same at every verifier`,
        ];
  });
}

/** A name that nobody reads is most often a typing mistake; it must not stop a service that shares its environment file. */
export function warningsAboutNames(names: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith("MACP_AUTH_") && !(name in Environment.shape) && !NEIGHBOURS.has(name))
    .map(
      (name) =>
        `${loggedText(name, 64)} is not a setting of this service and is ignored; see docs/configuration.md for the names`,
    );
}
