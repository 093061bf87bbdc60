import { Command } from "commander";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { insistOnText } from "../input/setting.ts";
import { shellWord } from "../keygen/shell-word.ts";
import { couldNot } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";

interface ForgetOptions extends AdminAddress {
  readonly json?: true;
}

/** `macp-auth issuers forget`: the keys of an issuer are dropped now, and fetched for its next token. */
export function forgetCommand(world: World): Command {
  const [adminOption, caFileOption] = adminOptions();
  return new Command("forget")
    .description("drop an issuer's keys on this replica now; its next token waits for new ones")
    .argument("<NAME>", "the name of the issuer in the access document")
    .addOption(adminOption.makeOptionMandatory())
    .addOption(caFileOption)
    .addOption(jsonOption())
    .action(async (name: string, { json, ...options }: ForgetOptions) => {
      insistOnText("NAME", name);
      const [{ adminClient }, { IssuerReport, IssuersReport }] = await Promise.all([
        import("../client/admin-client.ts"),
        import("../../http/routes/admin/list-issuers.ts"),
      ]);
      const call = await adminClient(options, world);
      const { issuers } = await call(IssuersReport, "GET", "/issuers");
      if (!issuers.some((issuer) => issuer.name === name))
        throw couldNot(
          `${shown(name)} is no issuer of this service; see: macp-auth issuers list --admin ${shellWord(shown(options.admin))}`,
        );
      const report = await call(IssuerReport, "POST", `/issuers/${encodeURIComponent(name)}/forget`, {});
      if (json) printJson(world, report);
      else world.out(`${shown(name)}: ${DROPPED[report.keys_from === "pinned" ? "pinned" : "fetched"]}\n`);
    });
}

const DROPPED = {
  fetched: "its keys are dropped on this replica, and fetched for its next token",
  pinned: "its keys stand in the access document and stay; correct them there",
} as const;
