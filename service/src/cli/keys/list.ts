import { Command } from "commander";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { listText } from "./list-text.ts";
import { withBackend } from "./with-backend.ts";

interface ListOptions extends Partial<AdminAddress> {
  readonly all?: true;
  readonly json?: true;
}

/** `macp-auth keys list`: changes nothing. */
export function listCommand(world: World): Command {
  const [adminOption, caFileOption] = adminOptions();
  return new Command("list")
    .description("show the keys, what each of them does, and what happens to it next")
    .option("--all", "also show keys that are no longer served")
    .addOption(adminOption)
    .addOption(caFileOption)
    .addOption(jsonOption())
    .action(async ({ all, json, ...address }: ListOptions) => {
      const report = await withBackend({ ...address, access: "look" }, world, (backend) =>
        backend.list(all === true),
      );
      if (json) printJson(world, report);
      else world.out(listText(report));
    });
}
