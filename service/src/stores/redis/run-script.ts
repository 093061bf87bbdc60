import { createHash } from "node:crypto";
import { messageOf } from "../../kernel/faults.ts";
import { PAIRS_SCRIPT } from "./pairs-script.ts";
import { TAKE_SCRIPT } from "./take-script.ts";

/** A script, and by what the server knows it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Decides requests. */
export const TAKE: Script = scriptOf(TAKE_SCRIPT);
/** Notes and reads pairs. */
export const PAIRS: Script = scriptOf(PAIRS_SCRIPT);

/** What sends a command to the server. Rejects with what the server answers. */
export interface Commands {
  sendCommand<Answer>(command: readonly string[]): Promise<Answer>;
}

/** Runs a script by its hash, and whole where the server does not know it (yet, or after a restart). `rest`: how many keys, keys, arguments. */
export async function runScript(
  client: Commands,
  { text, sha }: Script,
  rest: readonly string[],
): Promise<string> {
  try {
    return await client.sendCommand<string>(["EVALSHA", sha, ...rest]);
  } catch (thrown) {
    if (!messageOf(thrown).startsWith("NOSCRIPT")) throw thrown;
    return client.sendCommand<string>(["EVAL", text, ...rest]);
  }
}

/** What the keys of a deployment begin with: one hash tag, since a script's keys must lie together in a cluster. */
export function prefixOf(deployment: string): string {
  return `{macp-auth:${digestOf(deployment)}}`;
}

/** A name as it is part of a key. */
export function digestOf(name: string): string {
  return createHash("sha256").update(name).digest("base64url").slice(0, DIGEST_CHARS);
}

/** 132 bits: no two names have the same. */
const DIGEST_CHARS = 22;

function scriptOf(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}
