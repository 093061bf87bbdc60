import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const ATTACKER = fileURLToPath(new URL("attacker.mjs", import.meta.url));
/**
 * Attackers have processors of their own: here they share those of the service, so they run at the lowest priority. What they cost the
 * service is measured, and what they cost themselves is not.
 */
const LOWEST_PRIORITY = 19;

/** What became of an attacker's connections. */
export interface Outcome {
  readonly opened: number;
  readonly endedByService: number;
  /** How long the longest of those lived that the service ended; `undefined`: not known. */
  readonly longestMs: number | undefined;
  /** By status. */
  readonly answers: Readonly<Record<string, number>>;
}

/** A kind of attack. */
export interface Attack {
  readonly name: string;
  readonly listeners: readonly Listener[];
  /** For how long it lasts in the full form. */
  readonly seconds: number;
  start(target: Target): RunningAttack;
}

/** The listener that is attacked. */
export type Listener = "plain" | "TLS";

/** What is attacked, and for how long. */
export interface Target {
  readonly port: number;
  readonly overTls: boolean;
  readonly seconds: number;
}

/** An attack under way. */
export interface RunningAttack {
  /** Resolves when it has ended by itself, because none of its connections is left. */
  readonly ended: Promise<unknown>;
  /** Ends it, if it has not ended by itself. */
  stop(): Promise<Outcome>;
}

/** Debian: apt-get install slowhttptest. */
export const hasSlowhttptest = (): boolean => spawnSync("slowhttptest", ["-h"]).error === undefined;

const BOTH = ["plain", "TLS"] as const;

/** How one of the attacker's own kinds runs, with the parts that most share left out. */
interface Own {
  readonly name: string;
  readonly connections: number;
  readonly addresses?: number;
  readonly reopenMs?: number;
  readonly listeners?: readonly Listener[];
  readonly seconds: number;
}

/** An attack of attacker.mjs. */
export function own(kind: string, { name, listeners = BOTH, seconds, ...shape }: Own): Attack {
  return {
    name,
    listeners,
    seconds,
    start({ port, overTls }) {
      const order = { kind, port, overTls, addresses: 1, reopenMs: 1_000, ...shape };
      const child = atLowestPriority(process.execPath, [ATTACKER, JSON.stringify(order)]);
      return {
        ended: once(child, "exit"),
        async stop() {
          const output = text(child.stdout);
          child.kill("SIGTERM");
          const last = (await output).trimEnd().split("\n").at(-1) ?? "";
          if (!last.startsWith("{")) throw new Error(`the attacker "${kind}" said: ${last}`);
          return JSON.parse(last) as Outcome;
        },
      };
    },
  };
}

/** How long after its own end slowhttptest may take to write its table. */
const LATE_MS_MAX = 10_000;

/** An attack of slowhttptest, with these options and a path. */
export function slowhttptest(name: string, args: readonly string[], path: string, seconds: number): Attack {
  return {
    name: `slowhttptest ${args[0] ?? ""}: ${name}`,
    listeners: BOTH,
    seconds,
    start({ port, overTls, seconds: length }) {
      const folder = mkdtempSync(join(tmpdir(), "macp-auth-abuse-"));
      const prefix = join(folder, "slow");
      const url = `${overTls ? "https" : "http"}://127.0.0.1:${String(port)}${path}`;
      const all = [...args, "-l", String(length), "-p", "3", "-g", "-o", prefix, "-u", url];
      const child = atLowestPriority("slowhttptest", all);
      const output = text(child.stdout);
      return {
        ended: output,
        async stop() {
          const late = setTimeout(() => child.kill("SIGKILL"), LATE_MS_MAX);
          const said = await output;
          clearTimeout(late);
          const outcome = outcomeIn(readFileSync(`${prefix}.csv`, "utf8"), said);
          rmSync(folder, { recursive: true });
          return outcome;
        },
      };
    },
  };
}

/** From slowhttptest's table, whose columns are the second, and how many connections are closed, pending and connected; and its last words. */
function outcomeIn(csv: string, said: string): Outcome {
  const rows = csv.trim().split("\n").slice(1);
  const counts = rows.map((row) => row.split(",").map(Number));
  const opened = Math.max(...counts.map(([, closed = 0, , connected = 0]) => closed + connected));
  const closed = said.includes("No open connections left") ? opened : (counts.at(-1)?.[1] ?? 0);
  return { opened, endedByService: closed, longestMs: undefined, answers: {} };
}

const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

function atLowestPriority(program: string, args: readonly string[]) {
  const child = spawn("nice", ["-n", String(LOWEST_PRIORITY), program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  alive.add(child);
  child.once("exit", () => alive.delete(child));
  return child;
}
