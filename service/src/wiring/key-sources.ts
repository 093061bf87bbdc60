import { type Attempt, attempt, ConfigError, faultsOf } from "../config/config-error.ts";
import type { KeySource } from "../config/settings.ts";
import type { SettingsRead } from "../config/sources.ts";
import type { Random } from "../kernel/random.ts";
import { env } from "./key-sources/env.ts";
import { ephemeral } from "./key-sources/ephemeral.ts";
import { file } from "./key-sources/file.ts";
import type { LoadedKeySource, WiredKeySource } from "./key-sources/key-source.ts";
import { managed } from "./key-sources/managed.ts";

/** The table of the key sources: what opens one, what is followed, what is wrong with it, and what doctor says of it. */
export function wiredKeySource(source: KeySource): WiredKeySource {
  switch (source.kind) {
    case "ephemeral":
      return ephemeral;
    case "env":
      return env(source);
    case "file":
      return file(source);
    case "managed":
      return managed(source);
  }
}

/**
 * Reads the files and secrets of the key source, whatever else is wrong with the settings; where several are named, of all, for one
 * of them is meant. Throws `ConfigError` with every fault at once.
 */
export async function loadKeys(
  { settings: { keys }, labels, keySources }: Omit<SettingsRead, "warnings" | "faults">,
  random: Random,
): Promise<LoadedKeySource> {
  const wantedAlg = labels.areRead("keys.alg") ? keys.alg : undefined;
  const context = { keys, wantedAlg, labels, random };
  const attempts: readonly Attempt<LoadedKeySource>[] = await Promise.all(
    keySources.map((source) => attempt(() => wiredKeySource(source).load(context))),
  );
  const faults = attempts.flatMap(faultsOf);
  const [first] = attempts;
  if (faults.length > 0 || first?.kind !== "done") throw new ConfigError(faults);
  return first.value;
}
