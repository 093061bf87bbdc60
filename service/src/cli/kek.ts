import { Command, Option } from "commander";
import type { Random } from "../kernel/random.ts";
import { KEK_BYTES } from "../keys/custody/sealer.ts";
import { StoreCorrupt } from "../keys/managed/key-store.ts";
import { openPrivateKey, placeOf, type RotateDeps } from "../keys/managed/rotate.ts";
import { createKeyFile } from "./keygen/key-file.ts";
import { shellWord } from "./keygen/shell-word.ts";
import { explainStoreFaults, openExistingStore } from "./keys/backend.ts";
import { couldNot } from "./terminal/command-end.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import { shown } from "./terminal/shown.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
Changing the key-encryption key, without a pause:
  1. macp-auth kek generate            add the new line LAST in MACP_AUTH_KEK_FILE; restart all replicas: all can read it
  2. move the new line first           restart all replicas: all write with it
  3. macp-auth kek rotate              everything stored is encrypted anew with the first key
  4. take the old line out             restart all replicas`;

/** `macp-auth kek …`: the keys that encrypt the stored private keys. */
export function kekCommand(world: World): Command {
  return new Command("kek")
    .description("look after the key that encrypts the stored private keys")
    .addHelpText("after", NOTES)
    .addCommand(generateCommand(world))
    .addCommand(rotateCommand(world));
}

function generateCommand(world: World): Command {
  return new Command("generate")
    .description("make a key-encryption key: 32 random bytes as base64url")
    .addOption(new Option("--out <FILE>", "write it to a new file of mode 0600 instead of standard output"))
    .addOption(jsonOption())
    .action(async ({ out, json }: { out?: string; json?: true }) => {
      const kek = newKek(world.random);
      if (out !== undefined) {
        const append = `append the line: macp-auth kek generate >> ${shellWord(shown(out))}`;
        await createKeyFile(out, `${kek}\n`, append);
        if (json) printJson(world, { file: out });
        else
          world.out(
            `${shown(out)}: a new key-encryption key; set MACP_AUTH_KEK_FILE=${shown(out)}, and keep a copy apart from the store\n`,
          );
      } else if (json) printJson(world, { kek });
      else world.out(`${kek}\n`);
    });
}

/** A fresh key-encryption key as text. */
export function newKek(random: Random): string {
  return random.bytes(KEK_BYTES).toString("base64url");
}

function rotateCommand(world: World): Command {
  return new Command("rotate")
    .description("encrypt all that is stored anew with the first key-encryption key")
    .addOption(jsonOption())
    .action(async ({ json }: { json?: true }) => {
      const rotation = await openExistingStore(world, "change");
      try {
        const keys = await explainStoreFaults(() => resealAll(rotation), world);
        if (json) printJson(world, { resealed: keys });
        else
          world.out(
            `${keys === 1 ? "1 private key is" : `${String(keys)} private keys are`} encrypted with the first key-encryption key; the others may be removed\n`,
          );
      } finally {
        await rotation.store.close();
      }
    });
}

/** Seals every private key with the first key-encryption key, in one transaction; the store signs all its rows anew with it. */
async function resealAll({ store, sealer }: RotateDeps): Promise<number> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const set = await store.load();
    const changes = set.keys.flatMap((key) => {
      if (key.sealed === undefined) return [];
      const bytes = openPrivateKey(sealer, key)?.export({ type: "pkcs8", format: "der" });
      if (bytes === undefined)
        throw new StoreCorrupt(`the private part of key ${key.kid} cannot be opened`, "altered_or_other_kek");
      return [
        { kind: "reseal" as const, kid: key.kid, sealed: sealer.seal(bytes, placeOf(key.kid, key.alg)) },
      ];
    });
    if (changes.length === 0)
      throw couldNot("the store holds no private key yet; there is nothing to encrypt anew");
    if ((await store.replace(set.version, changes)) === "replaced") return changes.length;
  }
  throw couldNot("others changed the keys at the same moment; try again");
}
