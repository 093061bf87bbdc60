import { Command } from "commander";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";

interface ListOptions extends AdminAddress {
  readonly json?: true;
}

/** `macp-auth issuers list`: changes nothing, and asks no issuer. */
export function listCommand(world: World): Command {
  const [adminOption, caFileOption] = adminOptions();
  return new Command("list")
    .description("show the issuers, the state of their keys and the last failure")
    .addOption(adminOption.makeOptionMandatory())
    .addOption(caFileOption)
    .addOption(jsonOption())
    .action(async ({ json, ...options }: ListOptions) => {
      const [{ adminClient }, { IssuersReport }, { issuersText }] = await Promise.all([
        import("../client/admin-client.ts"),
        import("../../http/routes/admin/list-issuers.ts"),
        import("./issuers-text.ts"),
      ]);
      const call = await adminClient(options, world);
      const { issuers } = await call(IssuersReport, "GET", "/issuers");
      if (json) printJson(world, { issuers });
      else world.out(issuersText(issuers, world.clock.now()));
    });
}
