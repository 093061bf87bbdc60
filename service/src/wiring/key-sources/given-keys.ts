import { ConfigError } from "../../config/config-error.ts";
import { printable } from "../../kernel/printable.ts";
import { type ImportedKey, type ImportOutcome, importJwk, importKeys } from "../../keys/import/import-key.ts";
import { readSettingFile } from "../read-secret.ts";
import { importFaultWords } from "../words/key-fault-words.ts";
import type { LoadContext } from "./key-source.ts";

// Keys that are given from outside. `place` names where one stands, at the beginning of each line.

type Wanted = Pick<LoadContext, "wantedAlg" | "labels">;

/** The key of a text that is one private JWK. Throws `ConfigError`, whose lines say the fix and show no key material. */
export function keysFromJwk(place: string, text: string, wanted?: Wanted): readonly ImportedKey[] {
  return signing(place, importJwk(text), wanted);
}

/** The keys of a file, the signing key first; `setting` is the one that names it, if one does. Throws as above, also when the file cannot be read. */
export async function keysFromFile(
  setting: string | undefined,
  path: string,
  wanted?: Wanted,
): Promise<readonly ImportedKey[]> {
  return keysFromText(setting ?? printable(path), await readSettingFile(setting, path), wanted);
}

/** The keys of a text in any form that a key file may have. Throws as above. */
export function keysFromText(place: string, text: string, wanted?: Wanted): readonly ImportedKey[] {
  return signing(place, importKeys(text), wanted);
}

function signing(place: string, outcome: ImportOutcome, wanted?: Wanted): readonly ImportedKey[] {
  if (outcome.kind === "rejected")
    throw new ConfigError(outcome.faults.map((fault) => `${place} ${importFaultWords(fault)}`));
  const [first] = outcome.keys;
  if (first?.privateKey === undefined)
    throw new ConfigError([`${place} ${importFaultWords({ reason: "public_only" })}`]);
  if (wanted?.wantedAlg !== undefined && first.alg !== wanted.wantedAlg) {
    const setting = wanted.labels.of("keys.alg");
    throw new ConfigError([
      `${place} is a key for ${first.alg}, but ${setting} is ${wanted.wantedAlg}; set ${setting}=${first.alg} or give a key for ${wanted.wantedAlg}`,
    ]);
  }
  return outcome.keys;
}
