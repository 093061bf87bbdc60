import { Command } from "commander";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import { keysFromFile, keysFromText } from "../../wiring/given-keys.ts";
import { openRotation } from "../../wiring/open-rotation.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { printAnswer } from "./answer-text.ts";
import { explainStoreFaults, managedSettings, operateOnStore, warner } from "./backend.ts";

const KEY_BYTES_MAX = 1_048_576;
const GIVEN = ["MACP_AUTH_SIGNING_KEY_JSON", "MACP_AUTH_SIGNING_KEY_FILE"] as const;

const NOTES = `
From a given key to managed keys, without a refused token: import into a new store, then restart the service with the store
instead of the key. The key signs on under its kid. Its successor is made at once; when MACP_AUTH_SIGNING_ALG is another algorithm than
the key's, it takes over as soon as every verifier knows it.

Examples:
  macp-auth keys import --settings conf/macp-auth.env            the key of MACP_AUTH_SIGNING_KEY_JSON or _FILE
  macp-auth keys import key.jwk --settings conf/macp-auth.env
  kubectl get secret … | macp-auth keys import - --settings conf/macp-auth.env`;

/** `macp-auth keys import`: a key that was given from outside becomes the first managed key. On the store alone: a private key is not sent. */
export function importCommand(world: World): Command {
  return new Command("import")
    .description("let a key that was given until now sign on as the first key of a new store")
    .argument(
      "[FILE]",
      "the private key as JWK, JWK Set or PEM; - reads standard input (default: the key of the settings)",
    )
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (file: string | undefined, options: { readonly json?: true }) => {
      const { settings, managed } = managedSettings(withoutGivenKey(world));
      const key = onlyOne(await readKey(file, world));
      const rotation = await openRotation(settings, managed, {
        clock: world.clock,
        random: world.random,
        warn: warner(world),
      });
      try {
        const deps = { ...rotation, makeKey: () => Promise.resolve(key) };
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

/** The settings as they will be once the store has taken the place of the given key. */
function withoutGivenKey(world: World): World {
  const kept = Object.entries(world.environment).filter(
    ([name]) => !(GIVEN as readonly string[]).includes(name),
  );
  return { ...world, environment: Object.fromEntries(kept) };
}

async function readKey(file: string | undefined, world: World): Promise<readonly ImportedKey[]> {
  if (file === "-") {
    const text = await world.readStdin(KEY_BYTES_MAX);
    if (text === undefined)
      throw couldNot("standard input is larger than 1 MiB, so it is not a key; pipe only the key");
    return keysFromText("standard input", text, undefined);
  }
  if (file !== undefined) return keysFromFile(undefined, file, undefined);
  const [json, path] = GIVEN.map((name) => world.environment[name]?.trim());
  if (json) return keysFromText("MACP_AUTH_SIGNING_KEY_JSON", json, undefined);
  if (path) return keysFromFile("MACP_AUTH_SIGNING_KEY_FILE", path, undefined);
  throw wrongCall("there is no key to import; name its file, or - for standard input");
}

/** The other keys of a set would leave the JWKS with this change, and the tokens that they signed would be refused. */
function onlyOne(keys: readonly ImportedKey[]): ImportedKey {
  const [key, ...others] = keys;
  if (key === undefined || others.length > 0)
    throw couldNot(
      `the set holds ${String(keys.length)} keys, but a new store begins with one; wait until the tokens of the others have expired, and import a file without them`,
    );
  return key;
}
