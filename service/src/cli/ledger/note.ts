import { Command } from "commander";
import { signHeads } from "../../ledger/notes/sign-heads.ts";
import { couldNot } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { withLedger } from "./with-ledger.ts";

/** `macp-auth ledger note`: signs where all chains end, now. */
export function noteCommand(world: World): Command {
  return new Command("note")
    .description("sign a note with the ends of all chains now, and print it")
    .addOption(jsonOption())
    .action(async ({ json }: { json?: true }) => {
      const signed = await withLedger(world, "change", ({ notes }) => signHeads(notes, "now"));
      if (signed.kind === "taken") throw couldNot("a replica signed a note at the same time; try again");
      if (signed.kind !== "signed")
        throw couldNot(
          "the ledger does not continue what its last note says, so nothing is signed; run: macp-auth ledger verify",
        );
      const { number, note } = signed;
      if (json) printJson(world, { number, note });
      else world.out(note);
    });
}
