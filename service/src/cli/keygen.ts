import { Command, Option } from "commander";
import type { Kid } from "../kernel/ids.ts";
import { parseKid } from "../kernel/ids.ts";
import { ALGORITHM_FACTS, ALGORITHMS, type Algorithm, DEFAULT_ALGORITHM } from "../keys/algorithm.ts";
import type { KeyFormat, KeyWish } from "./keygen/new-key.ts";
import { wrongCall } from "./terminal/command-end.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import { shown } from "./terminal/shown.ts";
import type { World } from "./terminal/world.ts";

const FORMATS = ["jwk", "jwks", "pem"] as const satisfies readonly KeyFormat[];

interface KeygenOptions {
  readonly alg?: Algorithm;
  readonly bits?: "2048" | "3072" | "4096";
  readonly format?: KeyFormat;
  readonly kid?: string;
  readonly out?: string;
  readonly addTo?: string;
  readonly json?: true;
}

const NOTES = `
Without --out and --add-to the private key goes to standard output: whoever reads it can mint any identity.
A file is made with mode 0600 and never overwritten. --add-to replaces the file in one step, and its owner stays.

Examples:
  macp-auth keygen --out key.json
  macp-auth keygen --add-to key.json
  MACP_AUTH_SIGNING_KEY_JSON="$(macp-auth keygen)" macp-auth serve`;

/** `macp-auth keygen`: makes a private key, for a new file, an existing one, or standard output. */
export function keygenCommand(world: World): Command {
  return new Command("keygen")
    .description("make a signing key")
    .addOption(
      new Option(
        "--alg <ALG>",
        "what the key signs with (default: RS256; with --add-to the algorithm of the file)",
      ).choices(ALGORITHMS),
    )
    .addOption(
      new Option("--bits <BITS>", "size of an RSA key (default: 2048)").choices(["2048", "3072", "4096"]),
    )
    .addOption(new Option("--format <FORMAT>", "how the key is written (default: jwk)").choices(FORMATS))
    .addOption(new Option("--kid <NAME>", "name of the key (default: its RFC 7638 thumbprint)"))
    .addOption(new Option("--out <FILE>", "write a new file"))
    .addOption(
      new Option(
        "--add-to <FILE>",
        "put the key first in the file of a JWK Set or a single key, and keep the others",
      ).conflicts(["out", "format"]),
    )
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (options: KeygenOptions) => {
      const wish = readWish(options);
      if (options.addTo !== undefined) await addToFile(world, options.addTo, wish, options);
      else if (options.out !== undefined) await writeFile(world, options.out, wish, options);
      else await print(world, wish, options);
    });
}

function readWish({ alg, bits, format = "jwk", kid }: KeygenOptions): KeyWish {
  if (alg !== undefined && ALGORITHM_FACTS[alg].bits === undefined && bits !== undefined)
    throw wrongCall(`--bits is for RSA keys, and an ${alg} key has one size; leave out --bits`);
  if (kid !== undefined && format === "pem")
    throw wrongCall("--kid has no place in PEM; use --format jwk, or leave out --kid");
  return { alg, rsaBits: bits === undefined ? undefined : Number(bits), kid: readKid(kid) };
}

function readKid(text: string | undefined): Kid | undefined {
  const kid = text === undefined ? undefined : parseKid(text);
  if (text !== undefined && kid === undefined)
    throw wrongCall("--kid is not a text of 1 to 256 printable characters; leave it out for a thumbprint");
  return kid;
}

async function print(world: World, wish: KeyWish, { format = "jwk", json }: KeygenOptions): Promise<void> {
  const { newKey, formatted } = await import("./keygen/new-key.ts");
  const key = await newKey(wish);
  const text = formatted(key, format);
  if (json) printJson(world, { kid: key.kid, alg: key.alg, format, key: inJson(format, text) });
  else world.out(text);
  world.err(`macp-auth: made the ${key.alg} key ${shown(key.kid)}; keep it secret\n`);
}

/** In a JSON document a key or a set stands as itself and PEM as a text. */
function inJson(format: KeyFormat, text: string): unknown {
  return format === "pem" ? text : JSON.parse(text);
}

async function writeFile(
  world: World,
  path: string,
  wish: KeyWish,
  { format = "jwk", json }: KeygenOptions,
): Promise<void> {
  const { newKey, formatted } = await import("./keygen/new-key.ts");
  const { createKeyFile } = await import("./keygen/key-file.ts");
  const key = await newKey(wish);
  await createKeyFile(path, formatted(key, format), "choose another name, or use --add-to");
  const settings = key.alg === DEFAULT_ALGORITHM ? "" : ` and MACP_AUTH_SIGNING_ALG=${key.alg}`;
  const next = `start the service with MACP_AUTH_SIGNING_KEY_FILE=${shown(path)}${settings}`;
  if (json) printJson(world, { kid: key.kid, alg: key.alg, format, file: path, next });
  else world.out(told(key.kid, shown(path), next));
}

async function addToFile(world: World, path: string, wish: KeyWish, { json }: KeygenOptions): Promise<void> {
  const { addKeyToFile } = await import("./keygen/key-file.ts");
  const { key, kids, algBefore, closedToOthers } = await addKeyToFile(path, wish);
  const next =
    algBefore === key.alg
      ? "a service that watches the file serves the key at once and signs with it after MACP_AUTH_KEY_LEAD_SECONDS (7200); restarted before that, it signs with it at once"
      : `a running service rejects a change from ${algBefore} to ${key.alg}; restart it with MACP_AUTH_SIGNING_ALG=${key.alg}, and it signs with the key at once, whose tokens a runtime rejects until it fetches the JWKS again`;
  if (json) printJson(world, { kid: key.kid, alg: key.alg, file: path, kids, next });
  else world.out(told(key.kid, `${shown(path)}, the first of ${String(kids.length)} keys`, next));
  if (closedToOthers)
    world.err(
      `macp-auth: ${shown(path)} was open to every user and is no longer; check that the service still may read it\n`,
    );
}

function told(kid: string, file: string, next: string): string {
  return `kid   ${shown(kid, 256)}\nfile  ${file}\nnext  ${next}\n`;
}
