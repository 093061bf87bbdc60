import { faultsOfGuardServe } from "./faults-of-guard-serve.ts";
import { type RawEnvironment, withoutBlanks } from "./given.ts";
import { serviceLinksIn, warningsAboutLinks } from "./service-links.ts";
import type { SettingPath } from "./settings.ts";
import { loggedText } from "./shown-value.ts";
import type { Source } from "./source.ts";
import { type LoadedSettings, loadSources, readSources, type SettingsRead } from "./sources.ts";

/** The variable of each setting. */
export const VARIABLES = {
  "listener.port": "PORT",
  "listener.host": "HOST",
  "listener.keepAliveSeconds": "MACP_AUTH_KEEP_ALIVE_SECONDS",
  "listener.drainSeconds": "MACP_AUTH_DRAIN_SECONDS",
  "listener.plainPort": "MACP_AUTH_PLAIN_PORT",
  "listener.trustedProxies": "MACP_AUTH_TRUSTED_PROXIES",
  "listener.proxyProtocol": "MACP_AUTH_PROXY_PROTOCOL",
  "listener.publicUrl": "MACP_AUTH_PUBLIC_URL",
  "tls.certFile": "MACP_AUTH_TLS_CERT_FILE",
  "tls.keyFile": "MACP_AUTH_TLS_KEY_FILE",
  "tls.clientCaFile": "MACP_AUTH_TLS_CLIENT_CA_FILE",
  "tls.crlFile": "MACP_AUTH_TLS_CRL_FILE",
  "tls.spiffeSocket": "MACP_AUTH_SPIFFE_SOCKET",
  "tls.spiffeId": "MACP_AUTH_SPIFFE_ID",
  "tokens.issuer": "MACP_AUTH_ISSUER",
  "tokens.audience": "MACP_AUTH_AUDIENCE",
  "tokens.maxTtlSeconds": "MACP_AUTH_MAX_TTL_SECONDS",
  "tokens.defaultTtlSeconds": "MACP_AUTH_DEFAULT_TTL_SECONDS",
  "keys.alg": "MACP_AUTH_SIGNING_ALG",
  "keys.jwk": "MACP_AUTH_SIGNING_KEY_JSON",
  "keys.file": "MACP_AUTH_SIGNING_KEY_FILE",
  "keys.leadSeconds": "MACP_AUTH_KEY_LEAD_SECONDS",
  "keys.store": "MACP_AUTH_STORE_URL",
  "keys.kek": "MACP_AUTH_KEK",
  "keys.kekFile": "MACP_AUTH_KEK_FILE",
  "keys.rotationSeconds": "MACP_AUTH_KEY_ROTATION_SECONDS",
  "keys.gate": "MACP_AUTH_ACTIVATION_GATE",
  "keys.versionFile": "MACP_AUTH_KEY_VERSION_FILE",
  "keys.unsafeFastRotation": "MACP_AUTH_UNSAFE_FAST_ROTATION",
  "verifiers.jwksMaxAgeSeconds": "MACP_AUTH_JWKS_MAX_AGE_SECONDS",
  "verifiers.jwksTtlSeconds": "MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS",
  "verifiers.staleGraceSeconds": "MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS",
  "admin.port": "MACP_AUTH_ADMIN_PORT",
  "admin.host": "MACP_AUTH_ADMIN_HOST",
  "admin.token": "MACP_AUTH_ADMIN_TOKEN",
  "admin.tokenFile": "MACP_AUTH_ADMIN_TOKEN_FILE",
  "access.mode": "MACP_AUTH_CALLER_AUTH",
  "access.file": "MACP_AUTH_CONFIG_FILE",
  "access.sharedSecret": "MACP_AUTH_SHARED_SECRET",
  "access.sharedSecretFile": "MACP_AUTH_SHARED_SECRET_FILE",
  "limits.url": "MACP_AUTH_LIMITS_URL",
  "limits.replicas": "MACP_AUTH_LIMITS_REPLICAS",
  "ledger.mode": "MACP_AUTH_LEDGER",
  "ledger.witness": "MACP_AUTH_LEDGER_WITNESS",
  "ledger.retentionDays": "MACP_AUTH_LEDGER_RETENTION_DAYS",
  "events.url": "MACP_AUTH_EVENTS_URL",
  "events.bearerFile": "MACP_AUTH_EVENTS_BEARER_FILE",
  "events.caFile": "MACP_AUTH_EVENTS_CA_FILE",
  "events.giveUpSeconds": "MACP_AUTH_EVENTS_GIVE_UP_SECONDS",
  "guard.port": "MACP_AUTH_GUARD_PORT",
  "guard.grpcPort": "MACP_AUTH_GUARD_GRPC_PORT",
  "guard.host": "MACP_AUTH_GUARD_HOST",
  "mint.url": "MACP_AUTH_GUARD_MINT_URL",
  "mint.tokenFile": "MACP_AUTH_GUARD_MINT_TOKEN_FILE",
  "mint.caFile": "MACP_AUTH_GUARD_MINT_CA_FILE",
  "mint.staleSeconds": "MACP_AUTH_GUARD_STALE_SECONDS",
  "traces.endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
  "traces.tracesEndpoint": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "traces.headers": "OTEL_EXPORTER_OTLP_HEADERS",
  "traces.caFile": "OTEL_EXPORTER_OTLP_CERTIFICATE",
  "traces.tracesCaFile": "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
  "traces.protocol": "OTEL_EXPORTER_OTLP_PROTOCOL",
  "traces.sampler": "OTEL_TRACES_SAMPLER",
  "traces.samplerArg": "OTEL_TRACES_SAMPLER_ARG",
  "traces.serviceName": "OTEL_SERVICE_NAME",
  "traces.disabled": "OTEL_SDK_DISABLED",
  "statusLists.mode": "MACP_AUTH_STATUS_LISTS",
  "statusLists.ttlSeconds": "MACP_AUTH_STATUS_LIST_TTL_SECONDS",
  "log.level": "MACP_AUTH_LOG_LEVEL",
} as const satisfies Readonly<Record<SettingPath, string>>;

