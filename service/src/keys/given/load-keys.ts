import { ConfigError } from "../../kernel/faults.ts";
import type { Kid } from "../../kernel/ids.ts";
import { printable } from "../../kernel/printable.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { Algorithm } from "../algorithm.ts";
import { makeKey } from "../custody/make-key.ts";
import {
  type ImportedKey,
  type ImportOutcome,
  importJwk,
  importKeys,
  PUBLIC_ONLY,
} from "../import/import-key.ts";
import { localSigner, type Signer } from "../signer.ts";
import { readKeyFile } from "./read-key-file.ts";

/** Makes a key that lives and dies with this process. */
export async function ephemeralKeys(alg: Algorithm): Promise<readonly ImportedKey[]> {
  return [await makeKey(alg)];
}

/** The key of an environment variable; `alg` undefined accepts any algorithm. Throws `ConfigError` that names the variable and the mend and shows no key material. */
export function keysFromJwk(
  variable: string,
  jwk: Secret,
  alg: Algorithm | undefined,
): readonly ImportedKey[] {
  return signing(variable, importJwk(jwk.reveal()), alg);
}

/** The keys of a file, the signing key first; `variable` is the setting that names it, if one does. Throws `ConfigError` as above, also when the file cannot be read. */
export async function keysFromFile(
  variable: string | undefined,
  path: string,
  alg: Algorithm | undefined,
): Promise<readonly ImportedKey[]> {
  const text = await readKeyFile(variable, path);
  return keysFromText(variable ?? printable(path), text, alg);
}

/** The keys of a text in any form that a key file may have; `place` names it in a fault. Throws as above. */
export function keysFromText(
  place: string,
  text: string,
  alg: Algorithm | undefined,
): readonly ImportedKey[] {
  return signing(place, importKeys(text), alg);
}

/** A signer for each key that can sign. */
export function signersFor(keys: readonly ImportedKey[]): ReadonlyMap<Kid, Signer> {
  return new Map(
    keys.flatMap((key) =>
      key.privateKey === undefined
        ? []
        : [[key.kid, localSigner(key.alg, key.privateKey, key.publicKey)] as const],
    ),
  );
}

function signing(
  variable: string,
  outcome: ImportOutcome,
  alg: Algorithm | undefined,
): readonly ImportedKey[] {
  if (outcome.kind === "refused")
    throw new ConfigError(outcome.faults.map((fault) => `${variable} ${fault}`));
  const [first] = outcome.keys;
  if (first?.privateKey === undefined) throw new ConfigError([`${variable} ${PUBLIC_ONLY}`]);
  if (alg !== undefined && first.alg !== alg) {
    throw new ConfigError([
      `${variable} is a key for ${first.alg}, but MACP_AUTH_SIGNING_ALG is ${alg}; set MACP_AUTH_SIGNING_ALG=${first.alg} or give a key for ${alg}`,
    ]);
  }
  return outcome.keys;
}
