import { readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { runCommandLine } from "./cli/main.ts";
import type { World } from "./cli/terminal/world.ts";
import { withoutBlanks } from "./config/given.ts";
import { systemClock, systemStopwatch } from "./kernel/clock.ts";
import { systemRandom } from "./kernel/random.ts";
import { systemTimers } from "./kernel/timers.ts";
import { listenForSignals, type Signals, STOP_SIGNALS } from "./run/signals.ts";

// The only file that touches `process`: it passes to the commands what they may use of it.

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const world: World = {
  environment: withoutBlanks(process.env),
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
  async readLine() {
    // Leaving the loop closes standard input, so that the process can end.
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) return chunk.toString("utf8");
    return "";
  },
  stdoutIsTerminal: process.stdout.isTTY,
  stdinIsTerminal: process.stdin.isTTY,
  clock: systemClock,
  stopwatch: systemStopwatch,
  random: systemRandom(),
  timers: systemTimers,
  userId: process.geteuid?.(),
  nodeVersion: process.version,
  version,
  // Loaded here and not above: no other command has to wait for the service's modules.
  async serve(environment) {
    const signals = ownSignals();
    const { serve } = await import("./run/serve.ts");
    return end(await serve({ ...world, environment, signals }));
  },
  async guard(environment) {
    const signals = ownSignals();
    const { serveGuard } = await import("./run/serve-guard.ts");
    return end(await serveGuard({ ...world, environment, signals }));
  },
};

/**
 * Replaces the signal listeners of the start file. The new ones are added first: with the last listener a signal that has arrived but
 * was not handled yet would be lost.
 */
function ownSignals(): Signals {
  const early = STOP_SIGNALS.map((signal) => [signal, process.listeners(signal)] as const);
  const signals = listenForSignals(process, world.stopwatch);
  for (const [signal, listeners] of early)
    for (const listener of listeners) process.removeListener(signal, listener);
  return signals;
}

/** Which of the standard streams are a terminal: one that is closed later no longer is. */
const terminals = [0, 1, 2].filter(isatty);

/** How long work that is still in the thread pool may take once the service has ended. */
const POOL_MS_MAX = 1_000;
const POOL_LOOK_MS = 20;
/** Work in the thread pool, as Node names it: a file, a look-up of a name. */
const POOL_WORK = /^(?:FSReq|GetAddrInfo|GetNameInfo)/;

/** Ends the process once the service has ended, whatever is still open: its log is flushed or given up, and standard error is written at once. */
async function end(code: number): Promise<never> {
  const isInPool = () => process.getActiveResourcesInfo().some((name) => POOL_WORK.test(name));
  for (let waitedMs = 0; waitedMs < POOL_MS_MAX && isInPool(); waitedMs += POOL_LOOK_MS)
    await world.timers.delay(POOL_LOOK_MS).over;
  // `process.exit` waits for the threads of the pool: one that hangs in a disk or a full pipe would keep the process running
  // indefinitely.
  if (isInPool()) {
    process.removeAllListeners("SIGTERM");
    process.kill(process.pid, "SIGTERM");
  }
  // Node 20 fails and writes a core file when it resets a terminal that is closed.
  if (terminals.some((descriptor) => !isatty(descriptor))) process.kill(process.pid, "SIGKILL");
  // The log would now write its remaining lines, and wait for its reader indefinitely.
  process.removeAllListeners("exit");
  process.exit(code);
}

// A reader that goes away early, as in `macp-auth completion bash | head -1`, is not a fault. The service's log has its own stream.
process.stdout.on("error", (fault: NodeJS.ErrnoException) => {
  if (fault.code === "EPIPE") return;
  process.stderr.write(
    `macp-auth: standard output cannot be written (${fault.code ?? "unknown fault"}); make room or choose another place\n`,
  );
  process.exit(1);
});
process.exitCode = await runCommandLine(process.argv.slice(2), world);
