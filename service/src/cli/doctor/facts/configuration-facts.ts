import { loadSettings, VARIABLES } from "../../../config/environment.ts";
import type { SecretSource, Settings } from "../../../config/settings.ts";
import type { LoadedSettings } from "../../../config/sources.ts";
import { type FileFacts, lookAtFile } from "../../../files/file-facts.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { ConfigError } from "../../../kernel/faults.ts";
import { parseKeks } from "../../../keys/custody/key-encryption-keys.ts";
import type { ImportedKey } from "../../../keys/import/import-key.ts";
import { keysFromFile, keysFromJwk } from "../../../wiring/given-keys.ts";
import { readSettingFile } from "../../../wiring/read-setting-file.ts";
import type { World } from "../../terminal/world.ts";
import { type DatabaseFacts, lookAtDatabase } from "./database-facts.ts";
import type { EnvironmentFile } from "./environment-file.ts";
import { lookAtStoreFile, type StoreFileFacts } from "./store-file-facts.ts";

/** The environment to grade: the process's own, or a file's. */
export type GradedEnvironment =
  | { readonly kind: "process"; readonly values: Readonly<Record<string, string | undefined>> }
  | ({ readonly kind: "file"; readonly path: string } & EnvironmentFile);

/** Everything the configuration rules look at. */
export interface ConfigurationFacts {
  readonly environment: GradedEnvironment;
  readonly settings: SettingsRead;
  readonly keys: KeysRead;
  /** The files with secrets that could be looked at. */
  readonly secretFiles: readonly SecretFile[];
  /** The place of a SQLite store; `undefined` when the settings name none. */
  readonly storeFile: StoreFileFacts | undefined;
  /** A PostgreSQL store, as it answers; `undefined` when the settings name none. */
  readonly database: DatabaseFacts | undefined;
  readonly userId: number | undefined;
  readonly now: EpochSeconds;
}

type SettingsRead =
  | ({ readonly kind: "read" } & LoadedSettings)
  | { readonly kind: "refused"; readonly faults: readonly string[] };

/** A file with a secret, and what it holds. */
export type SecretFile = FileFacts & { readonly holds: "signing-key" | "other-secret" };

type KeysRead =
  /** Nothing can be said of the keys before the settings are mended. */
  | { readonly kind: "unknown" }
  | { readonly kind: "ephemeral" }
  /** The key-encryption keys can be read; the store is not opened. */
  | { readonly kind: "managed" }
  | { readonly kind: "imported"; readonly keys: readonly ImportedKey[] }
  | { readonly kind: "refused"; readonly faults: readonly string[] };

/** What makes an environment file a secret itself. */
const SECRET_VARIABLES = [
  "MACP_AUTH_SIGNING_KEY_JSON",
  "MACP_AUTH_KEK",
  "MACP_AUTH_ADMIN_TOKEN",
  "MACP_AUTH_STORE_URL",
] as const;

/** Reads settings, keys and the state of their files, as a start of the service would. Rejects for bugs alone. */
export async function gatherConfiguration(
  world: World,
  environment: GradedEnvironment,
): Promise<ConfigurationFacts> {
  const settings = readSettings(environment.values);
  const read = settings.kind === "read" ? settings.settings : undefined;
  return {
    environment,
    settings,
    keys: read === undefined ? { kind: "unknown" } : await readKeys(read),
    secretFiles: read === undefined ? [] : await lookAtFiles(read, environment),
    storeFile: read === undefined ? undefined : await lookAtStore(read),
    database: read === undefined ? undefined : await askDatabase(read),
    userId: world.userId,
    now: world.clock.now(),
  };
}

function readSettings(values: GradedEnvironment["values"]): SettingsRead {
  try {
    return { kind: "read", ...loadSettings(values) };
  } catch (thrown) {
    if (thrown instanceof ConfigError) return { kind: "refused", faults: thrown.faults };
    throw thrown;
  }
}

async function readKeys({ keys: { source: keySource, alg } }: Settings): Promise<KeysRead> {
  try {
    switch (keySource.kind) {
      case "ephemeral":
        return { kind: "ephemeral" };
      case "env":
        return { kind: "imported", keys: keysFromJwk(VARIABLES["keys.jwk"], keySource.jwk.reveal(), alg) };
      case "file":
        return { kind: "imported", keys: await keysFromFile(VARIABLES["keys.file"], keySource.path, alg) };
      case "managed":
        await readKeks(keySource.kek);
        return { kind: "managed" };
    }
  } catch (thrown) {
    if (thrown instanceof ConfigError) return { kind: "refused", faults: thrown.faults };
    throw thrown;
  }
}

async function readKeks(kek: SecretSource | undefined): Promise<void> {
  if (kek?.kind === "text") parseKeks("MACP_AUTH_KEK", kek.text.reveal());
  if (kek?.kind === "file")
    parseKeks("MACP_AUTH_KEK_FILE", await readSettingFile("MACP_AUTH_KEK_FILE", kek.path));
}

async function lookAtStore({ keys: { source: keySource } }: Settings): Promise<StoreFileFacts | undefined> {
  return keySource.kind === "managed" && keySource.store.kind === "sqlite"
    ? lookAtStoreFile(keySource.store.path)
    : undefined;
}

async function askDatabase({ keys: { source: keySource } }: Settings): Promise<DatabaseFacts | undefined> {
  return keySource.kind === "managed" && keySource.store.kind === "postgres"
    ? lookAtDatabase(keySource.store)
    : undefined;
}

async function lookAtFiles(
  settings: Settings,
  environment: GradedEnvironment,
): Promise<readonly SecretFile[]> {
  const keySource = settings.keys.source;
  const isSecret = environment.kind === "file" && SECRET_VARIABLES.some((name) => name in environment.values);
  const others = [...otherSecretsOf(settings), ...(isSecret ? [environment.path] : [])];
  const looks = [
    ...(keySource.kind === "file" ? [lookAt(keySource.path, "signing-key")] : []),
    ...others.map((path) => lookAt(path, "other-secret")),
  ];
  return (await Promise.all(looks)).filter((file) => file !== undefined);
}

/** The files of the key-encryption keys and of the admin listener's token. */
function otherSecretsOf({ keys: { source: keySource }, admin }: Settings): readonly string[] {
  return [
    ...(keySource.kind === "managed" && keySource.kek?.kind === "file" ? [keySource.kek.path] : []),
    ...(admin?.token?.kind === "file" ? [admin.token.path] : []),
  ];
}

async function lookAt(path: string, holds: SecretFile["holds"]): Promise<SecretFile | undefined> {
  const facts = await lookAtFile(path);
  return facts && { ...facts, holds };
}
