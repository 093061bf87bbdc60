import { Option } from "commander";
import { wrongCall } from "../terminal/command-end.ts";
import { objectIn } from "./json-object.ts";

/** The option with the scopes of a request. */
export function scopesOption(): Option {
  return new Option(
    "--scopes <JSON>",
    "what the agent may do, as a JSON object or @FILE (default: what the runtime grants)",
  );
}

/** The option with the TTL of a request. */
export function ttlOption(): Option {
  return new Option("--ttl <SECONDS>", "requested TTL in seconds (default: that of the service)");
}

/** A request as a person writes it on a command line. */
export interface WrittenRequest {
  readonly sender: string;
  readonly scopes?: string;
  readonly ttl?: string;
  readonly audience?: string;
}

/** The body of a request for a token. The scopes are sent as written, so that no number or member changes. Throws `CommandEnd` or `FileFault`. */
export async function mintBody({ sender, scopes, ttl, audience }: WrittenRequest): Promise<string> {
  if (sender === "")
    throw wrongCall("--sender is empty; give the name of the agent, such as agent://planner");
  const members = [`"sender":${JSON.stringify(sender)}`];
  if (scopes !== undefined) members.push(`"scopes":${await readScopes(scopes)}`);
  if (ttl !== undefined) members.push(`"ttl_seconds":${String(readTtl(ttl))}`);
  if (audience !== undefined) members.push(`"audience":${JSON.stringify(audience)}`);
  return `{${members.join(",")}}`;
}

async function readScopes(option: string): Promise<string> {
  if (option === "@") throw wrongCall("--scopes @ has no file name; give @FILE or a JSON object");
  const { readSmallInput } = await import("../../files/small-file.ts");
  const text = option.startsWith("@") ? await readSmallInput(option.slice(1)) : option;
  if (objectIn(text) === undefined)
    throw wrongCall('--scopes is not a JSON object; give one such as {"can_start_sessions":false}, or @FILE');
  return text.replace(/^\uFEFF/, "");
}

function readTtl(text: string): number {
  const seconds = Number(text);
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text) || seconds <= 0 || !Number.isFinite(seconds))
    throw wrongCall("--ttl is not a number of seconds above 0; give one such as 300");
  return seconds;
}
