import { Command, Option } from "commander";
import { pruneLedger } from "../../ledger/prune/prune-ledger.ts";
import { ledgerStore } from "../../stores/ledger.ts";
import { pruneStore } from "../../stores/ledger-notes.ts";
import { tokenLifeSeconds } from "../../wiring/ledger/retention.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import { withLedger } from "./with-ledger.ts";
import { BY_COMMAND, withWriter } from "./with-writer.ts";

/** `macp-auth ledger prune`: removes entries for their age. */
export function pruneCommand(world: World): Command {
  return new Command("prune")
    .description("remove old entries, and record that; what is left still verifies")
    .addOption(
      new Option(
        "--older-than <DAYS>",
        "how old, as 90d; entries of tokens that may still be accepted always stay",
      ).makeOptionMandatory(),
    )
    .addOption(jsonOption())
    .action(async ({ olderThan, json }: { olderThan: string; json?: true }) => {
      const olderThanDays = daysIn(olderThan);
      const pruned = await withLedger(world, "change", (parts) =>
        withWriter(parts, world, (writer) =>
          pruneLedger(
            {
              ledger: ledgerStore(parts.database),
              store: pruneStore(parts.database),
              keys: parts.notes.keys,
              writer,
            },
            {
              now: world.clock.nowMs(),
              olderThanDays,
              lifeSeconds: tokenLifeSeconds(parts.settings),
              by: BY_COMMAND,
            },
          ),
        ),
      );
      if (pruned.kind === "unavailable")
        throw couldNot("that entries are removed could not be recorded, so none was removed; try again");
      const { entries, chains, notes } = pruned.kind === "pruned" ? pruned : NOTHING;
      if (json) printJson(world, { entries, chains, notes });
      else
        world.out(
          `removed ${counted(entries, "entry", "entries")} of ${counted(chains, "chain")}; what is left verifies as before\n`,
        );
    });
}

const NOTHING = { entries: 0, chains: 0, notes: 0 };

function daysIn(text: string): number {
  const days = Number(/^([1-9][0-9]{0,4})d$/.exec(text.trim())?.[1]);
  if (Number.isNaN(days)) throw wrongCall(`--older-than must be days, as 90d, and is ${shown(text)}`);
  return days;
}
