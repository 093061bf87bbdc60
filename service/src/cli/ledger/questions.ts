import { createHash } from "node:crypto";
import { Command, Option } from "commander";
import type { z } from "zod";
import { ENTRY_KINDS } from "../../ledger/entry.ts";
import type { CountsAnswer, EntryAnswer } from "../../ledger/questions/answers.ts";
import { CountsQuery, DigestQuery, EntriesQuery, LiveQuery } from "../../ledger/questions/queries.ts";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { answeredNo, wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import type { Asked } from "./ask-ledger.ts";
import {
  countsText,
  entriesText,
  holdersOf,
  holdersText,
  lineageText,
  liveText,
  tokensText,
} from "./questions-text.ts";

type Address = { readonly [Name in keyof AdminAddress]?: AdminAddress[Name] | undefined };
type Common = Address & { readonly json?: true };
type Written = Readonly<Record<string, string | boolean | undefined>>;

/** Pages of `who`: more tokens are not counted. */
const WHO_PAGES_MAX = 40;

/** The commands of `macp-auth ledger` that ask and change nothing. */
export function questionCommands(world: World): readonly Command[] {
  return [
    listCommand(world),
    liveCommand(world),
    whoCommand(world),
    lineageCommand(world),
    findCommand(world),
    countsCommand(world),
  ];
}

function listCommand(world: World): Command {
  return question("list", "show what was issued, rejected and revoked, the newest first")
    .addOption(kindOption())
    .option("--sender <NAME>", "only about this agent")
    .option("--caller <NAME>", "only of this caller")
    .option("--run <NAME>", "only of this run")
    .option("--jti <ID>", "only about this token")
    .option("--kid <KID>", "only tokens that this key signed")
    .option("--reason <TEXT>", "only with this reason")
    .option("--from <TIME>", "not before: seconds since 1970 or RFC 3339")
    .option("--to <TIME>", "before: seconds since 1970 or RFC 3339")
    .addOption(limitOption())
    .addOption(afterOption())
    .action(async ({ json, admin, caFile, ...written }: Common & Written) => {
      const asked = understood(EntriesQuery, written);
      const answer = await run({ admin, caFile }, world, (backend) => backend.entries(asked));
      if (json) printJson(world, answer);
      else world.out(entriesText(answer));
    });
}

function liveCommand(world: World): Command {
  return question("live", "show the tokens that are live now: not expired and not revoked")
    .option("--sender <NAME>", "those that speak for this agent")
    .option("--caller <NAME>", "those that this caller asked for")
    .option("--run <NAME>", "those of this run")
    .addOption(limitOption())
    .addOption(afterOption())
    .action(async ({ json, admin, caFile, ...written }: Common & Written) => {
      oneHolder(written);
      const asked = understood(LiveQuery, written);
      const answer = await run({ admin, caFile }, world, (backend) => backend.live(asked));
      if (json) printJson(world, answer);
      else world.out(liveText(answer));
    });
}

function whoCommand(world: World): Command {
  return question("who", "show who can act as an agent right now: callers and runs with live tokens")
    .argument("<SENDER>", "the agent")
    .action(async (sender: string, { json, admin, caFile }: Common) => {
      const tokens: EntryAnswer[] = [];
      const { now, isCut } = await run({ admin, caFile }, world, async (backend) => {
        let written: Record<string, string> = { sender, limit: "500" };
        for (let pages = 1; ; pages += 1) {
          const page = await backend.live(understood(LiveQuery, written));
          tokens.push(...page.tokens);
          if (page.next === null || pages === WHO_PAGES_MAX)
            return { now: page.now, isCut: page.next !== null };
          written = { ...written, after: page.next };
        }
      });
      const holders = holdersOf(tokens);
      if (json) printJson(world, { sender, now, holders, cut: isCut });
      else world.out(holdersText(holders, now, isCut));
    });
}

function lineageCommand(world: World): Command {
  return question("lineage", "show where a token comes from and all tokens under it, as a tree")
    .argument("<JTI>", "the id of the token")
    .action(async (jti: string, { json, admin, caFile }: Common) => {
      const answer = await run({ admin, caFile }, world, (backend) => backend.lineage(jti));
      if (json) printJson(world, answer);
      else world.out(lineageText(answer));
    });
}

function findCommand(world: World): Command {
  return question("find", "show which token a text is; the text stays here, only its digest is looked up")
    .argument("[FILE]", "the token; - or nothing reads standard input")
    .option("--digest <DIGEST>", "its digest, instead of the token")
    .action(
      async (
        file: string | undefined,
        { json, admin, caFile, digest }: Common & { readonly digest?: string },
      ) => {
        const asked = understood(DigestQuery, { digest: digest ?? (await digestIn(file, world)) });
        const answer = await run({ admin, caFile }, world, (backend) => backend.token(asked.query.digest));
        if (json) printJson(world, answer);
        else world.out(tokensText(answer));
        if (answer.tokens.length === 0) throw answeredNo();
      },
    );
}

function countsCommand(world: World): Command {
  return question("counts", "show how many entries there are, by hour or day")
    .addOption(new Option("--by <SPAN>", "by hour or day").choices(["hour", "day"]))
    .option("--by-caller", "also apart for each caller")
    .addOption(kindOption())
    .option("--caller <NAME>", "only of this caller")
    .option("--from <TIME>", "not before: seconds since 1970 or RFC 3339")
    .option("--to <TIME>", "before: seconds since 1970 or RFC 3339")
    .action(async ({ json, admin, caFile, byCaller, ...written }: Common & Written) => {
      const all = { ...written, ...(byCaller === true && { by_caller: "true" }) };
      const answer = await run({ admin, caFile }, world, async (backend): Promise<CountsAnswer> => {
        const counts: CountsAnswer["counts"] = [];
        for (let after: string | undefined; ; ) {
          const page = await backend.counts(understood(CountsQuery, { ...all, after }));
          counts.push(...page.counts);
          if (page.next === null) return { ...page, counts };
          after = page.next;
        }
      });
      if (json) printJson(world, answer);
      else world.out(countsText(answer));
    });
}

function question(name: string, description: string): Command {
  const [admin, caFile] = adminOptions();
  return new Command(name)
    .description(description)
    .addOption(admin)
    .addOption(caFile)
    .addOption(jsonOption());
}

function kindOption(): Option {
  return new Option("--kind <KIND>", "only of this kind").choices(ENTRY_KINDS);
}

function limitOption(): Option {
  return new Option("--limit <COUNT>", "at most so many on this page, up to 500 (default: 50)");
}

function afterOption(): Option {
  return new Option("--after <CURSOR>", "the next page, as the page before names it");
}

async function run<T>(
  address: Address,
  world: World,
  ask: (backend: import("./ask-ledger.ts").LedgerBackend) => Promise<T>,
): Promise<T> {
  const { withQuestions } = await import("./ask-ledger.ts");
  return withQuestions(address, world, ask);
}

/** The options as a question. Throws `CommandEnd` for one that is not understood. */
function understood<Shape extends z.ZodObject>(shape: Shape, options: Written): Asked<z.output<Shape>> {
  const written = Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
  const { data, error } = shape.safeParse(written);
  if (data !== undefined) return { written, query: data };
  const [name = "option"] = error?.issues[0]?.path ?? [];
  const form = FORMS[String(name)];
  throw wrongCall(`--${String(name)} is not valid${form === undefined ? "" : `; give ${form}`}`);
}

/** What the options that have a form of their own look like. */
const FORMS: Readonly<Record<string, string>> = {
  from: "seconds since 1970, or a time such as 2026-11-28T12:00:00Z",
  to: "seconds since 1970, or a time such as 2026-11-28T12:00:00Z",
  limit: "a whole number from 1 to 500",
  after: "what the page before printed after --after",
  digest: "43 characters of base64url, or name a file with the token instead",
  jti: "the id of a token, as macp-auth ledger list shows it",
};

function oneHolder({ sender, caller, run }: Written): void {
  if ([sender, caller, run].filter((one) => one !== undefined).length !== 1)
    throw wrongCall("give one of --sender, --caller and --run");
}

const STDIN_BYTES_MAX = 65_536;

async function digestIn(file: string | undefined, world: World): Promise<string> {
  const token = (await tokenIn(file, world)).trim();
  const input = /^([\w-]+\.[\w-]+)\.[\w-]*$/.exec(token)?.[1];
  if (input === undefined)
    throw wrongCall(
      "what was given is not a token; name a file with a token, or pipe one into standard input",
    );
  return createHash("sha256").update(input, "latin1").digest("base64url");
}

async function tokenIn(file: string | undefined, world: World): Promise<string> {
  if (file === undefined || file === "-")
    return world.stdinIsTerminal ? "" : ((await world.readStdin(STDIN_BYTES_MAX)) ?? "");
  const { readSmallInput } = await import("../../files/small-file.ts");
  return readSmallInput(file);
}
