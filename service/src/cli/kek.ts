import { Command, Option } from "commander";
import type { Random } from "../kernel/random.ts";
import { KEK_BYTES } from "../keys/custody/key-encryption-keys.ts";
import { type AdminAddress, adminOptions } from "./client/admin-option.ts";
import { createKeyFile } from "./keygen/key-file.ts";
import { shellWord } from "./keygen/shell-word.ts";
import { withBackend } from "./keys/with-backend.ts";
import { couldNot } from "./terminal/command-end.ts";
import { counted } from "./terminal/count.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import { shown } from "./terminal/shown.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
To change the key-encryption key without an interruption:
  1. macp-auth kek generate            append the output to MACP_AUTH_KEK_FILE; restart all replicas: all can read it
  2. move the new line first           restart all replicas: all encrypt with it
  3. macp-auth kek rotate              encrypts everything stored with the first key
  4. remove the old line               restart all replicas`;

/** `macp-auth kek …`: the keys that encrypt the stored private keys. */
export function kekCommand(world: World): Command {
  return new Command("kek")
    .description("manage the key that encrypts the stored private keys")
    .addHelpText("after", NOTES)
    .addCommand(generateCommand(world))
    .addCommand(rotateCommand(world));
}

function generateCommand(world: World): Command {
  return new Command("generate")
    .description("make a key-encryption key: 32 random bytes as base64url")
    .addOption(new Option("--out <FILE>", "write it to a new file with mode 0600 instead of standard output"))
    .addOption(jsonOption())
    .action(async ({ out, json }: { out?: string; json?: true }) => {
      const kek = newKek(world.random);
      if (out !== undefined) {
        const append = `append the line: macp-auth kek generate >> ${shellWord(shown(out))}`;
        await createKeyFile(out, `${kek}\n`, append);
        if (json) printJson(world, { file: out });
        else
          world.out(
            `${shown(out)}: new key-encryption key; set MACP_AUTH_KEK_FILE=${shown(out)}, and store a copy apart from the database\n`,
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
  const [adminOption, caFileOption] = adminOptions();
  return new Command("rotate")
    .description("encrypt everything stored with the first key-encryption key")
    .addOption(adminOption)
    .addOption(caFileOption)
    .addOption(jsonOption())
    .action(async ({ json, ...address }: Partial<AdminAddress> & { json?: true }) => {
      const { changes = [], rejected } = await withBackend(address, world, (backend) =>
        backend.operate({ kind: "reseal" }, new Set()),
      );
      if (rejected !== undefined) throw couldNot(rejected.outage);
      if (json) printJson(world, { resealed: changes.length });
      else
        world.out(
          `encrypted ${counted(changes.length, "private key")} with the first key-encryption key; the other lines of MACP_AUTH_KEK_FILE may be removed\n`,
        );
    });
}
