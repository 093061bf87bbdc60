import { Argument, Command, Option } from "commander";
import { readKeySet } from "../../callers/foreign/read-key-set.ts";
import { type ListFault, readStatusList, type StatusList } from "../../status-lists/read-status-list.ts";
import { LISTS_PATH, parseStatusClaim } from "../../status-lists/status-place.ts";
import { authoritiesIn, caFileOption } from "../client/ca-file.ts";
import { ask } from "../client/http-client.ts";
import { below, readUrl, serviceUrl, urlOption } from "../client/service-url.ts";
import { answeredNo, couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import { duration } from "../terminal/time.ts";
import type { World } from "../terminal/world.ts";
import { type ReadToken, readToken } from "../verify/read-token.ts";
import { whyNoAnswer } from "../words/no-answer.ts";

interface CheckOptions {
  readonly url?: string;
  readonly list?: string;
  readonly caFile?: string;
  readonly json?: true;
}

const STDIN_BYTES_MAX = 65_536;
const ANSWER_BYTES_MAX = 4 * 1_048_576;
const NOTES = `
Fetches the list of the token from the service and verifies it. The token itself is not verified: see macp-auth verify. Exit code 1: the
token was revoked, has expired, or its status cannot be known.

Example:
  macp-auth mint --sender agent://planner | macp-auth status-lists check`;

const STATUSES = ["valid", "revoked", "suspended"] as const;

/** `macp-auth status-lists check`: whether a token was revoked, as its status list says. */
export function checkCommand(world: World): Command {
  return new Command("check")
    .description("show whether a token was revoked, as its status list says")
    .addArgument(new Argument("[TOKEN]", "the token, or - for standard input (the default)"))
    .addOption(urlOption())
    .addOption(
      new Option(
        "--list <URL>",
        "the list to look into (default: that of the token, at the running service)",
      ),
    )
    .addOption(caFileOption())
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (argument: string | undefined, options: CheckOptions) => {
      const token = readToken(await tokenText(argument, world));
      const { idx, uri } = referenceOf(token);
      const list = await listFor(uri, options, world);
      const expires = expiryOf(token);
      const now = world.clock.now();
      const status = expires <= now ? "expired" : wordOf(list.statusOf(idx));
      if (options.json) printJson(world, { status, idx, uri, iat: list.iat, exp: list.exp ?? null });
      else
        world.out(
          `${status}: bit ${String(idx)} of ${shown(uri)}, a list made ${duration(Math.max(0, now - list.iat))} ago\n`,
        );
      if (status !== "valid") throw answeredNo();
    });
}

function wordOf(status: number | undefined): string {
  if (status === undefined)
    throw couldNot("the list does not have the index of this token; reject the token");
  return STATUSES[status] ?? "rejected";
}

function expiryOf(token: ReadToken): number {
  const exp = token.kind === "token" ? token.claims["exp"] : undefined;
  return typeof exp === "number" ? exp : Number.NEGATIVE_INFINITY;
}

function referenceOf(token: ReadToken): { readonly idx: number; readonly uri: string } {
  if (token.kind === "rejected") throw couldNot(`this is no token: ${token.why}`);
  const status = parseStatusClaim(token.claims["status"]);
  if (status === undefined)
    throw couldNot("the token has no status; set MACP_AUTH_STATUS_LISTS=on, and mint another one");
  return status.status_list;
}

/** A list is trusted for its signature: keys are never asked of the address that a token names. */
async function listFor(uri: string, { url, list, caFile }: CheckOptions, world: World): Promise<StatusList> {
  const service = serviceUrl(url, world);
  const name = uri.slice(uri.lastIndexOf("/") + 1);
  const address =
    list === undefined
      ? below(service, `${LISTS_PATH}/${encodeURIComponent(name)}`)
      : readUrl(list, "--list");
  const ca = await authoritiesIn(caFile);
  const text = await fetched(address, ca, world);
  const set = readKeySet(await fetched(below(service, `${LISTS_PATH}/jwks.json`), ca, world), "sig");
  if (typeof set === "string") throw couldNot(`${service.href} gives no key set of status lists`);
  const read = await readStatusList(text, { keys: set.keys, uri, now: world.clock.now() });
  if (read.kind === "list") return read.list;
  throw couldNot(`${address.href} is no list that can be believed: ${WHY[read.fault]}; reject the token`);
}

const WHY: Readonly<Record<ListFault, string>> = {
  too_large: "it is too long",
  not_compact: "it has not the compact form",
  header_unreadable: "its header is not readable",
  type_other: "its type is not statuslist+jwt",
  algorithm_not_allowed: "its algorithm is not allowed",
  header_member_forbidden: "its header names a key or an extension",
  signature_invalid: "none of the keys of status lists signed it",
  claims_unreadable: "its claims are not readable",
  subject_other: "it is the list of another address",
  not_yet_issued: "it was made in the future",
  expired: "it has expired",
  bits_invalid: "its bits are not 1, 2, 4 or 8",
  list_unreadable: "its bits cannot be inflated, or are more than 2 MiB",
};

async function fetched(address: URL, ca: string | undefined, world: World): Promise<string> {
  const answer = await ask(address, { method: "GET", ca, bodyBytesMax: ANSWER_BYTES_MAX }, world.stopwatch);
  if (answer.kind === "no-answer")
    throw couldNot(`${address.href} does not answer: ${whyNoAnswer(answer)}; name the service with --url`);
  if (answer.status === 200 && answer.bodyIs === "whole") return answer.body;
  throw couldNot(`${address.href} answered ${String(answer.status)}; name the service with --url`);
}

async function tokenText(argument: string | undefined, world: World): Promise<string> {
  const isPiped = argument === undefined || argument === "-";
  const text = isPiped ? (world.stdinIsTerminal ? "" : await world.readStdin(STDIN_BYTES_MAX)) : argument;
  if (text === undefined) throw couldNot("standard input holds more than 64 KiB, which is not a token");
  if (text.trim() === "")
    throw wrongCall("there is no token; pipe one into standard input, or give it as an argument");
  return text;
}
