import { Command, Option } from "commander";
import { authoritiesIn, caFileOption } from "../client/ca-file.ts";
import { below, serviceUrl, urlOption } from "../client/service-url.ts";
import { objectIn } from "../input/json-object.ts";
import { mintBody, scopesOption, ttlOption } from "../input/mint-options.ts";
import { couldNot } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import { whyNoAnswer } from "../words/no-answer.ts";

interface MintOptions {
  readonly url?: string;
  readonly caFile?: string;
  readonly sender: string;
  readonly scopes?: string;
  readonly ttl?: string;
  readonly json?: true;
}

/** The answer to a mint; older services send only the first two members. */
interface Minted {
  readonly token: string;
  readonly expires_in_seconds: number;
  readonly warnings: readonly string[];
}

const ERROR_CHARACTERS_MAX = 300;

const NOTES = `
Standard output holds only the token; warnings go to standard error. Scopes that are left out are granted: without
--scopes the agent may start sessions in all modes.

Examples:
  macp-auth mint --sender agent://planner | macp-auth verify
  macp-auth mint --sender agent://planner --ttl 60 --scopes '{"can_start_sessions":false,"allowed_modes":["vote",""]}'
  macp-auth mint --sender agent://planner --scopes @scopes.json`;

/** `macp-auth mint`: asks a running service for a token. */
export function mintCommand(world: World): Command {
  return new Command("mint")
    .description("request a token from a running service")
    .addOption(new Option("--sender <NAME>", "the agent that the token speaks for").makeOptionMandatory())
    .addOption(scopesOption())
    .addOption(ttlOption())
    .addOption(urlOption())
    .addOption(caFileOption())
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (options: MintOptions) => {
      const url = below(serviceUrl(options.url, world), "/tokens");
      const answer = await post(url, await mintBody(options), await authoritiesIn(options.caFile), world);
      const minted = readMinted(answer, url);
      if (options.json) printJson(world, answer);
      else world.out(`${minted.token}\n`);
      for (const warning of warningsOf(minted, options)) world.err(`macp-auth: ${warning}\n`);
    });
}

/** Sends the request and gives the JSON object of its answer. Throws `CommandEnd` with the error of the service when the status is not 2xx. */
async function post(
  url: URL,
  body: string,
  ca: string | undefined,
  { stopwatch }: World,
): Promise<Readonly<Record<string, unknown>>> {
  const { ask } = await import("../client/http-client.ts");
  const answer = await ask(url, { method: "POST", body, ca }, stopwatch);
  if (answer.kind === "no-answer")
    throw couldNot(
      `${url.href} does not answer: ${whyNoAnswer(answer)}; check that the service runs there, or name another with --url`,
    );
  const object = answer.bodyIs === "whole" ? objectIn(answer.body) : undefined;
  if (answer.status >= 300 && answer.status < 400)
    throw couldNot(`${url.href} redirects (${String(answer.status)}); name the service itself with --url`);
  if (answer.status < 200 || answer.status >= 300) {
    const reason =
      typeof object?.["error"] === "string" ? `: ${shown(object["error"], ERROR_CHARACTERS_MAX)}` : "";
    throw couldNot(`${url.href} answered ${String(answer.status)}${reason}; ${fixFor(answer.status)}`);
  }
  if (object === undefined) throw notOurs(url, "an answer that is not a JSON object");
  return object;
}

function fixFor(status: number): string {
  if (status === 404) return "check the path of --url";
  return status >= 500 ? "see the service's log" : "correct the request";
}

function readMinted(answer: Readonly<Record<string, unknown>>, url: URL): Minted {
  const { token, expires_in_seconds: ttlSeconds, warnings } = answer;
  if (typeof token !== "string" || !/^[A-Za-z0-9_.-]+$/.test(token))
    throw notOurs(url, "an answer without a token");
  if (typeof ttlSeconds !== "number" || !Number.isInteger(ttlSeconds))
    throw notOurs(url, "an answer without expires_in_seconds");
  const texts = Array.isArray(warnings) ? warnings.filter((warning) => typeof warning === "string") : [];
  return { token, expires_in_seconds: ttlSeconds, warnings: texts };
}

function notOurs(url: URL, what: string): Error {
  return couldNot(`${url.href} gave ${what}; check that --url is a macp-auth service`);
}

function warningsOf({ warnings, expires_in_seconds: granted }: Minted, { ttl }: MintOptions): string[] {
  const lines = warnings.map((warning) => shown(warning, ERROR_CHARACTERS_MAX));
  const asked = ttl === undefined ? undefined : Number(ttl);
  if (asked !== undefined && granted < Math.floor(asked))
    lines.push(
      `the TTL is ${String(granted)} s instead of the requested ${String(asked)} s: the service's MACP_AUTH_MAX_TTL_SECONDS is lower`,
    );
  return lines;
}
