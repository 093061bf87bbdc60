import type { Settings } from "../../../config/settings.ts";
import { loggedText, shownValue } from "../../../config/shown-value.ts";
import type { LoadedSettings } from "../../../config/sources.ts";
import { printablePath } from "../../../files/printable-path.ts";
import { isLoopback } from "../../../kernel/loopback.ts";
import { printable } from "../../../kernel/printable.ts";
import { wiredKeySource } from "../../../wiring/key-sources.ts";
import type { ConfigurationFacts } from "../facts/configuration-facts.ts";
import { type Finding, fail, judge, ok, type Rule, skip, warn } from "../finding.ts";
import { ACCESS_RULES } from "./access-rules.ts";
import { DATABASE_RULES } from "./database-rules.ts";
import { guardListensToTheProxyOnly } from "./guard-rules.ts";
import { fewKeysPerAlgorithm, importFaults, keysAreStrong } from "./key-strength.ts";
import { LIMITS_RULES } from "./limits-rules.ts";
import { nodeShowsNoMemory } from "./node-options-rules.ts";
import { ACCESS_DOCUMENT_RULES, foldersAreOurs, keyIsYoung, SECRET_FILE_RULES } from "./secret-file-rules.ts";
import { STORE_FILE_RULES } from "./store-file-rules.ts";
import { TLS_RULES } from "./tls-rules.ts";

const DEFAULT_TTL_SECONDS_MAX = 300;
const TTL_SECONDS_MAX = 3600;
/** The runtime has no revocation, so a stolen token is valid until it expires: a day is too long. */
const TTL_SECONDS_FAIL = 86_400;
const JWKS_MAX_AGE_SECONDS_MAX = 300;

/** Reports the lines of an environment file that cannot be read, by number only. */
export function environmentFileIsRead({
  environment,
}: Pick<ConfigurationFacts, "environment">): readonly Finding[] {
  if (environment.kind === "process") return [];
  const check = "environment-file";
  const { path, unreadLines, values } = environment;
  if (unreadLines.length === 0)
    return [ok(check, `${path} sets ${String(Object.keys(values).length)} variables`)];
  const lines = unreadLines.slice(0, 10).join(", ");
  return [
    fail(
      check,
      `${path} has lines that are not NAME=VALUE: ${lines}`,
      "fix the lines: serve --settings rejects the file",
    ),
  ];
}

/** The settings are those that a start of the service would accept. */
export function settingsAreValid({ settings }: ConfigurationFacts): readonly Finding[] {
  const check = "settings";
  if (settings.kind === "rejected") return settings.faults.map((fault) => fail(check, fault));
  if (settings.warnings.length > 0) return settings.warnings.map((warning) => warn(check, warning));
  return [
    ok(
      check,
      `issuer ${loggedText(settings.settings.tokens.issuer)}, audience ${loggedText(settings.settings.tokens.audience)}`,
    ),
  ];
}

/** Where callers need no credentials, anyone who reaches the port can mint any identity. */
export function mintIsNotOpenToTheNetwork({
  listener: { host, port },
  access: { mode },
}: Settings): readonly Finding[] {
  const check = "mint-exposure";
  if (host !== undefined && isLoopback(host)) return [ok(check, `listens only on ${host}`)];
  if (mode === "enforce") return [ok(check, "only declared callers can mint")];
  const place = host === undefined ? "every address of this machine (HOST is not set)" : shownValue(host);
  if (mode === "observe")
    return [
      warn(
        check,
        `listens on ${place} and callers are only observed: anyone who reaches port ${String(port)} can mint any identity`,
        "set MACP_AUTH_CALLER_AUTH=enforce when macp_auth_observed_rejections_total no longer grows; until then let a firewall or network policy allow only the runtime and the callers",
      ),
    ];
  return [
    fail(
      check,
      `listens on ${place} and callers need no credentials: anyone who reaches port ${String(port)} can mint any identity`,
      "let a firewall or network policy allow only the runtime and the callers that may mint; if all of them are on this machine, set HOST=127.0.0.1",
    ),
  ];
}

