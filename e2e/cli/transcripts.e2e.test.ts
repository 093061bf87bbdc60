import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedService } from "../support/service-process.ts";
import { asExpected, readTranscript, show } from "../support/transcript.ts";
import { type Liar, startLiar } from "./liar.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const LAUNCHER = join(HERE, "..", "..", "service", "bin", "macp-auth.cjs");
const TRANSCRIPT_MS_MAX = 300_000;

const service = sharedService();
let liar: Liar | undefined;
let base = "";

beforeAll(async () => {
  liar = await startLiar();
  base = await mkdtemp(join(tmpdir(), "macp-auth-cli-"));
  await mkdir(join(base, "bin"));
  await putProgram("macp-auth", LAUNCHER);
  await putProgram("forge", join(HERE, "forge.mjs"));
});

afterAll(async () => {
  liar?.close();
  if (base !== "") await rm(base, { recursive: true });
});

const transcripts = readdirSync(HERE).filter((name) => name.endsWith(".txt"));
test.concurrent.each(transcripts)(
  "the command line does what %s says",
  { timeout: TRANSCRIPT_MS_MAX },
  async (name) => {
    const folder = await mkdtemp(join(base, "empty-"));
    const urls = {
      URL: `http://localhost:${String(service().port)}`,
      LIAR: liar?.url ?? "",
    };
    const environment = {
      PATH: `${join(base, "bin")}:${process.env["PATH"] ?? ""}`,
      MACP_AUTH_SERVICE_URL: urls.URL,
      HERE,
      ...urls,
    };
    for (const { command, expected } of readTranscript(readFileSync(join(HERE, name), "utf8"))) {
      const shown = await show(command, { folder, environment });
      expect([
        `$ ${command}`,
        ...asExpected(expected, shown, { "<URL>": urls.URL, "<LIAR>": urls.LIAR }),
      ]).toEqual([`$ ${command}`, ...expected]);
    }
  },
);

/** A program of this name in the shell's path. */
async function putProgram(name: string, script: string): Promise<void> {
  const path = join(base, "bin", name);
  await writeFile(path, `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`);
  await chmod(path, 0o755);
}
