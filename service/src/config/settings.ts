import { z } from "zod";
import type { Secret } from "../kernel/secret.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import { ALGORITHMS, DEFAULT_ALGORITHM } from "../keys/algorithm.ts";
import { FAST_TIMING, FIXED_TIMING, type RotationTiming, SECONDS_MAX } from "../keys/timing.ts";
import { type EventSettings, EventsWritten, eventSettings } from "./event-settings.ts";
import {
  host,
  oneOf,
  path,
  redisUrl,
  secret,
  secretVerbatim,
  storeLocation,
  verbatim,
  whole,
} from "./fields.ts";
import { type GuardSettings, GuardWritten, guardSettings } from "./guard-settings.ts";
import { type LedgerSettings, LedgerWritten, ledgerSettings } from "./ledger-settings.ts";
import { publicUrl } from "./listeners/public-url.ts";
import { type TlsSettings, TlsWritten, tlsSettings } from "./listeners/tls-settings.ts";
import { trustedProxies } from "./listeners/trusted-proxies.ts";
import { MintWritten } from "./mint-settings.ts";
import { type StatusListSettings, StatusListsWritten, statusListSettings } from "./status-list-settings.ts";
import { type TraceSettings, TracesWritten, traceSettings } from "./trace-settings.ts";

/** Our own `iss` unless it is set: that of auth-service 1.0.0, and of every deployment that sets none. */
export const DEFAULT_ISSUER = "macp-auth-service";

/** How long a managed key signs. Not a default of its setting, which turns managed keys on. */
const ROTATION_SECONDS_DEFAULT = 604_800;

const CALLER_AUTH_MODES = ["off", "observe", "enforce"] as const;

/** One setting a line, as a person writes it: how its text is read, its default, and what docs/configuration.md says of it. */
export const Written = z.object({
  listener: z.object({
    port: whole(0, 65_535).default(3200).describe("TCP port; 0 means any free port"),
    host: host().optional().describe("address to listen on; unset means every address, IPv6 and IPv4"),
    keepAliveSeconds: whole(1, 86_400)
      .default(65)
      .describe(
        "how long an idle connection stays open; set it longer than the proxy in front of the service does",
      ),
    drainSeconds: whole(0, 300)
      .default(0)
      .describe(
        "how long the service still accepts connections after a stop signal, while `/readyz` answers 503 and each answer closes its connection",
      ),
    plainPort: whole(0, 65_535)
      .optional()
      .describe(
        "port of a second listener, on plain HTTP, with only the JWKS and `/healthz`; unset means none",
      ),
    trustedProxies: trustedProxies()
      .optional()
      .describe(
        "addresses and networks of the proxies whose `Forwarded` and `X-Forwarded-For` are believed; unset means none",
      ),
    proxyProtocol: oneOf(["v2"])
      .optional()
      .describe(
        "`v2`: these proxies pass TCP on, and send the client's address ahead of each connection (PROXY protocol, version 2); their headers are then not read",
      ),
    publicUrl: publicUrl()
      .optional()
      .describe("`https://HOST` where verifiers reach the service, with the path that a proxy adds"),
  }),
  tls: TlsWritten,
  tokens: z.object({
    issuer: verbatim().default(DEFAULT_ISSUER).describe("the `iss` of every token"),
    audience: verbatim().default("macp-runtime").describe("the `aud` of every token"),
    maxTtlSeconds: whole(1, SECONDS_MAX)
      .default(3600)
      .describe("maximum TTL of a token; a longer requested TTL is reduced to it"),
    defaultTtlSeconds: whole(1, SECONDS_MAX)
      .default(300)
      .describe("TTL of a token if the request has no `ttl_seconds`"),
  }),
  keys: z.object({
    alg: oneOf(ALGORITHMS).default(DEFAULT_ALGORITHM).describe("algorithm of every signature"),
    jwk: secretVerbatim().optional().describe("the signing key, as a private JWK"),
    file: path()
      .optional()
      .describe("a file with a private JWK, a JWK Set or a PEM private key; the service follows its changes"),
    leadSeconds: whole(1, SECONDS_MAX).default(7200).describe("how long a new key is served before it signs"),
    store: storeLocation()
      .optional()
      .describe(
        "where managed keys are stored: `memory:`, `sqlite:PATH` or `postgres://…`; enables managed keys",
      ),
    kek: secret()
      .optional()
      .describe(
        "key-encryption keys, each 32 bytes as base64url or hex, separated by commas; the first encrypts, all decrypt",
      ),
    kekFile: path().optional().describe("a file with the key-encryption keys, one per line"),
    rotationSeconds: whole(1, 2_592_000)
      .optional()
      .describe("how long a managed key signs (default 604800, from 86400 to 2592000); enables managed keys"),
    gate: oneOf(["off", "warn", "enforce"])
      .default("warn")
      .describe("whether a new key waits until every known verifier has fetched it"),
    versionFile: path()
      .optional()
      .describe(
        "a file in which this replica records the newest version of the key set that it has seen; an older store is rejected",
      ),
    unsafeFastRotation: oneOf(["1"])
      .optional()
      .describe("1 reduces each fixed delay of rotation to at most one second; only for tests"),
  }),
  verifiers: z.object({
    jwksMaxAgeSeconds: whole(0, 86_400).default(60).describe("`max-age` of the JWKS answer"),
    jwksTtlSeconds: whole(1, SECONDS_MAX)
      .default(300)
      .describe("how long your verifiers cache a JWKS (the runtime's MACP_AUTH_JWKS_TTL_SECS)"),
    staleGraceSeconds: whole(0, SECONDS_MAX)
      .default(3600)
      .describe("how long your verifiers continue to use an old JWKS when they cannot refresh it"),
  }),
  admin: z.object({
    port: whole(0, 65_535).optional().describe("port of the admin listener; unset means none"),
    host: host().default("127.0.0.1").describe("address of the admin listener"),
    token: secret()
      .optional()
      .describe(
        "bearer token of the admin listener, 32 characters or more; required unless the listener is on loopback",
      ),
    tokenFile: path().optional().describe("a file with that token"),
  }),
  access: z.object({
    mode: oneOf(CALLER_AUTH_MODES)
      .optional()
      .describe(
        "whether callers must prove who they are; `observe` mints as `off` does and reports what `enforce` would reject (default `off` without callers, else `enforce`)",
      ),
    file: path()
      .optional()
      .describe("the access document: callers, issuers, groups, grants and denies (YAML); watched"),
    sharedSecret: secret()
      .optional()
      .describe("bearer secret of the caller `default`, 32 characters or more"),
    sharedSecretFile: path().optional().describe("a file with that secret"),
  }),
  limits: z.object({
    url: redisUrl()
      .optional()
      .describe(
        "a Redis or Valkey server in which replicas share their limits, `redis://…` or `rediss://…`; unset means that each replica counts by itself",
      ),
    replicas: whole(1, 1_000)
      .default(1)
      .describe(
        "how many replicas there are: what each may admit by itself is divided by it while that server is lost",
      ),
  }),
  ledger: LedgerWritten,
  guard: GuardWritten,
  mint: MintWritten,
  traces: TracesWritten,
  statusLists: StatusListsWritten,
  events: EventsWritten,
  log: z.object({
    level: oneOf(["debug", "info", "warn", "error", "silent"])
      .default("info")
      .describe("least severe level that is logged"),
  }),
});

