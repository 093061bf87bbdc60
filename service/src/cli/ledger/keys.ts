import { Command, Option } from "commander";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { withLedger } from "./with-ledger.ts";

/** `macp-auth ledger keys`: the keys that verify the signed notes. */
export function ledgerKeysCommand(world: World): Command {
  return new Command("keys")
    .description(
      "print the keys that verify signed notes, the one that signs first; keep them apart from the store",
    )
    .addOption(new Option("--rotate", "make another key that signs from now on; the old one still verifies"))
    .addOption(jsonOption())
    .action(async ({ rotate, json }: { rotate?: true; json?: true }) => {
      const keys = await withLedger(world, "change", async ({ notes }) => {
        const { key } = rotate === true ? await notes.keys.rotate() : await notes.keys.signer();
        const others = (await notes.keys.verifiers()).map((verifier) => verifier.key);
        return [key, ...others.filter((other) => other !== key)];
      });
      if (json) printJson(world, { keys });
      else {
        world.out(keys.map((key) => `${key}\n`).join(""));
        if (rotate)
          world.err(`macp-auth: ${counted(keys.length, "key")}; give the first to those who verify notes\n`);
      }
    });
}
