import { Command, Option } from "commander";
import type { Kid } from "../kernel/ids.ts";
import { parseKid } from "../kernel/ids.ts";
import { ALGORITHM_FACTS, ALGORITHMS, type Algorithm, DEFAULT_ALGORITHM } from "../keys/algorithm.ts";
import type { KeyFormat, KeyRequest } from "./keygen/new-key.ts";
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
Without --out and --add-to the private key goes to standard output: anyone who reads it can mint any identity.
--out makes a file with mode 0600 and overwrites nothing. --add-to replaces the file in one step; the owner stays the same.

Examples:
  macp-auth keygen --out key.json
  macp-auth keygen --add-to key.json
  MACP_AUTH_SIGNING_KEY_JSON="$(macp-auth keygen)" macp-auth serve`;

/** `macp-auth keygen`: makes a private key, for a new file, an existing one, or standard output. */
export function keygenCommand(world: World): Command {
  return new Command("keygen")
    .description("make a signing key")
    .addOption(
      new Option("--alg <ALG>", "signing algorithm (default: RS256; with --add-to that of the file)").choices(
        ALGORITHMS,
      ),
    )
    .addOption(
      new Option("--bits <BITS>", "size of an RSA key (default: 2048)").choices(["2048", "3072", "4096"]),
    )
    .addOption(new Option("--format <FORMAT>", "format of the key (default: jwk)").choices(FORMATS))
    .addOption(new Option("--kid <NAME>", "name of the key (default: its RFC 7638 thumbprint)"))
    .addOption(new Option("--out <FILE>", "write a new file"))
    .addOption(
      new Option("--add-to <FILE>", "add the key to an existing key file, as its first key").conflicts([
        "out",
        "format",
      ]),
    )
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (options: KeygenOptions) => {
      const request = readRequest(options);
      if (options.addTo !== undefined) await addToFile(world, options.addTo, request, options);
      else if (options.out !== undefined) await writeFile(world, options.out, request, options);
      else await print(world, request, options);
    });
}

function readRequest({ alg, bits, format = "jwk", kid }: KeygenOptions): KeyRequest {
  if (alg !== undefined && ALGORITHM_FACTS[alg].bits === undefined && bits !== undefined)
    throw wrongCall(`--bits is only for RSA keys; leave it out for ${alg}`);
  if (kid !== undefined && format === "pem")
    throw wrongCall("a PEM file cannot hold a kid; use --format jwk, or leave out --kid");
  return { alg, rsaBits: bits === undefined ? undefined : Number(bits), kid: readKid(kid) };
}

function readKid(text: string | undefined): Kid | undefined {
  const kid = text === undefined ? undefined : parseKid(text);
  if (text !== undefined && kid === undefined)
    throw wrongCall("--kid is not 1 to 256 printable characters; leave it out to use the thumbprint");
  return kid;
}

async function print(
  world: World,
  request: KeyRequest,
  { format = "jwk", json }: KeygenOptions,
): Promise<void> {
  const { newKey, formatted } = await import("./keygen/new-key.ts");
  const key = await newKey(request);
  const text = formatted(key, format);
  if (json) printJson(world, { kid: key.kid, alg: key.alg, format, key: inJson(format, text) });
  else world.out(text);
  world.err(`macp-auth: made the ${key.alg} key ${shown(key.kid)}; keep it secret\n`);
}

/** In a JSON document a key or a set is an object, and PEM is a string. */
function inJson(format: KeyFormat, text: string): unknown {
  return format === "pem" ? text : JSON.parse(text);
}

async function writeFile(
  world: World,
  path: string,
  request: KeyRequest,
  { format = "jwk", json }: KeygenOptions,
): Promise<void> {
  const { newKey, formatted } = await import("./keygen/new-key.ts");
  const { createKeyFile } = await import("./keygen/key-file.ts");
  const key = await newKey(request);
  await createKeyFile(path, formatted(key, format), "choose another name, or use --add-to");
  const settings = key.alg === DEFAULT_ALGORITHM ? "" : ` and MACP_AUTH_SIGNING_ALG=${key.alg}`;
  const next = `start the service with MACP_AUTH_SIGNING_KEY_FILE=${shown(path)}${settings}`;
  if (json) printJson(world, { kid: key.kid, alg: key.alg, format, file: path, next });
  else world.out(resultText(key.kid, shown(path), next));
}

async function addToFile(
  world: World,
  path: string,
  request: KeyRequest,
  { json }: KeygenOptions,
): Promise<void> {
  const { addKeyToFile } = await import("./keygen/key-file.ts");
  const { key, kids, algBefore, closedToOthers } = await addKeyToFile(path, request);
  const next =
    algBefore === key.alg
      ? "a running service serves the key now and signs with it after MACP_AUTH_KEY_LEAD_SECONDS (7200); if it restarts earlier, it signs with the key immediately"
      : `a running service rejects a change from ${algBefore} to ${key.alg}; restart it with MACP_AUTH_SIGNING_ALG=${key.alg}; it then signs with the key immediately, and runtimes reject these tokens until they fetch the JWKS again`;
  if (json) printJson(world, { kid: key.kid, alg: key.alg, file: path, kids, next });
  else world.out(resultText(key.kid, `${shown(path)}, the first of ${String(kids.length)} keys`, next));
  if (closedToOthers)
    world.err(
      `macp-auth: ${shown(path)} was open to every user, and its mode was changed; check that the service can still read it\n`,
    );
}

function resultText(kid: string, file: string, next: string): string {
  return `kid   ${shown(kid, 256)}\nfile  ${file}\nnext  ${next}\n`;
}
