import { Argument, Command, Option } from "commander";
import { authoritiesIn, caFileOption } from "../client/ca-file.ts";
import { below, readUrl, serviceUrl, urlOption } from "../client/service-url.ts";
import { insistOnText, settingOr } from "../input/setting.ts";
import { answeredNo, couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import type { Finding } from "../verify/finding.ts";
import type { Expectation } from "../verify/judge-claims.ts";
import type { TokenReport } from "../verify/report.ts";
import type { TrustedKeys } from "../verify/trusted-keys.ts";
import { whyNoAnswer } from "../words/no-answer.ts";

const STDIN_BYTES_MAX = 65_536;

interface VerifyOptions {
  readonly jwks?: string;
  readonly url?: string;
  readonly caFile?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly json?: true;
}

const NOTES = `
Shows whether the runtime accepts the token now, and what each scope means to it. Exit code 1: the runtime rejects it.
Other users of the machine can see a token among the arguments; prefer standard input.

Examples:
  macp-auth mint --sender agent://planner | macp-auth verify
  macp-auth verify --jwks key.json --issuer my-issuer - <token.txt`;

/** `macp-auth verify`: whether and how the runtime accepts a token. */
export function verifyCommand(world: World): Command {
  return new Command("verify")
    .description("show whether and how the runtime accepts a token")
    .addArgument(new Argument("[TOKEN]", "the token, or - for standard input (the default)"))
    .addOption(
      new Option("--jwks <URL|FILE>", "the JWK Set to verify with (default: that of the running service)"),
    )
    .addOption(urlOption())
    .addOption(caFileOption())
    .addOption(
      new Option(
        "--issuer <NAME>",
        "the issuer that the runtime expects (default: MACP_AUTH_ISSUER, else macp-auth-service)",
      ),
    )
    .addOption(
      new Option(
        "--audience <NAME>",
        "the audience that the runtime expects (default: MACP_AUTH_AUDIENCE, else macp-runtime)",
      ),
    )
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (argument: string | undefined, options: VerifyOptions) => {
      insistOnText("--issuer", options.issuer);
      insistOnText("--audience", options.audience);
      const { accepts, asDocument, asText } = await import("../verify/report.ts");
      const expected = {
        issuer: settingOr(options.issuer, "MACP_AUTH_ISSUER", "macp-auth-service", world),
        audience: settingOr(options.audience, "MACP_AUTH_AUDIENCE", "macp-runtime", world),
      };
      const text = await tokenText(argument, world);
      const report = await examine(text, () => trustedKeys(options, world), {
        ...expected,
        now: world.clock.now(),
      });
      if (options.json) printJson(world, asDocument(report));
      else world.out(asText(report));
      if (!accepts(report)) throw answeredNo();
    });
}

/** Reads the token, then asks for the keys, checks the signature, judges the claims and the scopes. */
async function examine(
  text: string,
  keysOf: () => Promise<TrustedKeys & { readonly kind: "keys" }>,
  expected: Expectation,
): Promise<TokenReport> {
  const { readToken } = await import("../verify/read-token.ts");
  const read = readToken(text);
  if (read.kind === "rejected")
    return { findings: [{ verdict: "rejected", about: "token", text: read.why }] };

  const { keys, symmetric } = await keysOf();
  const { checkSignature } = await import("../verify/check-signature.ts");
  const { judgeClaims, judgeSize } = await import("../verify/judge-claims.ts");
  const { judgeScopes } = await import("../verify/judge-scopes.ts");
  return {
    findings: [
      ...(symmetric > 0 ? [SECRET_IN_SET] : []),
      ...(await checkSignature(read, keys)),
      judgeSize(Buffer.byteLength(read.token)),
      ...judgeClaims(read.claims, expected),
    ],
    claims: read.claims,
    scopes: judgeScopes(read.claims["macp_scopes"]),
  };
}

const SECRET_IN_SET: Finding = {
  verdict: "note",
  about: "key",
  text: "the set shows a symmetric key (oct): anyone who reads it can forge tokens for a runtime that allows HS256",
};

async function tokenText(argument: string | undefined, world: World): Promise<string> {
  const isPiped = argument === undefined || argument === "-";
  if (isPiped && world.stdinIsTerminal) throw noToken();
  const text = isPiped ? await world.readStdin(STDIN_BYTES_MAX) : argument;
  if (text === undefined)
    throw couldNot("standard input holds more than 64 KiB, which is not a token; pipe only the token");
  // The program before this one in the pipe may have failed: that says nothing about a token.
  if (text.trim() === "") throw noToken();
  return text;
}

function noToken(): Error {
  return wrongCall("there is no token; pipe one into standard input, or give it as an argument");
}

async function trustedKeys(
  { jwks, url, caFile }: VerifyOptions,
  world: World,
): Promise<TrustedKeys & { readonly kind: "keys" }> {
  const { readTrustedKeys } = await import("../verify/trusted-keys.ts");
  const { text, place } = await jwksText(jwks, { url, caFile }, world);
  const keys = readTrustedKeys(text);
  if (keys.kind === "rejected") throw couldNot(`${place} ${keys.why}; name a JWK Set with --jwks`);
  return keys;
}

async function jwksText(
  jwks: string | undefined,
  { url, caFile }: { readonly url: string | undefined; readonly caFile: string | undefined },
  world: World,
): Promise<{ readonly text: string; readonly place: string }> {
  if (jwks !== undefined && !/^[a-z][a-z0-9+.-]*:\/\//i.test(jwks)) {
    const { readSmallInput } = await import("../../files/small-file.ts");
    return { text: await readSmallInput(jwks), place: shown(jwks) };
  }
  const address =
    jwks === undefined ? below(serviceUrl(url, world), "/.well-known/jwks.json") : readUrl(jwks, "--jwks");
  const { ask } = await import("../client/http-client.ts");
  const answer = await ask(address, { method: "GET", ca: await authoritiesIn(caFile) }, world.stopwatch);
  if (answer.kind === "no-answer")
    throw couldNot(
      `${address.href} does not answer: ${whyNoAnswer(answer)}; check that the service runs there, or name a JWK Set with --jwks`,
    );
  if (answer.status !== 200)
    throw couldNot(
      `${address.href} answered ${String(answer.status)}; ${answer.status >= 500 ? "see the service's log" : "check the address"}, or name a JWK Set with --jwks`,
    );
  if (answer.bodyIs === "cut")
    throw couldNot(`${address.href} holds more than 100 KiB, which is not a JWK Set; name one with --jwks`);
  return { text: answer.body, place: address.href };
}
