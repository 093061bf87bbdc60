import { Command } from "commander";
import { statusListStore } from "../../stores/status-lists.ts";
import { openPurposeKeys } from "../../wiring/open-purpose-keys.ts";
import { withSealedStore } from "../keys/with-sealed-store.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { checkCommand } from "./check.ts";

const NOTES = `
check asks a running service. The other commands work on the store of MACP_AUTH_STORE_URL, with the keys of MACP_AUTH_KEK_FILE.`;

/** `macp-auth status-lists …`: the lists that say which tokens were revoked. */
export function statusListsCommand(world: World): Command {
  return new Command("status-lists")
    .description("look tokens up in status lists, and look after the lists")
    .addHelpText("after", NOTES)
    .addCommand(checkCommand(world))
    .addCommand(closeCommand(world))
    .addCommand(rotateKeyCommand(world));
}

function closeCommand(world: World): Command {
  return new Command("close")
    .description("after a backup was restored: mint from new lists, so that no index is used twice")
    .addOption(jsonOption())
    .action(async ({ json }: { json?: true }) => {
      const lists = await withSealedStore(world, "status lists", ({ database }) =>
        statusListStore(database).close(),
      );
      if (json) printJson(world, { closed: lists });
      else world.out(`closed ${counted(lists, "list")}; they are served until their tokens have expired\n`);
    });
}

function rotateKeyCommand(world: World): Command {
  return new Command("rotate-key")
    .description("make another key that signs status lists from now on; the old one is still shown")
    .addOption(jsonOption())
    .action(async ({ json }: { json?: true }) => {
      const kid = await withSealedStore(world, "status lists", ({ database, sealing }) =>
        openPurposeKeys("status-lists", { database, sealing }, () => world.clock.nowMs()).rotate(),
      );
      if (json) printJson(world, { kid });
      else world.out(`${kid} signs status lists now; a running service uses it within a second\n`);
    });
}
