import { Command, Option } from "commander";
import { ALGORITHMS, parseAlgorithm } from "../keys/algorithm.ts";
import type { Acceptance, Operation } from "../keys/managed/plan/plan-operation.ts";
import type { StoreAccess } from "../stores/open.ts";
import { printAnswer } from "./keys/answer-text.ts";
import { insistOnKid, type KeysBackend, openBackend, resolveKid } from "./keys/backend.ts";
import { importCommand } from "./keys/import.ts";
import { listText } from "./keys/list-text.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import type { World } from "./terminal/world.ts";

interface Options {
  readonly admin?: string;
  readonly json?: true;
  readonly all?: true;
  readonly alg?: string;
  readonly reason?: string;
  readonly acceptGraceRisk?: true;
  readonly acceptShortLead?: true;
  readonly acceptVerifiersBehind?: true;
  readonly acceptLiveTokens?: true;
}

const NOTES = `
The commands work on the store of MACP_AUTH_STORE_URL with the keys of MACP_AUTH_KEK_FILE, or, with --admin, on a running
service. A kid may be shortened to a beginning of 4 or more characters that only one key has. What would be an outage is refused, and the refusal
says which outage; the --accept option that it names overrules it.

Verifiers that were given the JWKS as text (MACP_AUTH_JWKS_JSON) never fetch it: give them the new document before a rotation:
  macp-auth keys list --json, or the JWKS itself.`;

/** `macp-auth keys …`: look at the managed keys and operate them. */
export function keysCommand(world: World): Command {
  const keys = new Command("keys")
    .description("look at the keys that the service manages, and operate them")
    .addHelpText("after", NOTES);
  keys.addCommand(listCommand(world));
  keys.addCommand(importCommand(world));
  keys.addCommand(prepareCommand(world));
  keys.addCommand(
    operation(world, "rotate", "let the key that stands by sign now", () =>
      Promise.resolve({ kind: "activate", kid: undefined }),
    ),
  );
  keys.addCommand(withKid(world, "activate", "let this key sign now", (kid) => ({ kind: "activate", kid })));
  keys.addCommand(
    withReason(
      withKid(world, "taint", "let this key sign no more, and its tokens live on", (kid, { reason }) => ({
        kind: "taint",
        kid,
        reason: reason ?? "",
      })),
    ),
  );
  keys.addCommand(
    withReason(
      withKid(
        world,
        "revoke",
        "the compromise drill: take this key out of the JWKS, its tokens die",
        (kid, { reason }) => ({ kind: "revoke", kid, reason: reason ?? "" }),
      ),
    ),
  );
  keys.addCommand(
    withKid(world, "retire", "take a key that signs no more out of the JWKS", (kid) => ({
      kind: "retire",
      kid,
    })),
  );
  return keys;
}

function listCommand(world: World): Command {
  return common(new Command("list").description("what is served, what signs, and what happens next and when"))
    .addOption(new Option("--all", "show keys that are gone, too"))
    .action((options: Options) =>
      withBackend(options, world, (backend) => list(backend, options, world), "look"),
    );
}

async function list(backend: KeysBackend, { all, json }: Options, world: World): Promise<void> {
  const report = await backend.list(all === true);
  if (json) printJson(world, report);
  else world.out(listText(report));
}

function prepareCommand(world: World): Command {
  return operation(world, "prepare", "make another key that stands by", ({ alg }) =>
    Promise.resolve({ kind: "prepare", alg: parseAlgorithm(alg ?? "") }),
  ).addOption(
    new Option("--alg <ALG>", "algorithm of the key (default: that of the service on this store)").choices(
      ALGORITHMS,
    ),
  );
}

/** A command that carries out one operation; `make` says which. */
function operation(
  world: World,
  name: string,
  description: string,
  make: (options: Options, backend: KeysBackend) => Promise<Operation>,
): Command {
  return accepting(common(new Command(name).description(description))).action((options: Options) =>
    withBackend(options, world, async (backend) => {
      printAnswer(world, options, await backend.operate(await make(options, backend), acceptedIn(options)));
    }),
  );
}

type Kidful = Extract<Operation, { kid: unknown }>;

function withKid(
  world: World,
  name: string,
  description: string,
  make: (kid: NonNullable<Kidful["kid"]>, options: Options) => Operation,
): Command {
  return accepting(common(new Command(name).description(description)))
    .argument("<KID>", "the key: its kid, or 4 or more characters that its kid alone begins with")
    .action((given: string, options: Options) => {
      insistOnKid(given);
      return withBackend(options, world, async (backend) => {
        const kid = resolveKid(given, await backend.list(true));
        printAnswer(world, options, await backend.operate(make(kid, options), acceptedIn(options)));
      });
    });
}

function withReason(command: Command): Command {
  return command.addOption(
    new Option("--reason <TEXT>", "why; kept with the key for ever").default("no reason given"),
  );
}

function common(command: Command): Command {
  return command
    .addOption(new Option("--admin <URL>", "work through a running service's admin listener"))
    .addOption(jsonOption());
}

function accepting(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--accept-grace-risk",
        "accept that verifiers which could not refresh refuse the new key's tokens",
      ),
    )
    .addOption(
      new Option(
        "--accept-short-lead",
        "accept that verifiers refuse the new key's tokens until they refresh",
      ),
    )
    .addOption(
      new Option("--accept-verifiers-behind", "accept that known verifiers were not yet served the key"),
    )
    .addOption(new Option("--accept-live-tokens", "accept that living tokens are refused"));
}

function acceptedIn(options: Options): ReadonlySet<Acceptance> {
  const accepted = new Set<Acceptance>();
  if (options.acceptGraceRisk) accepted.add("grace-risk");
  if (options.acceptShortLead) accepted.add("short-lead");
  if (options.acceptVerifiersBehind) accepted.add("verifiers-behind");
  if (options.acceptLiveTokens) accepted.add("live-tokens");
  return accepted;
}

async function withBackend(
  options: Options,
  world: World,
  run: (backend: KeysBackend) => Promise<void>,
  access: StoreAccess = "change",
): Promise<void> {
  const backend = await openBackend(options.admin, world, access);
  try {
    await run(backend);
  } finally {
    await backend.close();
  }
}
