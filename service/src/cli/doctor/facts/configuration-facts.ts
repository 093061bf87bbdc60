import { attempt } from "../../../config/config-error.ts";
import { environmentSource } from "../../../config/environment.ts";
import type { EnvironmentFile } from "../../../config/environment-file.ts";
import type { SettingPath } from "../../../config/settings.ts";
import { type LoadedSettings, readSources, type SettingsRead } from "../../../config/sources.ts";
import { type FileFacts, lookAtFile } from "../../../files/file-facts.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import type { ImportedKey } from "../../../keys/import/import-key.ts";
import type { SecretFile as NamedFile } from "../../../wiring/key-sources/key-source.ts";
import { loadKeys, wiredKeySource } from "../../../wiring/key-sources.ts";
import { type StoreFacts, wiredStore } from "../../../wiring/stores.ts";
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
  /** The files with secrets that could be read. */
  readonly secretFiles: readonly SecretFile[];
  /** The store, as it looks where it is; `undefined` when the settings name none, or one in memory. */
  readonly store: StoreFacts | undefined;
  readonly userId: number | undefined;
  readonly now: EpochSeconds;
}

type SettingsFound =
  | ({ readonly kind: "read" } & LoadedSettings)
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

/** A file with a secret, and what it holds. */
export type SecretFile = FileFacts & { readonly holds: Holds };

type Holds = NamedFile["holds"] | "access-document";

type KeysRead =
  /** The keys are not read before the settings are fixed. */
  | { readonly kind: "unknown" }
  | { readonly kind: "ephemeral" }
  /** The key-encryption keys can be read; the store is not opened. */
  | { readonly kind: "managed" }
  | { readonly kind: "imported"; readonly keys: readonly ImportedKey[] }
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
  const base = { environment, userId: world.userId, now: world.clock.now() };
  if (faults.length > 0) {
    const settings = { kind: "rejected", faults } as const;
    return { ...base, settings, keys: { kind: "unknown" }, secretFiles: [], store: undefined };
  }
  const { source } = read.settings.keys;
  return {
    ...base,
    settings: { kind: "read", ...read },
    keys: await readKeys(read, world),
    secretFiles: await lookAtFiles(read, environment),
    store: source.kind === "managed" ? await wiredStore(source.store).look() : undefined,
  };
}

async function readKeys(read: Omit<SettingsRead, "faults">, { random }: World): Promise<KeysRead> {
  const loaded = await attempt(() => loadKeys(read, random));
  if (loaded.kind === "faulty") return { kind: "rejected", faults: loaded.faults };
  const keys = loaded.value.given;
  if (keys !== undefined) return { kind: "imported", keys };
  return { kind: wiredKeySource(read.settings.keys.source).endsWithProcess ? "ephemeral" : "managed" };
}

/**
 * The files of the keys, of the admin listener's token and of the shared secret, the access document, and the environment file when
 * it holds secrets. The document has no secret, but anyone who can write it can mint.
 */
async function lookAtFiles(
  { settings: { keys, admin, access }, labels }: Omit<LoadedSettings, "warnings">,
  environment: GradedEnvironment,
): Promise<readonly SecretFile[]> {
  const isSecret = environment.kind === "file" && SECRETS.some(labels.isGiven);
  const named: readonly { readonly path: string; readonly holds: Holds }[] = [
    ...wiredKeySource(keys.source).secretFiles,
    ...(admin?.token?.kind === "file" ? [otherSecret(admin.token.path)] : []),
    ...(access.sharedSecret?.kind === "file" ? [otherSecret(access.sharedSecret.path)] : []),
    ...(access.file === undefined ? [] : [{ path: access.file, holds: "access-document" } as const]),
    ...(isSecret ? [otherSecret(environment.path)] : []),
  ];
  const looks = await Promise.all(
    named.map(async ({ path, holds }) => ({ facts: await lookAtFile(path), holds })),
  );
  return looks.flatMap(({ facts, holds }) => (facts === undefined ? [] : [{ ...facts, holds }]));
}

function otherSecret(path: string): NamedFile {
  return { path, holds: "other-secret" };
}
