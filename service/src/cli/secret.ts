import { Command, Option } from "commander";
import { type CallerId, parseCallerId } from "../callers/caller.ts";
import { hashSecret, writeSecretHash } from "../callers/secrets/secret-hash.ts";
import { generateSecret } from "../callers/secrets/secret-text.ts";
import { createKeyFile } from "./keygen/key-file.ts";
import { wrongCall } from "./terminal/command-end.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
The caller gets the secret, and sends it as: Authorization: Bearer SECRET
The access document (MACP_AUTH_CONFIG_FILE) gets the line, which begins with hmac-sha256: and is no secret.
Standard output holds only the secret, and standard error the line. With --out the file holds the secret, and standard
output the line. With --caller the line is the whole entry of a new caller, to be put under callers:

Examples:
  macp-auth secret generate --out planner.secret --caller planner
  macp-auth secret generate | kubectl create secret generic planner --from-file=secret=/dev/stdin`;

interface GenerateOptions {
  readonly caller?: string;
  readonly out?: string;
  readonly json?: true;
}

/** `macp-auth secret …`: the shared secrets of callers. */
export function secretCommand(world: World): Command {
  return new Command("secret").description("make a shared secret for a caller").addCommand(
    new Command("generate")
      .description("make a shared secret, and the line for the access document")
      .addOption(new Option("--caller <NAME>", "print the entry of this caller instead of the line alone"))
      .addOption(
        new Option(
          "--out <FILE>",
          "write the secret to a new file with mode 0600 instead of standard output",
        ),
      )
      .addOption(jsonOption())
      .addHelpText("after", NOTES)
      .action((options: GenerateOptions) => generate(options, world)),
  );
}

/** Makes the secret. It is written to one place, and the line for the document to another, so that no pipe carries both. */
async function generate({ caller, out, json }: GenerateOptions, world: World): Promise<void> {
  const id = caller === undefined ? undefined : callerIn(caller);
  const secret = generateSecret(world.random);
  const line = writeSecretHash(hashSecret(world.random, secret));
  if (out !== undefined) await createKeyFile(out, `${secret.reveal()}\n`, "choose another name");
  if (json) {
    const place = out === undefined ? { secret: secret.reveal() } : { file: out };
    printJson(world, { ...(id === undefined ? {} : { caller: id }), ...place, line });
    return;
  }
  const entry = id === undefined ? line : `${yamlKey(id)}: {proofs: [{secret: "${line}"}]}`;
  if (out !== undefined) {
    world.out(`${entry}\n`);
    return;
  }
  world.out(`${secret.reveal()}\n`);
  world.err(`macp-auth: for the access document: ${entry}\n`);
}

function callerIn(text: string): CallerId {
  const id = parseCallerId(text);
  if (id === undefined)
    throw wrongCall('--caller is not the name of a caller; give 1 to 64 of a-z, 0-9, ".", "_" and "-"');
  return id;
}

/** YAML reads 1.0 and null as something else than a text. */
function yamlKey(id: CallerId): string {
  return /^[a-z][a-z0-9_-]*$/.test(id) && !/^(?:null|true|false)$/.test(id) ? id : JSON.stringify(id);
}
