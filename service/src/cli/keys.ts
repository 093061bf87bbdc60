import { Command } from "commander";
import { importCommand } from "./keys/import.ts";
import { listCommand } from "./keys/list.ts";
import { operationCommands } from "./keys/operations.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
The commands work on the store of MACP_AUTH_STORE_URL, with the keys of MACP_AUTH_KEK_FILE; with --admin they work on a
running service. KID is a kid, or 4 or more characters that only one kid begins with.
An operation that would cause an outage is rejected. The message names the outage and the --accept option that allows it.

A verifier with an inline key set (MACP_AUTH_JWKS_JSON) never fetches the JWKS. Give it the new one before each rotation:
  curl http://HOST:3200/.well-known/jwks.json`;

/** `macp-auth keys …`: shows and operates the managed keys. */
export function keysCommand(world: World): Command {
  const keys = new Command("keys")
    .description("show and operate the keys that the service manages")
    .addHelpText("after", NOTES)
    .addCommand(listCommand(world))
    .addCommand(importCommand(world));
  for (const command of operationCommands(world)) keys.addCommand(command);
  return keys;
}