/** Whether callers must prove who they are. */
export type CallerAuthMode = (typeof CALLER_AUTH_MODES)[number];

/** The settings as they are written, a default where one is not. */
export type Written = z.infer<typeof Written>;

type Texts = z.input<typeof Written>;
type Group = keyof Texts;

/** The name of a setting in every source: its group and its place there, such as `listener.port`. */
export type SettingPath = { [G in Group]: `${G}.${keyof Texts[G] & string}` }[Group];

/** What the service runs with: the settings as they are written, parsed to the end. Units are in the names. */
export interface Settings extends Readonly<Pick<Written, "listener" | "tokens" | "limits" | "log" | "mint">> {
  readonly keys: KeySettings;
  /** The listener for operators. */
  readonly admin: AdminSettings | undefined;
  readonly access: AccessSettings;
  /** `undefined`: the listeners speak plain HTTP. */
  readonly tls: TlsSettings | undefined;
  readonly ledger: LedgerSettings;
  /** `undefined`: no proxy asks this process. */
  readonly guard: GuardSettings | undefined;
  /** `undefined`: nothing is traced. */
  readonly traces: TraceSettings | undefined;
  /** `undefined`: tokens have no status. */
  readonly statusLists: StatusListSettings | undefined;
  readonly events: EventSettings;
}

/** Who may call, and what each may have minted. */
export interface AccessSettings {
  readonly mode: CallerAuthMode;
  /** Whether it is a setting; else it follows from what is declared. */
  readonly isModeGiven: boolean;
  /** The path of the access document. */
  readonly file: string | undefined;
  /** What the caller `default` sends as bearer. */
  readonly sharedSecret: SecretSource | undefined;
}

export interface KeySettings extends Readonly<Pick<Written["keys"], "alg" | "leadSeconds">> {
  readonly timing: RotationTiming;
  readonly source: KeySource;
}

/** Where the signing key comes from. */
export type KeySource =
  /** Made at start and never stored. */
  | { readonly kind: "ephemeral" }
  /** A private JWK that stands in the settings themselves. */
  | { readonly kind: "env"; readonly jwk: Secret }
  | { readonly kind: "file"; readonly path: string }
  | ManagedSource;

