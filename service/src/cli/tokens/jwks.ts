import { Argument, Command } from "commander";
import { importFaultWords } from "../../wiring/words/key-fault-words.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";

const STDIN_BYTES_MAX = 65_536;

const NOTES = `
Reads a private JWK, a JWK Set or an unencrypted PEM private key, and prints what the service serves of it when it
starts: the signing key, then the others by kid. The answer is JSON in any case; with --json it stands on one line.

Examples:
  macp-auth jwks key.json
  macp-auth keygen | macp-auth jwks -`;

/** `macp-auth jwks`: the public half of a key file, as the service would serve it. */
export function jwksCommand(world: World): Command {
  return new Command("jwks")
    .description("print the public JWK Set of a private key file")
    .addArgument(new Argument("<FILE>", "the key file, or - for standard input"))
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (file: string, { json }: { readonly json?: true }) => {
      const [{ importKeys }, { servedAt }, { ringAtBoot }, { epochSeconds }] = await Promise.all([
        import("../../keys/import/import-key.ts"),
        import("../../keys/key-state.ts"),
        import("../../keys/given/plan-file-change.ts"),
        import("../../kernel/clock.ts"),
      ]);
      const { text, place } = await readKeys(file, world);
      const outcome = importKeys(text);
      if (outcome.kind === "rejected")
        throw couldNot(...outcome.faults.map((fault) => `${place} ${importFaultWords(fault)}`));
      const atStart = epochSeconds(0);
      const served = servedAt(ringAtBoot(outcome.keys, atStart), atStart);
      const set = { keys: served.map(({ publicJwk }) => publicJwk) };
      world.out(`${json ? JSON.stringify(set) : JSON.stringify(set, undefined, 2)}\n`);
    });
}

async function readKeys(
  file: string,
  world: World,
): Promise<{ readonly text: string; readonly place: string }> {
  if (file !== "-") {
    const { readSmallInput } = await import("../../files/small-file.ts");
    return { text: await readSmallInput(file), place: shown(file) };
  }
  if (world.stdinIsTerminal)
    throw wrongCall("standard input is a terminal; pipe a key into it or name a file");
  const text = await world.readStdin(STDIN_BYTES_MAX);
  if (text === undefined)
    throw couldNot("standard input holds more than 64 KiB, which is not a key; name a key file");
  return { text, place: "standard input" };
}
