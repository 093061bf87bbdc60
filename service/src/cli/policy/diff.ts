import { Argument, Command, Option } from "commander";
import type { PolicyDiff } from "../../policy/review/diff-policies.ts";
import { type OpenDocument, openDocument } from "../access/open-document.ts";
import { answeredNo, couldNot } from "../terminal/command-end.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import type { Recorded } from "./recorded-requests.ts";

const NOTES = `
REQUESTS is a YAML document with a list of requests, a table of expectations of policy test (see docs/cli.md), or lines of JSON
such as the log of the service: its token_minted lines name the caller, the sender and the TTL, but neither scopes nor claims.
Lines may also have scopes, claims, audience and alg.

Example of REQUESTS:
  version: 1
  requests:
    - {caller: control-plane, sender: "agent://planner", scopes: {can_start_sessions: true}}

Examples:
  macp-auth policy diff access.yaml access.new.yaml requests.yaml --fail-on-loss
  grep token_minted service.log | macp-auth policy diff access.yaml access.new.yaml -`;

const STDIN_BYTES_MAX = 67_108_864;

interface DiffOptions {
  readonly failOnLoss?: true;
  readonly json?: true;
}

/** `macp-auth policy diff`: who gains and who loses by a new document, for requests that are made. */
export function diffCommand(world: World): Command {
  return new Command("diff")
    .description("show what a new access document changes for a list of requests")
    .addArgument(new Argument("<OLD>", "the access document in force"))
    .addArgument(new Argument("<NEW>", "the access document that is to replace it"))
    .addArgument(new Argument("<REQUESTS>", "the file with the requests, or - for standard input"))
    .addOption(new Option("--fail-on-loss", "exit code 1 when a request loses its token, or gets less"))
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (before: string, after: string, requests: string, options: DiffOptions) => {
      const { diff, leftOut } = await compare(before, after, requests, world);
      const { diffDocument, diffText, isLoss } = await import("./diff-text.ts");
      if (options.json) printJson(world, diffDocument(diff, leftOut));
      else world.out(diffText(diff));
      if (leftOut > 0)
        world.err(
          `macp-auth: ${counted(leftOut, "line")} left out: without a sender, or of a caller that neither document declares\n`,
        );
      if (options.failOnLoss && diff.changes.some(isLoss)) throw answeredNo();
    });
}

/** `leftOut`: recorded lines that tell of no request that can be compared. */
interface Compared {
  readonly diff: PolicyDiff;
  readonly leftOut: number;
}

async function compare(before: string, after: string, path: string, world: World): Promise<Compared> {
  const { diffPolicies } = await import("../../policy/review/diff-policies.ts");
  const [old, next] = [await openDocument(before, world), await openDocument(after, world)];
  // A caller that leaves with the new document is known to the old one.
  const callers = [...old.registry.callers, ...next.registry.callers];
  const { requests, leftOut } = await requestsIn(
    path,
    { ...old, registry: { ...old.registry, callers } },
    world,
  );
  return { diff: diffPolicies(old.policy, next.policy, requests), leftOut };
}

async function requestsIn(path: string, document: OpenDocument, world: World): Promise<Recorded> {
  const [{ readSmallInput }, { readRequests }, { isRecorded, readRecorded }] = await Promise.all([
    import("../../files/small-file.ts"),
    import("./read-requests.ts"),
    import("./recorded-requests.ts"),
  ]);
  const text = path === "-" ? await world.readStdin(STDIN_BYTES_MAX) : await readSmallInput(path);
  if (text === undefined)
    throw couldNot("standard input holds more than 64 MiB; pipe a part of the log, such as one day");
  if (isRecorded(text)) return readRecorded(text, document);
  const read = readRequests(path === "-" ? "standard input" : shown(path), text, document);
  if (read.kind === "rejected") throw couldNot(...read.faults);
  return { requests: read.items.map(({ item }) => item), leftOut: 0 };
}
