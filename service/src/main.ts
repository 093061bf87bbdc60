import { readFileSync } from "node:fs";
import { runCommandLine } from "./cli/main.ts";
import type { World } from "./cli/world.ts";
import { systemClock } from "./kernel/clock.ts";
import { serve } from "./run/serve.ts";

// The only file that touches `process`: it hands the commands what they may use of it.

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const world: World = {
  environment: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  async readStdin(bytesMax) {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  },
  stdoutIsTerminal: process.stdout.isTTY,
  stdinIsTerminal: process.stdin.isTTY,
  clock: systemClock,
  userId: process.getuid?.(),
  nodeVersion: process.version,
  version,
  serve: () => serve({ ...world, untilSignal }),
};

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2), world);
