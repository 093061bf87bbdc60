import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const EXAMPLES = fileURLToPath(new URL("../../deploy/examples/", import.meta.url));
const BIN = fileURLToPath(new URL("../../service/bin/macp-auth.cjs", import.meta.url));

/** A folder of deploy/examples, copied, where its README is followed. */
export interface Example {
  readonly folder: string;
  text(file: string): Promise<string>;
  /** Changes a file as a reader would: each text must be in it. */
  edit(file: string, changes: readonly Change[]): Promise<void>;
  /** Runs the shell block of the README that has this text, all but what starts the service; what it printed. */
  follow(text: string): Promise<string>;
  /** Runs the block that makes the key and the secret, and puts the secret's line into the access document. */
  makeSecret(): Promise<void>;
  /** The settings file for a service on free ports, which starts in any folder; `macp-auth.env` unless another is named. */
  settings(name?: string): Promise<string>;
  /** Where the README's curl commands are led: `NAME:PORT` to a port of this machine. */
  leadCurl(ports: Readonly<Record<string, number>>): Promise<void>;
  remove(): Promise<void>;
}

export type Change = readonly [from: string, to: string];

const SECRET_LINE = /hmac-sha256:[\w:-]+/;

export async function copyOfExample(name: string): Promise<Example> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-example-"));
  await cp(join(EXAMPLES, name), folder, { recursive: true });
  const at = (file: string) => join(folder, file);
  const text = (file: string) => readFile(at(file), "utf8");
  const edit = async (file: string, changes: readonly Change[]) => {
    await writeFile(at(file), changed(await text(file), changes));
  };
  const follow = async (part: string) => {
    const blocks = [...(await text("README.md")).matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(
      ([, block = ""]) => block,
    );
    const [block, ...more] = blocks.filter((one) => one.includes(part));
    if (block === undefined || more.length > 0) throw new Error(`not one block of README.md has ${part}`);
    return shell(folder, block.replaceAll(/^.* serve .*$/gm, ""));
  };
  return {
    folder,
    text,
    edit,
    follow,
    async makeSecret() {
      const line = SECRET_LINE.exec(await follow("secret generate"))?.[0] ?? "";
      await edit("access.yaml", [[SECRET_LINE.exec(await text("access.yaml"))?.[0] ?? "-", line]]);
    },
    async settings(name = "macp-auth.env") {
      const lines = (await text(name))
        .split("\n")
        .map((line) =>
          line.replace(/^([A-Z_]+_FILE)=(?=[^/])/, `$1=${folder}/`).replace(/^([A-Z_]+_PORT)=.*$/, "$1=0"),
        );
      await writeFile(at(`${name}.here`), lines.join("\n"));
      return at(`${name}.here`);
    },
    async leadCurl(ports) {
      const lines = Object.entries(ports).map(
        ([place, port]) => `connect-to = "${place}:127.0.0.1:${String(port)}"`,
      );
      await writeFile(at(".curlrc"), lines.join("\n"));
    },
    remove: () => rm(folder, { recursive: true }),
  };
}

/** The text with each change made; every text that is changed must be there. */
export function changed(text: string, changes: readonly Change[]): string {
  return changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`this is not there: ${from}`);
    return before.replaceAll(from, to);
  }, text);
}

/** `npx macp-auth` is the built command here. This process goes on meanwhile: it may be what the commands call. */
async function shell(folder: string, script: string): Promise<string> {
  const npx = `npx() { shift; "${process.execPath}" "${BIN}" "$@"; }`;
  const child = spawn("bash", ["-euc", `${npx}\n${script}`], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", CURL_HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [status]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  if (status !== 0) throw new Error(`${script}ended with ${String(status)}: ${stdout}${stderr}`);
  return stdout;
}
