import { Command, Option } from "commander";
import { DEFAULT_CALLER } from "../../callers/caller.ts";
import type { CallerEntry } from "../../callers/declared/registry.ts";
import { ALGORITHMS, type Algorithm } from "../../keys/algorithm.ts";
import type { RecordedRequest } from "../../policy/review/diff-policies.ts";
import { documentArgument, type OpenDocument, openDocument } from "../access/open-document.ts";
import { mintBody, scopesOption, ttlOption, type WrittenRequest } from "../input/mint-options.ts";
import { insistOnText } from "../input/setting.ts";
import { answeredNo, wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import { readAsked } from "./asked.ts";
import { callerStateOf } from "./caller-state.ts";

interface ExplainOptions extends WrittenRequest {
  readonly as: string;
  readonly claim: readonly string[];
  readonly alg?: Algorithm;
  readonly json?: true;
}

const NOTES = `
Says whether a caller gets a token, and which grant gives it, or which grants miss nearest. It asks no service.
Exit codes: 0 the caller gets the token, 1 it does not, 2 wrong usage.
The issuer, the audience and the TTLs are those of the settings; name the service's own with --settings.

Examples:
  macp-auth policy explain access.yaml --as control-plane --sender agent://planner
  macp-auth policy explain access.yaml --as planner-pods --claim namespace=prod --sender agent://prod/a --ttl 600
  macp-auth policy explain access.yaml --as ci --sender agent://ci --scopes '{"allowed_modes":["vote"]}'`;

/** `macp-auth policy explain`: what the policy says of one request, and why. */
export function explainCommand(world: World): Command {
  return new Command("explain")
    .description("say whether a caller gets a token, by which grant, or why not")
    .addArgument(documentArgument())
    .addOption(new Option("--as <CALLER>", "the caller").makeOptionMandatory())
    .addOption(
      new Option("--claim <NAME=VALUE>", "a claim of the caller's proof; may be repeated")
        .argParser((one: string, others: readonly string[]) => [...others, one])
        .default([], "none"),
    )
    .addOption(new Option("--sender <NAME>", "the agent that the token speaks for").makeOptionMandatory())
    .addOption(scopesOption())
    .addOption(ttlOption())
    .addOption(new Option("--audience <NAME>", "requested audience (default: that of the service)"))
    .addOption(
      new Option("--alg <ALG>", "algorithm of the signature (default: that of the service)").choices(
        ALGORITHMS,
      ),
    )
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (file: string | undefined, options: ExplainOptions) => {
      const document = await openDocument(file, world);
      const caller = callerNamed(document, options.as);
      const asked = await askedBy(document, caller, options);
      const [{ explain }, { explanationDocument, explanationText }] = await Promise.all([
        import("../../policy/review/explain.ts"),
        import("./explanation-text.ts"),
      ]);
      const explanation = explain(document.policy, asked.caller, asked.request);
      const state = callerStateOf(caller, world.clock.now());
      const isAllowed = explanation.decision.kind === "granted" && state === "active";
      const outcome = { isAllowed, state, asked, explanation, policy: document.policy };
      if (options.json) printJson(world, explanationDocument(outcome));
      else world.out(explanationText(outcome));
      if (!isAllowed) throw answeredNo();
    });
}

type NamedCaller = Pick<CallerEntry, "id" | "isDisabled" | "notAfter">;

/** Throws `CommandEnd` when the document does not declare the caller. */
function callerNamed({ registry, settings, file }: OpenDocument, name: string): NamedCaller {
  const declared = registry.callers.find(({ id }) => id === name);
  if (declared !== undefined) return declared;
  const ofSettings = DEFAULT_CALLER === name && settings.access.sharedSecret !== undefined;
  if (ofSettings) return { id: DEFAULT_CALLER, isDisabled: false, notAfter: undefined };
  throw wrongCall(
    `--as ${shown(name)} is no caller of ${shown(file)}; see: macp-auth callers list ${shown(file)}`,
  );
}

async function askedBy(
  { settings }: OpenDocument,
  { id }: NamedCaller,
  { claim, alg = settings.keys.alg, ...request }: ExplainOptions,
): Promise<RecordedRequest> {
  insistOnText("--audience", request.audience);
  const read = readAsked({ caller: id, claims: claimsIn(claim), body: await mintBody(request), alg });
  if (read.kind === "invalid")
    throw wrongCall(`the service would answer 400: ${read.why}; correct the request`);
  return read.asked;
}

function claimsIn(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
      if (name === undefined || value === undefined)
        throw wrongCall("--claim is not NAME=VALUE; give one such as namespace=prod");
      return [name, value];
    }),
  );
}
