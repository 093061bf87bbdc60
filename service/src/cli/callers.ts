import { Command } from "commander";
import { checkCommand } from "./callers/check.ts";
import { listCommand } from "./callers/list.ts";
import type { World } from "./terminal/world.ts";

/** `macp-auth callers …`: who may call. */
export function callersCommand(world: World): Command {
  return new Command("callers")
    .description("show the declared callers, and check what a proof proves")
    .addCommand(listCommand(world))
    .addCommand(checkCommand(world));
}
