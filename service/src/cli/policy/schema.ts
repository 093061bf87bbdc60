import { Command } from "commander";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";

const NOTES = `
The schema is JSON already: --json changes nothing. An editor with a YAML language server checks and completes a document whose
first line is: # yaml-language-server: $schema=access.schema.json

Example:
  macp-auth policy schema > access.schema.json`;

/** `macp-auth policy schema`: the JSON Schema of the access document, for editors. */
export function schemaCommand(world: World): Command {
  return new Command("schema")
    .description("print the JSON Schema of the access document, for editors")
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async () => {
      const { accessJsonSchema } = await import("../../config/access/read-access.ts");
      printJson(world, accessJsonSchema());
    });
}
