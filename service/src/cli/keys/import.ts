import { Command } from "commander";
import { readSettings, VARIABLES } from "../../config/environment.ts";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import { keysFromFile, keysFromText } from "../../wiring/key-sources/given-keys.ts";
import { wiredKeySource } from "../../wiring/key-sources.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { printAnswer } from "./answer-text.ts";
import { explainStoreFaults, managedSettings, openStore, operateOnStore } from "./store-backend.ts";

const KEY_BYTES_MAX = 1_048_576;
const GIVEN: readonly string[] = [VARIABLES["keys.jwk"], VARIABLES["keys.file"]];

const NOTES = `
To move from a given key to managed keys without a rejected token: import the key into a new store, then restart the
service with the store instead of the key. The key continues to sign under its kid, and the service makes a standby key.
If MACP_AUTH_SIGNING_ALG differs from the algorithm of the key, the standby key signs once every verifier knows it.

Examples:
  macp-auth keys import --settings conf/macp-auth.env            the key of MACP_AUTH_SIGNING_KEY_JSON or _FILE
  macp-auth keys import key.jwk --settings conf/macp-auth.env
  kubectl get secret … | macp-auth keys import - --settings conf/macp-auth.env`;

/** `macp-auth keys import`: a key that was given from outside becomes the first managed key. Only on the store: a private key is never sent. */
export function importCommand(world: World): Command {
  return new Command("import")
    .description("make an existing signing key the first key of a new store")
    .argument(
      "[FILE]",
      "the private key as JWK, JWK Set or PEM; - reads standard input (default: the key of the settings)",
    )
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (file: string | undefined, options: { readonly json?: true }) => {
      const settings = managedSettings(withoutGivenKey(world));
      const key = onlyOne(await readKey(file, world));
      const rotation = await openStore(settings, world, "make");
      try {
        const { custody } = rotation;
        const deps = { ...rotation, custody: { ...custody, make: () => custody.adopt(key) } };
        const answer = await explainStoreFaults(
          () => operateOnStore(deps, { kind: "import", alg: key.alg }, new Set(), world),
          world,
        );
        printAnswer(world, options, answer);
      } finally {
        await rotation.database.close();
      }
    });
}

/** The settings as they will be when the store has replaced the given key. */
function withoutGivenKey(world: World): World {
  const kept = Object.entries(world.environment).filter(([name]) => !GIVEN.includes(name));
  return { ...world, environment: Object.fromEntries(kept) };
}

async function readKey(file: string | undefined, world: World): Promise<readonly ImportedKey[]> {
  if (file === "-") {
    const text = await world.readStdin(KEY_BYTES_MAX);
    if (text === undefined)
      throw couldNot("standard input is larger than 1 MiB, so it is not a key; pipe only the key");
    return keysFromText("standard input", text);
  }
  if (file !== undefined) return keysFromFile(undefined, file);
  const { settings, labels, keySources } = readSettings(world.environment);
  const { given } = await wiredKeySource(keySources[0]).load({
    keys: settings.keys,
    // The key may be for another algorithm than the one that the service will sign with.
    wantedAlg: undefined,
    labels,
    random: world.random,
  });
  if (given === undefined)
    throw wrongCall("there is no key to import; name its file, or - for standard input");
  return given;
}

/** This change removes the other keys of a set from the JWKS, and the tokens that they signed would be rejected. */
function onlyOne(keys: readonly ImportedKey[]): ImportedKey {
  const [key, ...others] = keys;
  if (key === undefined || others.length > 0)
    throw couldNot(
      `the set holds ${String(keys.length)} keys, but a new store starts with one; wait until the tokens of the other keys have expired, then import a file without these keys`,
    );
  return key;
}
