import { type Attempt, attempt, faultsOf, valueOr } from "../../../config/config-error.ts";
import { environmentSource } from "../../../config/environment.ts";
import type { EnvironmentFile } from "../../../config/environment-file.ts";
import type { TlsSettings } from "../../../config/listeners/tls-settings.ts";
import type { SettingPath } from "../../../config/settings.ts";
import { type LoadedSettings, readSources, type SettingsRead } from "../../../config/sources.ts";
import { type FileFacts, lookAtFile } from "../../../files/file-facts.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import type { ImportedKey } from "../../../keys/import/import-key.ts";
import type { LoadedAccess } from "../../../wiring/access/access-directory.ts";
import type { BundlesNow } from "../../../wiring/access/load-callers.ts";
import { loadAccess } from "../../../wiring/access.ts";
import { adminToken } from "../../../wiring/admin-token.ts";
import type { SecretFile as NamedFile } from "../../../wiring/key-sources/key-source.ts";
import { loadKeys, wiredKeySource } from "../../../wiring/key-sources.ts";
import { type LimitsServerFacts, lookAtLimitsServer } from "../../../wiring/limits/look-at-limits-server.ts";
import { type StoreFacts, wiredStore } from "../../../wiring/stores.ts";
import type { LoadedTls } from "../../../wiring/tls/open-tls.ts";
import { bundlesOf, loadTls } from "../../../wiring/tls.ts";
import type { World } from "../../terminal/world.ts";

/** The environment to grade: the process's own, or a file's. */
export type GradedEnvironment =
  | { readonly kind: "process"; readonly values: Readonly<Record<string, string | undefined>> }
  | ({ readonly kind: "file"; readonly path: string } & EnvironmentFile);

/** Everything the configuration rules look at. */
export interface ConfigurationFacts {
  readonly environment: GradedEnvironment;
  readonly settings: SettingsFound;
  readonly keys: KeysRead;
  readonly access: AccessRead;
  /** The files with secrets that could be read. */
  readonly secretFiles: readonly SecretFile[];
  /** The store, as it looks where it is; `undefined` when the settings name none, or one in memory. */
  readonly store: StoreFacts | undefined;
  /** The server of shared limits, as it answers; `undefined` when the settings name none. */
  readonly limitsServer: LimitsServerFacts | undefined;
  readonly tls: TlsFound;
  /** As Node writes it. */
  readonly nodeVersion: string;
  readonly userId: number | undefined;
  readonly now: EpochSeconds;
}

/** The TLS of the listeners. */
export type TlsFound =
  /** The settings name none, or must be fixed first. */
  | { readonly kind: "none" }
  | { readonly kind: "rejected"; readonly faults: readonly string[] }
  | ({ readonly kind: "servable" } & Pick<LoadedTls, "notAfter" | "lifeSeconds" | "warnings">);

type SettingsFound =
  | ({ readonly kind: "read" } & LoadedSettings)
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

/** A file with a secret, and what it holds. */
export type SecretFile = FileFacts & { readonly holds: Holds };

type Holds = NamedFile["holds"] | "access-document" | "tls-trust";

type KeysRead =
  /** The keys are not read before the settings are fixed. */
  | { readonly kind: "unknown" }
  | { readonly kind: "ephemeral" }
  /** The key-encryption keys can be read; the store is not opened. */
  | { readonly kind: "managed" }
  | { readonly kind: "imported"; readonly keys: readonly ImportedKey[] }
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

type AccessRead =
  /** The settings must be fixed first. */
  | { readonly kind: "unknown" }
  | { readonly kind: "loaded"; readonly loaded: Pick<LoadedAccess, "registry" | "files" | "warnings"> }
  /** The access document, or a secret beside it. */
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

/** The settings that make an environment file a secret itself. */
const SECRETS: readonly SettingPath[] = [
  "keys.jwk",
  "keys.kek",
  "admin.token",
  "access.sharedSecret",
  "keys.store",
];