/** Keys that the service makes, keeps and rotates itself. */
export interface ManagedSource extends Readonly<Pick<Written["keys"], "gate" | "versionFile">> {
  readonly kind: "managed";
  readonly store: StoreLocation;
  /** Where the key-encryption keys are; `undefined` for `memory:`, whose keys never leave the process. */
  readonly kek: SecretSource | undefined;
  readonly periodSeconds: number;
}

export interface AdminSettings extends Readonly<Pick<Written["admin"], "host">> {
  readonly port: number;
  /** What a caller must send as bearer; `undefined` only on loopback. */
  readonly token: SecretSource | undefined;
}

/** A secret that a setting holds, or names the file of; `setting` is that one. */
export type SecretSource =
  | { readonly kind: "text"; readonly text: Secret; readonly setting: SettingPath }
  | { readonly kind: "file"; readonly path: string; readonly setting: SettingPath };

/** The settings that follow from what is written. `isGiven`: whether a setting is written at all, readable or not. */
export function settingsOf(written: Written, isGiven: (setting: SettingPath) => boolean): Settings {
  const { listener, tokens, keys, verifiers, admin, access, limits, ledger, guard, traces, log } = written;
  const [source] = keySourcesOf(written, isGiven);
  return {
    listener,
    tokens,
    keys: {
      alg: keys.alg,
      leadSeconds: keys.leadSeconds,
      timing: {
        maxTtlSeconds: tokens.maxTtlSeconds,
        jwksMaxAgeSeconds: verifiers.jwksMaxAgeSeconds,
        verifierTtlSeconds: verifiers.jwksTtlSeconds,
        verifierGraceSeconds: verifiers.staleGraceSeconds,
        ...(keys.unsafeFastRotation === undefined ? FIXED_TIMING : FAST_TIMING),
      },
      source,
    },
    admin: isGiven("admin.port")
      ? {
          port: admin.port ?? 0,
          host: admin.host,
          token: secretSource("admin.token", admin.token, "admin.tokenFile", admin.tokenFile),
        }
      : undefined,
    access: accessSettings(access, isGiven),
    tls: tlsSettings(written.tls),
    limits,
    guard: guardSettings(guard, isGiven),
    mint: written.mint,
    events: eventSettings(written.events),
    ledger: ledgerSettings(ledger, hasLastingStore(source)),
    traces: traceSettings(traces),
    statusLists: statusListSettings(written.statusLists, listener),
    log,
  };
}

/** Whether the store of this source outlives the process. */
export function hasLastingStore(source: KeySource): boolean {
  return source.kind === "managed" && source.store.kind !== "memory";
}

/** One who declares callers means them to be asked: without a mode, what is given decides, whether it can be read or not. */
function accessSettings(
  { mode, file, sharedSecret, sharedSecretFile }: Written["access"],
  isGiven: (setting: SettingPath) => boolean,
): AccessSettings {
  const hasCallers = (["access.file", "access.sharedSecret", "access.sharedSecretFile"] as const).some(
    isGiven,
  );
  return {
    mode: mode ?? (hasCallers ? "enforce" : "off"),
    isModeGiven: isGiven("access.mode"),
    file,
    sharedSecret: secretSource(
      "access.sharedSecret",
      sharedSecret,
      "access.sharedSecretFile",
      sharedSecretFile,
    ),
  };
}

/** The key sources that are named, of which only one may be; the first is used. */
export function keySourcesOf(
  { keys }: Written,
  isGiven: (setting: SettingPath) => boolean,
): readonly [KeySource, ...KeySource[]] {
  const file = keys.file === undefined ? undefined : ({ kind: "file", path: keys.file } as const);
  if (keys.jwk !== undefined) return [{ kind: "env", jwk: keys.jwk }, ...(file === undefined ? [] : [file])];
  if (file !== undefined) return [file];
  if (!isGiven("keys.store") && !isGiven("keys.rotationSeconds")) return [{ kind: "ephemeral" }];
  return [
    {
      kind: "managed",
      store: keys.store ?? { kind: "memory" },
      kek: secretSource("keys.kek", keys.kek, "keys.kekFile", keys.kekFile),
      periodSeconds: keys.rotationSeconds ?? ROTATION_SECONDS_DEFAULT,
      gate: keys.gate,
      versionFile: keys.versionFile,
    },
  ];
}

function secretSource(
  setting: SettingPath,
  text: Secret | undefined,
  fileSetting: SettingPath,
  path: string | undefined,
): SecretSource | undefined {
  if (text !== undefined) return { kind: "text", text, setting };
  return path === undefined ? undefined : { kind: "file", path, setting: fileSetting };
}
