import { Command } from "commander";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { couldNot } from "../terminal/command-end.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import { deadText, faultText, receiversText } from "./events-text.ts";

interface Options extends AdminAddress {
  readonly json?: true;
}

interface DeadOptions extends Options {
  readonly receiver?: string;
  readonly after?: string;
}

const NOTES = `
Examples:
  macp-auth events list --admin http://127.0.0.1:3201
  macp-auth events dead --receiver orchestrator --admin http://127.0.0.1:3201
  macp-auth events replay orchestrator --admin http://127.0.0.1:3201
  macp-auth events send-test orchestrator --admin http://127.0.0.1:3201

rotate-key works on the store of MACP_AUTH_STORE_URL, with the keys of MACP_AUTH_KEK_FILE.`;

/** `macp-auth events …`: who is sent events, and what becomes of those that were given up. */
export function eventsCommand(world: World): Command {
  return new Command("events")
    .description("show who is sent events of revocations, and send those again that were given up")
    .addHelpText("after", NOTES)
    .addCommand(listCommand(world))
    .addCommand(deadCommand(world))
    .addCommand(replayCommand(world))
    .addCommand(testCommand(world))
    .addCommand(rotateKeyCommand(world));
}

/** A command that asks the admin listener. */
function asking(name: string, description: string): Command {
  const [adminOption, caFileOption] = adminOptions();
  return new Command(name)
    .description(description)
    .addOption(adminOption.makeOptionMandatory())
    .addOption(caFileOption)
    .addOption(jsonOption());
}

function listCommand(world: World): Command {
  return asking("list", "show the receivers, how far each is, and why one is not").action(
    async ({ json, ...address }: Options) => {
      const [{ adminClient }, { ReceiversReport }] = await shapes();
      const call = await adminClient(address, world);
      const report = await call(ReceiversReport, "GET", "/events");
      if (json) printJson(world, report);
      else world.out(receiversText(report.receivers));
    },
  );
}

function deadCommand(world: World): Command {
  return asking("dead", "show the events that were given up, the oldest first, a hundred at a time")
    .option("--receiver <NAME>", "only those of this receiver")
    .option("--after <PLACE>", "only those after this place: `next` of a page")
    .action(async ({ json, receiver, after, ...address }: DeadOptions) => {
      const [{ adminClient }, { DeadReport }] = await shapes();
      const call = await adminClient(address, world);
      const query = new URLSearchParams({ ...(receiver && { receiver }), ...(after && { after }) });
      const report = await call(
        DeadReport,
        "GET",
        `/events/dead${query.size === 0 ? "" : `?${query.toString()}`}`,
      );
      if (json) printJson(world, report);
      else world.out(deadText(report.dead));
    });
}

function replayCommand(world: World): Command {
  return asking("replay", "send the events that were given up again, the oldest first, until one fails")
    .argument("<RECEIVER>", "whose")
    .action(async (receiver: string, { json, ...address }: Options) => {
      const [{ adminClient }, { ReplayAnswer }] = await shapes();
      const call = await adminClient(address, world);
      let replayed = 0;
      for (;;) {
        const answer = await call(ReplayAnswer, "POST", "/events/replay", { receiver });
        replayed += answer.replayed;
        if (answer.left > 0 && answer.fault === null && answer.replayed > 0) continue;
        if (json) printJson(world, { ...answer, replayed });
        else world.out(`sent ${counted(replayed, "event")}; ${String(answer.left)} left\n`);
        if (answer.fault === null) return;
        throw couldNot(`${shown(receiver)} did not accept the next one: ${faultText(answer)}`);
      }
    });
}

function testCommand(world: World): Command {
  return asking("send-test", "send a receiver a verification event now, and show what it answers")
    .argument("<RECEIVER>", "to whom")
    .action(async (receiver: string, { json, ...address }: Options) => {
      const [{ adminClient }, { TestAnswer }] = await shapes();
      const call = await adminClient(address, world);
      const answer = await call(TestAnswer, "POST", "/events/test", { receiver });
      if (json) printJson(world, answer);
      if (!answer.is_delivered) throw couldNot(`${shown(receiver)} did not accept it: ${faultText(answer)}`);
      if (!json) world.out(`${shown(receiver)} accepted it\n`);
    });
}

function rotateKeyCommand(world: World): Command {
  return new Command("rotate-key")
    .description("make another key that signs events, once receivers can have it; the old one is still shown")
    .addOption(jsonOption())
    .action(async ({ json }: { json?: true }) => {
      const [{ withSealedStore }, { openPurposeKeys }] = await Promise.all([
        import("../keys/with-sealed-store.ts"),
        import("../../wiring/open-purpose-keys.ts"),
      ]);
      const kid = await withSealedStore(world, "events", (parts) =>
        openPurposeKeys("events", parts, () => world.clock.nowMs()).rotate(),
      );
      if (json) printJson(world, { kid });
      else
        world.out(
          `${kid} is shown within 10 s, and signs events 90 s later; the key before signs until then, and is still shown\n`,
        );
    });
}

function shapes() {
  return Promise.all([import("../client/admin-client.ts"), import("../../events/operator-shapes.ts")]);
}
