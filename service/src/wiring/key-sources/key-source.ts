import type { KeySettings, SettingPath } from "../../config/settings.ts";
import type { Labels } from "../../config/source.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Random } from "../../kernel/random.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import type { Log } from "../../telemetry/log.ts";
import type { KeyUpkeep } from "../key-upkeep.ts";

/** What each part of the program needs of a place that keys come from. A new key source is a file that makes one, and its row in key-sources.ts. */
export interface WiredKeySource {
  /** The settings whose files or stores may change while the service runs. */
  readonly followed: readonly SettingPath[];
  /** Whether the keys end with the process. */
  readonly endsWithProcess: boolean;
  /** The files with secrets that the settings name. */
  readonly secretFiles: readonly SecretFile[];
  /** What an operator should know of this choice; with a fix when another one is better. */
  advise(context: AdviceContext): Advice;
  /** Reads the files and secrets that are needed; opens nothing and writes nothing. Throws `ConfigError` with every fault at once. */
  load(context: LoadContext): Promise<LoadedKeySource>;
}

/** A key source whose files and secrets are read. */
export interface LoadedKeySource {
  /** The keys that are given, the signing key first; `undefined`: the service makes its own. */
  readonly given: readonly ImportedKey[] | undefined;
  /** Opens the keys and their upkeep. Throws `ConfigError` when they cannot be opened. */
  open(log: Log, machine: Machine): Promise<KeyUpkeep>;
}

export interface LoadContext {
  readonly keys: KeySettings;
  /** What given keys must be for; `undefined` accepts any algorithm. */
  readonly wantedAlg: Algorithm | undefined;
  readonly labels: Labels;
  readonly random: Random;
}

export interface AdviceContext {
  readonly labels: Labels;
  /** A path as it may be shown. */
  readonly shownPath: (path: string) => string;
}

export interface Advice {
  readonly found: string;
  readonly fix?: string;
}

export interface SecretFile {
  readonly path: string;
  readonly holds: "signing-key" | "other-secret";
}
