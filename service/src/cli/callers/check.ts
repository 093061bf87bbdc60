import { Argument, Command, Option } from "commander";
import type { ProofExplanation } from "../../callers/explain/explanation.ts";
import { type OpenDocument, openDocument } from "../access/open-document.ts";
import { answeredNo, couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";

const STDIN_BYTES_MAX = 65_536;

interface CheckOptions {
  readonly offline?: true;
  readonly json?: true;
}

const NOTES = `
Says which caller a proof is, check by check and rule by rule. Exit code 1: the service would reject it.
PROOF is a secret, a token or a certificate (PEM, with its intermediates), or - for standard input, or @FILE; a name that ends in .pem
or .crt is a file too. Other users of the machine can see an argument, and the shell
remembers it: prefer - or @FILE. With one argument the access document is that of MACP_AUTH_CONFIG_FILE. Neither the secret nor the
signature of a token is printed. Keys of issuers that are not in a file are fetched, unless --offline is given. A single use, and
a TokenReview, are not tried.

Examples:
  macp-auth callers check access.yaml @planner.secret
  macp-auth callers check access.yaml planner.pem
  kubectl create token planner --audience macp-auth-service | macp-auth callers check access.yaml -`;

/** `macp-auth callers check`: which caller a proof is, or which rule fails. */
export function checkCommand(world: World): Command {
  return new Command("check")
    .description("say which caller a secret, a token or a certificate is, or why it is none")
    .addArgument(new Argument("[FILE]", "the access document (default: MACP_AUTH_CONFIG_FILE)"))
    .addArgument(
      new Argument(
        "[PROOF]",
        "the secret, token or certificate; - for standard input (the default), or @FILE",
      ),
    )
    .addOption(new Option("--offline", "fetch no keys"))
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (first: string | undefined, second: string | undefined, options: CheckOptions) => {
      const proof = await proofText(second ?? first, world);
      const document = await openDocument(second === undefined ? undefined : first, world);
      const explanation = await explained(document, proof, options, world);
      const { checkDocument, checkText } = await import("./check-text.ts");
      if (options.json) printJson(world, checkDocument(explanation));
      else world.out(checkText(explanation));
      if (explanation.reason !== undefined) throw answeredNo();
    });
}

async function explained(
  { registry, settings, labels }: OpenDocument,
  proof: string,
  { offline }: CheckOptions,
  world: World,
): Promise<ProofExplanation> {
  const [{ explainProof }, { reviewDeps }] = await Promise.all([
    import("../../callers/explain/explain-proof.ts"),
    import("../../wiring/access/review-deps.ts"),
  ]);
  return explainProof(
    await reviewDeps({ registry, settings, labels, isOffline: offline === true }, world),
    proof,
  );
}

async function proofText(argument: string | undefined, world: World): Promise<string> {
  const file = argument === undefined ? undefined : fileNamedBy(argument);
  if (file !== undefined) {
    const { readSmallInput } = await import("../../files/small-file.ts");
    return insistOnProof(await readSmallInput(file));
  }
  const isPiped = argument === undefined || argument === "-";
  if (!isPiped && /\.(?:ya?ml|json)$/.test(argument))
    throw wrongCall("the proof is missing; give - for standard input, or @FILE, after the access document");
  if (isPiped && world.stdinIsTerminal) throw noProof();
  const text = isPiped ? await world.readStdin(STDIN_BYTES_MAX) : argument;
  if (text === undefined)
    throw couldNot(
      "standard input holds more than 64 KiB, which is no proof; pipe only the secret or the token",
    );
  return insistOnProof(text);
}

/** `@FILE`; neither a secret nor a token ends as a certificate's file does. */
function fileNamedBy(argument: string): string | undefined {
  if (argument.startsWith("@")) return argument.slice(1);
  return /\.(?:pem|crt|cer)$/.test(argument) ? argument : undefined;
}

function insistOnProof(text: string): string {
  const proof = text.trim().replace(/^bearer +/i, "");
  if (proof === "") throw noProof();
  return proof;
}

function noProof(): Error {
  return wrongCall(
    "there is no proof; pipe a secret or a token into standard input, or name its file as @FILE",
  );
}
