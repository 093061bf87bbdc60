import { Command } from "commander";
import { migrateStore } from "../stores/open.ts";
import { explainStoreFaults, managedSettings } from "./keys/store-backend.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import type { World } from "./terminal/world.ts";

/** `macp-auth migrate`: brings the store's tables to this version. The service does the same at its start. */
export function migrateCommand(world: World): Command {
  return new Command("migrate")
    .description("bring the tables of MACP_AUTH_STORE_URL to this version; serve does so too, at its start")
    .addOption(jsonOption())
    .action(async ({ json }: { json?: true }) => {
      const { managed } = managedSettings(world);
      const { from, to } = await explainStoreFaults(() => migrateStore(managed.store), world);
      if (json) printJson(world, { from, to });
      else
        world.out(
          from === to
            ? `the store is at version ${String(to)} already\n`
            : `the store went from version ${String(from)} to ${String(to)}\n`,
        );
    });
}
