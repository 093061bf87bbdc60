import { Command, Option } from "commander";
import type { z } from "zod";
import { parseJti } from "../../kernel/ids.ts";
import type { PreviewBody, SelectorBody } from "../../ledger/revocation/operator-shapes.ts";
import type { AdminCall } from "../client/admin-client.ts";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { keyPreviewText, reachText, rejectionText } from "./revocation-text.ts";

interface RevokeOptions extends AdminAddress {
  readonly jti?: string;
  readonly tokenFile?: string;
  readonly sender?: string;
  readonly run?: string;
  readonly caller?: string;
  readonly kid?: string;
  readonly root?: string;
  readonly reason?: string;
  readonly acceptGraceRisk?: true;
  readonly acceptShortLead?: true;
  readonly acceptVerifiersBehind?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const NOTES = `
Everything under what is named is stopped too. Give exactly one of the first seven options. Each replica stops it within a second;
a runtime without a guard in front of it learns only that a key is gone (--kid), within its cache time.

Examples:
  macp-auth revoke --sender agent://planner --reason "its machine was stolen" --admin http://127.0.0.1:3201
  macp-auth revoke --token-file - --reason leaked --yes --admin http://127.0.0.1:3201 <token.txt`;

/** `macp-auth revoke`: shows how much it would stop, asks, and stops it. */
export function revokeCommand(world: World): Command {
  const [adminOption, caFileOption] = adminOptions();
  return new Command("revoke")
    .description("stop a token, a tree of tokens, a run, or all tokens of a sender, a caller or a key")
    .option("--jti <ID>", "one token, by its id")
    .option("--token-file <FILE>", "one token, by its text; - for standard input; only its id is kept")
    .option("--sender <SENDER>", "everything issued for this sender until now")
    .option("--run <RUN>", "all tokens of this run, which gets no new ones")
    .option("--caller <ID>", "everything that this caller had issued until now")
    .option("--kid <KID>", "everything that this key signed; the key leaves the JWKS")
    .option("--root <ID>", "the whole tree that the token with this id belongs to")
    .addOption(new Option("--reason <TEXT>", "why; it is recorded"))
    .option("--accept-grace-risk", "of a key: accept what keys revoke --accept-grace-risk accepts")
    .option("--accept-short-lead", "of a key: accept what keys revoke --accept-short-lead accepts")
    .option(
      "--accept-verifiers-behind",
      "of a key: accept what keys revoke --accept-verifiers-behind accepts",
    )
    .option("--dry-run", "only show how much it would stop, and what becomes of the keys")
    .option("--yes", "do not ask")
    .addOption(adminOption.makeOptionMandatory())
    .addOption(caFileOption)
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action((options: RevokeOptions) => revokeNow(options, world));
}

async function revokeNow(options: RevokeOptions, world: World): Promise<void> {
  const { reason = "", dryRun, json } = options;
  if (dryRun !== true && reason.trim() === "")
    throw wrongCall("--reason is missing; say why: it is recorded");
  const selector = { ...(await selectorOf(options, world)), accept: acceptedIn(options) };
  const [{ adminClient }, { PreviewAnswer }] = await Promise.all([
    import("../client/admin-client.ts"),
    import("../../ledger/revocation/operator-shapes.ts"),
  ]);
  const call = await adminClient(options, world);
  const reach = await call(PreviewAnswer, "POST", "/revocations/preview", selector);
  if (dryRun === true) {
    if (json) printJson(world, reach);
    else world.out(`this would stop ${reachText(reach)}\n${keyPreviewText(options.kid, reach.key)}`);
    return;
  }
  const rejected = reach.key?.rejected;
  if (rejected != null) throw couldNot(rejectionText(rejected));
  await insistOnYes(options, `this stops ${reachText(reach)}`, world);
  await carryOut(call, { ...selector, reason }, json === true, world);
}

async function carryOut(call: AdminCall, body: object, isJson: boolean, world: World): Promise<void> {
  const [{ z }, { RevocationAnswer }, { OperationAnswer }] = await Promise.all([
    import("zod"),
    import("../../ledger/revocation/operator-shapes.ts"),
    import("../../keys/managed/operator-shapes.ts"),
  ]);
  const answer = await call(z.union([RevocationAnswer, OperationAnswer]), "POST", "/revocations", body);
  if (!("epoch" in answer)) throw couldNot(rejectionText(answer.rejected ?? { outage: "it was rejected" }));
  if (isJson) printJson(world, answer);
  else
    world.out(
      `stopped ${reachText(answer)}; revocation ${String(answer.epoch)} is stored, and every replica has it within a second\n`,
    );
}

/** The outages that are accepted, of a key. */
function acceptedIn({
  acceptGraceRisk,
  acceptShortLead,
  acceptVerifiersBehind,
}: RevokeOptions): z.output<typeof PreviewBody>["accept"] {
  return [
    ...(acceptGraceRisk ? (["grace-risk"] as const) : []),
    ...(acceptShortLead ? (["short-lead"] as const) : []),
    ...(acceptVerifiersBehind ? (["verifiers-behind"] as const) : []),
  ];
}

const SELECTORS = ["jti", "tokenFile", "sender", "run", "caller", "kid", "root"] as const;

/** The one thing that was named. */
async function selectorOf(options: RevokeOptions, world: World): Promise<SelectorBody> {
  const given = SELECTORS.filter((name) => options[name] !== undefined);
  const [name] = given;
  if (given.length !== 1 || name === undefined)
    throw wrongCall("name exactly one of --jti, --token-file, --sender, --run, --caller, --kid, --root");
  const value = options[name] ?? "";
  if (value.trim() === "") throw wrongCall("what to stop is empty; an empty name would name nothing");
  if ((name === "jti" || name === "root") && parseJti(value) === undefined)
    throw wrongCall(
      `--${name} must be the id of a token, its jti: see token_id in the answer of POST /tokens, or: macp-auth ledger list`,
    );
  return name === "tokenFile" ? { token: await tokenIn(value, world) } : { [name]: value };
}

const TOKEN_BYTES_MAX = 65_536;

async function tokenIn(file: string, world: World): Promise<string> {
  if (file === "-") return ((await world.readStdin(TOKEN_BYTES_MAX)) ?? "").trim();
  const { readSmallInput } = await import("../../files/small-file.ts");
  return (await readSmallInput(file)).trim();
}

async function insistOnYes({ yes, tokenFile }: RevokeOptions, what: string, world: World): Promise<void> {
  if (yes === true) return;
  if (!world.stdinIsTerminal || tokenFile === "-" || world.readLine === undefined)
    throw wrongCall(`${what}; nobody can be asked here: give --yes to stop them, or --dry-run`);
  world.err(`${what}. Type yes to stop them: `);
  if ((await world.readLine()).trim() !== "yes") throw couldNot("nothing was stopped");
}