/** Each setting and its variable. */
const PAIRS = Object.entries(VARIABLES) as readonly (readonly [SettingPath, string])[];
const KNOWN: ReadonlySet<string> = new Set(PAIRS.map(([, variable]) => variable));

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

/**
 * The settings of an environment. A variable that is empty counts as unset, and so does a service link under one of our names. One that
 * guards the mint and is empty is noted.
 */
export function environmentSource(environment: RawEnvironment): Source {
  const set = withoutBlanks(environment);
  const links = serviceLinksIn(set);
  const names = Object.keys(set).filter((name) => !links.has(name));
  return {
    given: new Map(
      PAIRS.flatMap(([setting, label]) => {
        const text = links.has(label) ? undefined : set[label];
        return text === undefined || text === "" ? [] : [[setting, { text, label }] as const];
      }),
    ),
    blank: PAIRS.flatMap(([setting, label]) => (set[label] === "" ? [setting] : [])),
    nameOf: (setting) => VARIABLES[setting],
    warnings: [...warningsAboutLinks(links, (name) => KNOWN.has(name)), ...warningsAboutNames(names)],
  };
}

/** A name that nobody reads is most often a typing mistake; it must not stop a service that shares its environment file. */
function warningsAboutNames(names: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith("MACP_AUTH_") && !KNOWN.has(name) && !NEIGHBOURS.has(name))
    .map(
      (name) =>
        `${loggedText(name, 64)} is not a setting of this service and is ignored; see docs/configuration.md for the names`,
    );
}

/** Reads the settings of an environment, valid or not. */
export function readSettings(environment: RawEnvironment): SettingsRead {
  return readSources([environmentSource(environment)]);
}

/** The same for a guard of its own process, which needs less. */
export function readGuardSettings(environment: RawEnvironment): SettingsRead {
  return readSources([environmentSource(environment)], faultsOfGuardServe);
}

/** Reads the settings of an environment. Throws `ConfigError` with every fault at once. */
export function loadSettings(environment: RawEnvironment): LoadedSettings {
  return loadSources([environmentSource(environment)]);
}