/** Reads settings, keys and the state of their files, as a start of the service would. Rejects only for bugs. */
export async function gatherConfiguration(
  world: World,
  environment: GradedEnvironment,
): Promise<ConfigurationFacts> {
  const { faults, ...read } = readSources([environmentSource(environment.values)]);
  const { userId, nodeVersion } = world;
  const base = { environment, userId, nodeVersion, now: world.clock.now() };
  if (faults.length > 0) {
    const settings = { kind: "rejected", faults } as const;
    const nothing = {
      secretFiles: [],
      store: undefined,
      limitsServer: undefined,
      tls: { kind: "none" },
    } as const;
    const unknown = { kind: "unknown" } as const;
    return { ...base, ...nothing, settings, keys: unknown, access: unknown };
  }
  const { source } = read.settings.keys;
  const tls = await attempt(() => loadTls(read, world, SPIFFE_WAIT));
  const access = await readAccess(read, bundlesOf(read, valueOr(tls, undefined)));
  return {
    ...base,
    access,
    settings: { kind: "read", ...read },
    keys: await readKeys(read, world),
    secretFiles: await lookAtFiles(read, environment, access),
    tls: tlsFound(tls),
    store: source.kind === "managed" ? await wiredStore(source.store).look() : undefined,
    limitsServer: await lookAtLimitsServer(read.settings, world),
  };
}

/** An agent that is asked for a certificate answers at once. */
const SPIFFE_WAIT = { msMax: 2_000, notice: () => undefined };

function tlsFound(loaded: Attempt<LoadedTls | undefined>): TlsFound {
  if (loaded.kind === "faulty") return { kind: "rejected", faults: loaded.faults };
  return loaded.value === undefined ? { kind: "none" } : { kind: "servable", ...loaded.value };
}

async function readKeys(read: Omit<SettingsRead, "faults">, { random }: World): Promise<KeysRead> {
  const loaded = await attempt(() => loadKeys(read, random));
  if (loaded.kind === "faulty") return { kind: "rejected", faults: loaded.faults };
  const keys = loaded.value.given;
  if (keys !== undefined) return { kind: "imported", keys };
  return { kind: wiredKeySource(read.settings.keys.source).endsWithProcess ? "ephemeral" : "managed" };
}

/** Callers and policy, with the token of the admin listener, as a start reads them. */
async function readAccess(
  read: Omit<SettingsRead, "faults">,
  bundles: BundlesNow | undefined,
): Promise<AccessRead> {
  const token = await attempt(() => adminToken(read.settings, read.labels));
  const loaded = await attempt(() => loadAccess(read, valueOr(token, undefined), bundles));
  const faults = [...faultsOf(token), ...faultsOf(loaded)];
  return loaded.kind === "faulty" || faults.length > 0
    ? { kind: "rejected", faults }
    : { kind: "loaded", loaded: loaded.value };
}

/**
 * The files of the keys, of the admin listener's token and of the shared secret, the access document and the files that it names, the
 * private key and the authorities of TLS, and the environment file when it holds secrets. The document and the authorities have no
 * secret, but anyone who can write them can mint.
 */
async function lookAtFiles(
  { settings: { keys, admin, access, tls }, labels }: Omit<LoadedSettings, "warnings">,
  environment: GradedEnvironment,
  found: AccessRead,
): Promise<readonly SecretFile[]> {
  const isSecret = environment.kind === "file" && SECRETS.some(labels.isGiven);
  const named: readonly Named[] = [
    ...wiredKeySource(keys.source).secretFiles,
    ...(admin?.token?.kind === "file" ? [otherSecret(admin.token.path)] : []),
    ...(access.sharedSecret?.kind === "file" ? [otherSecret(access.sharedSecret.path)] : []),
    ...filesOfAccess(access.file, found),
    ...(tls === undefined ? [] : filesOfTls(tls)),
    ...(isSecret ? [otherSecret(environment.path)] : []),
  ];
  const looks = await Promise.all(
    named.map(async ({ path, holds }) => ({ facts: await lookAtFile(path), holds })),
  );
  return looks.flatMap(({ facts, holds }) => (facts === undefined ? [] : [{ ...facts, holds }]));
}

interface Named {
  readonly path: string;
  readonly holds: Holds;
}

function filesOfAccess(file: string | undefined, found: AccessRead): readonly Named[] {
  const named = found.kind === "loaded" ? found.loaded.files : [];
  const paths = new Set(file === undefined ? named : [file, ...named]);
  return [...paths].map((path) => ({ path, holds: "access-document" }));
}

function filesOfTls({ keyFile, clientCaFile }: TlsSettings): readonly Named[] {
  const authorities = clientCaFile === undefined ? [] : [{ path: clientCaFile, holds: "tls-trust" } as const];
  return [...(keyFile === undefined ? [] : [otherSecret(keyFile)]), ...authorities];
}

function otherSecret(path: string): NamedFile {
  return { path, holds: "other-secret" };
}
