import { Command } from "commander";
import { forgetCommand } from "./issuers/forget.ts";
import { listCommand } from "./issuers/list.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
Each replica has its own copy of the keys: ask each of them. The token of MACP_AUTH_ADMIN_TOKEN[_FILE] is sent: that of the admin
listener, or the secret of a caller with a role.

Examples:
  macp-auth issuers list --admin http://127.0.0.1:3201
  macp-auth issuers forget cluster --admin http://127.0.0.1:3201`;

/** `macp-auth issuers …`: whose tokens prove callers, and what a replica knows of their keys. */
export function issuersCommand(world: World): Command {
  return new Command("issuers")
    .description("show the issuers of callers' tokens as a running service knows them, and drop their keys")
    .addHelpText("after", NOTES)
    .addCommand(listCommand(world))
    .addCommand(forgetCommand(world));
}
