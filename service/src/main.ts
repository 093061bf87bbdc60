import { readFileSync } from "node:fs";
import { runCommandLine } from "./cli/main.ts";
import type { World } from "./cli/world.ts";
import { systemClock } from "./kernel/clock.ts";

// The only file that touches `process`: it hands the commands what they may use of it.

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

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
  async serve(environment) {
    // Loaded here and not above: no other command has to wait for the service's modules.
    const { serve } = await import("./run/serve.ts");
    return serve({ ...world, environment, untilSignal });
  },
};

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
}

// A reader that goes away early, as in `macp-auth completion bash | head -1`, is no fault. The service's log has a stream of its own.
process.stdout.on("error", (fault: NodeJS.ErrnoException) => {
  if (fault.code !== "EPIPE") throw fault;
});
process.exitCode = await runCommandLine(process.argv.slice(2), world);
