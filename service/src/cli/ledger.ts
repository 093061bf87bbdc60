import { Command } from "commander";
import { exportCommand } from "./ledger/export.ts";
import { ledgerKeysCommand } from "./ledger/keys.ts";
import { noteCommand } from "./ledger/note.ts";
import { pruneCommand } from "./ledger/prune.ts";
import { questionCommands } from "./ledger/questions.ts";
import { reAnchorCommand } from "./ledger/re-anchor.ts";
import { ledgerVerifyCommand } from "./ledger/verify.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
The commands work on the store of MACP_AUTH_STORE_URL, with the keys of MACP_AUTH_KEK_FILE.
docs/auditors.md says what the ledger proves, to whom, and what it does not.`;

/** `macp-auth ledger …`: what was recorded, and whether it is as it was written. */
export function ledgerCommand(world: World): Command {
  const ledger = new Command("ledger")
    .description("ask and check the record of what was minted")
    .addHelpText("after", NOTES)
    .addCommand(ledgerVerifyCommand(world))
    .addCommand(exportCommand(world))
    .addCommand(noteCommand(world))
    .addCommand(ledgerKeysCommand(world))
    .addCommand(reAnchorCommand(world))
    .addCommand(pruneCommand(world));
  for (const command of questionCommands(world)) ledger.addCommand(command);
  return ledger;
}