/** A stolen token is valid until it expires. */
export function tokensAreShortLived({ tokens }: Settings): readonly Finding[] {
  const check = "token-life";
  const { maxTtlSeconds } = tokens;
  const defaultTtlSeconds = Math.min(tokens.defaultTtlSeconds, maxTtlSeconds);
  const findings: Finding[] = [];
  if (maxTtlSeconds > TTL_SECONDS_MAX) {
    const grade = maxTtlSeconds > TTL_SECONDS_FAIL ? fail : warn;
    const found = `tokens can be valid for ${String(maxTtlSeconds)} seconds, and a stolen token cannot be revoked`;
    findings.push(grade(check, found, `set MACP_AUTH_MAX_TTL_SECONDS to ${String(TTL_SECONDS_MAX)} or less`));
  }
  if (defaultTtlSeconds > DEFAULT_TTL_SECONDS_MAX) {
    const found = `tokens are valid for ${String(defaultTtlSeconds)} seconds when a request has no ttl_seconds`;
    findings.push(
      warn(check, found, `set MACP_AUTH_DEFAULT_TTL_SECONDS to ${String(DEFAULT_TTL_SECONDS_MAX)} or less`),
    );
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${String(defaultTtlSeconds)} seconds by default, ${String(maxTtlSeconds)} at most`)];
}

/** A cache between service and verifier serves a removed key for its whole time. */
export function jwksIsNotCachedForLong({
  keys: {
    timing: { jwksMaxAgeSeconds },
  },
}: Settings): readonly Finding[] {
  const check = "jwks-max-age";
  if (jwksMaxAgeSeconds <= JWKS_MAX_AGE_SECONDS_MAX)
    return [ok(check, `${String(jwksMaxAgeSeconds)} seconds`)];
  const found = `caches may serve an old JWKS for ${String(jwksMaxAgeSeconds)} seconds, and a revoked key with it`;
  return [
    warn(check, found, `set MACP_AUTH_JWKS_MAX_AGE_SECONDS to ${String(JWKS_MAX_AGE_SECONDS_MAX)} or less`),
  ];
}

/** Without TLS the admin listener uses plain http: outside this machine its token can be read on the network. */
export function adminIsNotExposed({ admin, tls }: Settings): readonly Finding[] {
  const check = "admin-exposure";
  if (admin === undefined) return [];
  if (tls !== undefined) return [ok(check, "the admin listener speaks TLS")];
  if (isLoopback(admin.host)) return [ok(check, `the admin listener is only on ${admin.host}`)];
  const found = `the admin listener is on ${shownValue(admin.host)} port ${String(admin.port)}, and its token crosses the network in plain http`;
  return [
    warn(
      check,
      found,
      "set MACP_AUTH_ADMIN_HOST=127.0.0.1, or MACP_AUTH_TLS_CERT_FILE, or let the network allow only operators",
    ),
  ];
}

type FilesFound = Pick<ConfigurationFacts, "secretFiles">;
const NONE_FOUND: FilesFound = { secretFiles: [] };

/** The name of a file that exists is a path, whatever it looks like. */
function pathOf(path: string, found: FilesFound["secretFiles"]): string {
  return found.some((file) => file.path === path) ? printable(path) : printablePath(path);
}

/** The signing key outlives the process, and can be exchanged without a restart. */
export function keyOutlivesTheProcess(
  { settings, labels }: Pick<LoadedSettings, "settings" | "labels">,
  { secretFiles }: FilesFound = NONE_FOUND,
): readonly Finding[] {
  const check = "key-source";
  const shownPath = (path: string) => pathOf(path, secretFiles);
  const { found, fix } = wiredKeySource(settings.keys.source).advise({ labels, shownPath });
  return [fix === undefined ? ok(check, found) : warn(check, found, fix)];
}

/** The key-encryption keys are in a place that tools do not show. */
export function kekIsNotInTheEnvironment(
  { settings, labels }: Pick<LoadedSettings, "settings" | "labels">,
  { secretFiles }: FilesFound = NONE_FOUND,
): readonly Finding[] {
  const check = "key-encryption";
  const { source } = settings.keys;
  if (source.kind !== "managed" || source.kek === undefined) return [];
  if (source.kek.kind === "file")
    return [ok(check, `the key-encryption keys are in ${pathOf(source.kek.path, secretFiles)}`)];
  return [
    warn(
      check,
      `the key-encryption keys are in ${labels.of("keys.kek")}, and tools that show the environment show them`,
      `put them into a file and set ${labels.of("keys.kekFile")}`,
    ),
  ];
}

/** The keys pass every import rule, are strong, and are few. */
export function keysAreValid({ keys }: ConfigurationFacts): readonly Finding[] {
  switch (keys.kind) {
    case "unknown":
      return [skip("key", "the settings must be fixed first")];
    case "ephemeral":
      return [];
    case "managed":
      return [
        skip("key", "doctor does not open the store; to check the served keys: macp-auth doctor --url URL"),
      ];
    case "rejected":
      return importFaults("key", keys.faults);
    case "imported":
      return [...keysAreStrong("key-strength", keys.keys), ...fewKeysPerAlgorithm("key-count", keys.keys)];
  }
}

/** Nobody else can read or replace a secret, and the signing key is not old. */
export function keyFilesAreSafe({ secretFiles, userId, now }: ConfigurationFacts): readonly Finding[] {
  return secretFiles.flatMap((file) => {
    return judge(RULES_OF[file.holds], { file, userId, now });
  });
}

const RULES_OF = {
  "signing-key": [...SECRET_FILE_RULES, keyIsYoung],
  "other-secret": SECRET_FILE_RULES,
  "access-document": ACCESS_DOCUMENT_RULES,
  "tls-trust": ACCESS_DOCUMENT_RULES,
} as const;

/** A store in a file can be written where it is, by this user only, and outlives the machine's next boot; a database can be used, over a connection that is safe. */
function storeIsSafe({ store, userId, now }: ConfigurationFacts): readonly Finding[] {
  if (store === undefined) return [];
  if (store.kind === "database") return judge(DATABASE_RULES, store);
  const { file } = store;
  return [
    ...judge(STORE_FILE_RULES, { store, userId }),
    ...(file === undefined ? [] : foldersAreOurs({ file, userId, now })),
  ];
}

function ofSettings(rule: (settings: Settings) => readonly Finding[]): Rule<ConfigurationFacts> {
  return ({ settings }) => (settings.kind === "read" ? rule(settings.settings) : []);
}

function ofLabelled(
  rule: (loaded: LoadedSettings, found: FilesFound) => readonly Finding[],
): Rule<ConfigurationFacts> {
  return (facts) => (facts.settings.kind === "read" ? rule(facts.settings, facts) : []);
}

export const CONFIGURATION_RULES: readonly Rule<ConfigurationFacts>[] = [
  environmentFileIsRead,
  settingsAreValid,
  ofSettings(mintIsNotOpenToTheNetwork),
  ofSettings(tokensAreShortLived),
  ofSettings(jwksIsNotCachedForLong),
  ofSettings(adminIsNotExposed),
  ofSettings(({ guard }) => (guard === undefined ? [] : guardListensToTheProxyOnly(guard))),
  ...ACCESS_RULES,
  ofLabelled(keyOutlivesTheProcess),
  ofLabelled(kekIsNotInTheEnvironment),
  keysAreValid,
  keyFilesAreSafe,
  storeIsSafe,
  ...LIMITS_RULES,
  ...TLS_RULES,
  nodeShowsNoMemory,
];
