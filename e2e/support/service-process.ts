import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { transportSettings } from "./over-tls.ts";

const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const LAUNCHER = join(REPOSITORY, "service", "bin", "macp-auth.cjs");

/** How long a test that starts a service may take before vitest gives up on it. */
export const BOOT_MS_MAX = 30_000;
const LISTENING_MS_MAX = 20_000;
const EXIT_MS_MAX = 20_000;
const EVENT_MS_MAX = 2_000;

export type Environment = Readonly<Record<string, string>>;
/** One line of the service's log, parsed. */
export type LogEvent = Readonly<Record<string, unknown>>;

export interface FinishedProcess {
  readonly code: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

export interface RunningService {
  readonly port: number;
  readonly pid: number;
  /** Whole lines, in the order in which they were written. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Everything the service has written so far, both streams. */
  output(): string;
  /** The log lines whose `event` is this one. */
  events(name: string): readonly LogEvent[];
  /** The first such line that `matches`; rejects when none comes within two seconds. */
  event(name: string, matches?: (line: LogEvent) => boolean): Promise<LogEvent>;
  signal(name: NodeJS.Signals): void;
  /** Sends the signal and resolves with the exit code, `null` when the process had to be killed. */
  stop(name?: NodeJS.Signals): Promise<number | null>;
  /** Resolves with the exit code once the process has ended by itself. */
  readonly ended: Promise<number | null>;
  /** Kibibytes of a `/proc/PID/status` row such as `VmRSS`; undefined where there is no such file. */
  memoryKib(row: "VmRSS" | "VmHWM"): Promise<number | undefined>;
}

const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts `macp-auth serve` with nothing in its environment but PATH, PORT=0, the given variables, and in the project `e2e-tls` a certificate. */
export async function startService(
  env: Environment = {},
  args: readonly string[] = ["serve"],
): Promise<RunningService> {
  const child = launch(args, { PORT: "0", ...transportSettings(), ...env });
  const stdout = linesOf(child.stdout);
  const stderr = linesOf(child.stderr);
  const ended = exitOf(child);
  const port = await untilListening(child, stdout);
  if (port === undefined) {
    child.kill("SIGKILL");
    throw new Error(
      `the service ended with ${String(await ended)} and never listened: ${[...stdout, ...stderr].join("\n")}`,
    );
  }
  return runningService({ child, port, stdout, stderr, ended });
}

/** Starts a service for one story and ends it whatever the story does. */
export async function withService<Result>(
  env: Environment,
  story: (service: RunningService) => Promise<Result>,
  args: readonly string[] = ["serve"],
): Promise<Result> {
  const service = await startService(env, args);
  try {
    return await story(service);
  } finally {
    await service.stop("SIGKILL");
  }
}

/** One service for all tests of a file or block: started before the first, ended after the last. */
export function sharedService(env: Environment = {}): () => RunningService {
  let service: RunningService | undefined;
  beforeAll(async () => {
    service = await startService(env);
  }, BOOT_MS_MAX);
  afterAll(async () => {
    await service?.stop("SIGKILL");
  }, BOOT_MS_MAX);
  return () => {
    if (service === undefined) throw new Error("the service is only there while tests run");
    return service;
  };
}

/** Runs the program until it ends by itself. `code: null`: it listened or hung, and was killed. */
export async function runToExit(
  env: Environment,
  args: readonly string[] = ["serve"],
): Promise<FinishedProcess> {
  const child = launch(args, { PORT: "0", ...env });
  const stdout = linesOf(child.stdout);
  const stderr = linesOf(child.stderr);
  const ended = exitOf(child);
  await untilListening(child, stdout);
  child.kill("SIGKILL");
  const code = await ended;
  return { code, stdout: whole(stdout), stderr: whole(stderr) };
}

type ServiceProcess = ChildProcessByStdio<null, Readable, Readable>;

function launch(args: readonly string[], env: Environment): ServiceProcess {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    cwd: REPOSITORY,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  alive.add(child);
  return child;
}

/** Grows as lines arrive; the last entry is the line still being written, and `""` between lines. */
function linesOf(stream: NodeJS.ReadableStream): string[] {
  const lines = [""];
  stream.setEncoding("utf8");
  stream.on("data", (piece: string) => {
    const [first = "", ...others] = piece.split("\n");
    lines.push((lines.pop() ?? "") + first, ...others);
  });
  return lines;
}

function whole(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== "");
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  await once(child, "close");
  alive.delete(child);
  return child.exitCode;
}

/** The port of the service's "listening" line; undefined when it ended, or was silent for too long, without one. */
function untilListening(child: ServiceProcess, stdout: readonly string[]): Promise<number | undefined> {
  return new Promise((resolve) => {
    const look = (): void => {
      const port = eventsIn(stdout).find((line) => line["event"] === "listening")?.["port"];
      if (typeof port !== "number") return;
      child.stdout.off("data", look);
      resolve(port);
    };
    child.stdout.on("data", look);
    child.once("close", () => {
      resolve(undefined);
    });
    setTimeout(resolve, LISTENING_MS_MAX, undefined).unref();
  });
}

function eventsIn(lines: readonly string[]): LogEvent[] {
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as LogEvent];
    } catch {
      return [];
    }
  });
}

interface Parts {
  readonly child: ServiceProcess;
  readonly port: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly ended: Promise<number | null>;
}

function runningService({ child, port, stdout, stderr, ended }: Parts): RunningService {
  const pid = child.pid ?? 0;
  const events = (name: string) => eventsIn(stdout).filter((line) => line["event"] === name);
  return {
    port,
    pid,
    ended,
    events,
    get stdout() {
      return whole(stdout);
    },
    get stderr() {
      return whole(stderr);
    },
    output: () => [...stdout, ...stderr].join("\n"),
    async event(name, matches = () => true) {
      const deadline = performance.now() + EVENT_MS_MAX;
      while (performance.now() < deadline) {
        const line = events(name).find(matches);
        if (line !== undefined) return line;
        await pause(10);
      }
      throw new Error(`no such "${name}" line came within two seconds`);
    },
    signal(name) {
      child.kill(name);
    },
    async stop(name = "SIGTERM") {
      child.kill(name);
      const late = setTimeout(() => child.kill("SIGKILL"), EXIT_MS_MAX);
      const code = await ended;
      clearTimeout(late);
      return code;
    },
    memoryKib: (row) => memoryKib(pid, row),
  };
}

async function memoryKib(pid: number, row: string): Promise<number | undefined> {
  const status = await readFile(`/proc/${String(pid)}/status`, "utf8").catch(() => "");
  const kib = new RegExp(`^${row}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib);
}
