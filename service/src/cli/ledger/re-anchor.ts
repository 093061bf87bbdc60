import { Command, Option } from "commander";
import { reanchor } from "../../ledger/audit/re-anchor.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { verifyLedger } from "./verify.ts";
import { withLedger } from "./with-ledger.ts";
import { BY_COMMAND, withWriter } from "./with-writer.ts";

const REASON_CHARS_MAX = 500;

/** `macp-auth ledger re-anchor`: records that a break was looked into. */
export function reAnchorCommand(world: World): Command {
  return new Command("re-anchor")
    .description(
      "record that what `ledger verify` finds was looked into, and sign the ledger as it is; the findings stay reported, as known",
    )
    .addOption(new Option("--reason <TEXT>", "what happened").makeOptionMandatory())
    .addOption(
      new Option("--notes <FILE>", "also what a comparison with these notes finds, as for ledger verify"),
    )
    .addOption(jsonOption())
    .action(async ({ reason, notes, json }: { reason: string; notes?: string; json?: true }) => {
      if (reason.trim() === "" || reason.length > REASON_CHARS_MAX)
        throw wrongCall(`--reason must have 1 to ${String(REASON_CHARS_MAX)} characters`);
      const outcome = await withLedger(world, "change", async (parts) => {
        const report = await verifyLedger(parts, [], notes, world);
        return withWriter(parts, world, (writer) =>
          reanchor({ notes: parts.notes, writer }, report, BY_COMMAND, reason),
        );
      });
      if (outcome.kind === "nothing") throw couldNot("nothing was changed that is not known already");
      if (outcome.kind === "unavailable")
        throw couldNot("the entry could not be written, so nothing was recorded; try again");
      const { findings } = outcome;
      if (json) printJson(world, { findings });
      else
        world.out(`recorded ${counted(findings, "finding")} as known; the ledger is signed as it is now\n`);
    });
}
