import { ConfigError } from "../kernel/faults.ts";
import { printable } from "../kernel/printable.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import {
  type ImportedKey,
  type ImportOutcome,
  importJwk,
  importKeys,
  PUBLIC_ONLY,
} from "../keys/import/import-key.ts";
import { readSettingFile } from "./read-setting-file.ts";

// Keys that are given from outside. `place` names where one stands, at the beginning of each line; `alg` undefined accepts any algorithm.

/** The key of a text that is one private JWK. Throws `ConfigError`, whose lines say the fix and show no key material. */
export function keysFromJwk(place: string, text: string, alg: Algorithm | undefined): readonly ImportedKey[] {
  return signing(place, importJwk(text), alg);
}

/** The keys of a file, the signing key first; `setting` is the one that names it, if one does. Throws as above, also when the file cannot be read. */
export async function keysFromFile(
  setting: string | undefined,
  path: string,
  alg: Algorithm | undefined,
): Promise<readonly ImportedKey[]> {
  return keysFromText(setting ?? printable(path), await readSettingFile(setting, path), alg);
}

/** The keys of a text in any form that a key file may have. Throws as above. */
export function keysFromText(
  place: string,
  text: string,
  alg: Algorithm | undefined,
): readonly ImportedKey[] {
  return signing(place, importKeys(text), alg);
}

function signing(place: string, outcome: ImportOutcome, alg: Algorithm | undefined): readonly ImportedKey[] {
  if (outcome.kind === "refused") throw new ConfigError(outcome.faults.map((fault) => `${place} ${fault}`));
  const [first] = outcome.keys;
  if (first?.privateKey === undefined) throw new ConfigError([`${place} ${PUBLIC_ONLY}`]);
  if (alg !== undefined && first.alg !== alg) {
    throw new ConfigError([
      `${place} is a key for ${first.alg}, but MACP_AUTH_SIGNING_ALG is ${alg}; set MACP_AUTH_SIGNING_ALG=${first.alg} or give a key for ${alg}`,
    ]);
  }
  return outcome.keys;
}
