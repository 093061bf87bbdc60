import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export interface Replica {
  readonly port: number;
  readonly adminPort: number;
}

/** How haproxy learns that a replica goes away. */
export type Setup = "readiness" | "redispatch";

export interface Haproxy {
  readonly port: number;
  /** Resolves once every replica accepts requests. */
  untilAllUp(): Promise<void>;
  stop(): Promise<void>;
}

const UP_MS_MAX = 20_000;

export const hasHaproxy = (): boolean => spawnSync("haproxy", ["-v"]).status === 0;

/**
 * `readiness`: haproxy retries nothing at all, and asks `/readyz` every half second.
 * `redispatch`: it asks `/healthz`, and tries a connection that was rejected at the other replica; nothing was sent on it.
 * In both a request that was sent is never sent again (no `retry-on`), and idle connections are reused for every request.
 */
function configurationOf(setup: Setup, port: number, replicas: readonly Replica[], socket: string): string {
  const lines = {
    readiness: ["retries 0"],
    redispatch: ["retries 3", "option redispatch 1"],
  }[setup];
  const [path, check] = {
    readiness: ["/readyz", "check inter 500ms downinter 100ms fall 2 rise 1"],
    redispatch: ["/healthz", "check inter 2s downinter 100ms fall 3 rise 1"],
  }[setup];
  const server = ({ port, adminPort }: Replica, index: number) =>
    `  server replica${String(index)} 127.0.0.1:${String(port)} port ${String(setup === "readiness" ? adminPort : port)}`;
  return `
global
  stats socket ${socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout check 2s
  timeout client 75s
  timeout server 15s
  timeout http-keep-alive 60s
${lines.map((line) => `  ${line}`).join("\n")}
frontend callers
  bind 127.0.0.1:${String(port)}
  default_backend replicas
backend replicas
  balance roundrobin
  http-reuse always
  option httpchk
  http-check send meth GET uri ${path} ver HTTP/1.1 hdr Host localhost
  http-check expect status 200
  default-server ${check}
${replicas.map(server).join("\n")}
`;
}

/** Starts haproxy on loopback in front of the replicas. */
export async function startHaproxy(
  setup: Setup,
  port: number,
  replicas: readonly Replica[],
): Promise<Haproxy> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-haproxy-"));
  const socket = join(folder, "stats");
  await writeFile(join(folder, "haproxy.cfg"), configurationOf(setup, port, replicas, socket));
  const child = spawn("haproxy", ["-db", "-f", join(folder, "haproxy.cfg")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (piece: Buffer) => (said += piece.toString()));
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  return {
    port,
    async untilAllUp() {
      for (const deadline = performance.now() + UP_MS_MAX; performance.now() < deadline; ) {
        const rows = (await statistics(socket))
          .split("\n")
          .filter((row) => row.startsWith("replicas,replica"));
        if (rows.length === replicas.length && rows.every((row) => row.split(",")[17] === "UP")) return;
        await pause(50);
      }
      throw new Error(`haproxy does not see all replicas up: ${said}`);
    },
    async stop() {
      process.off("exit", kill);
      if (child.exitCode === null && child.kill()) await once(child, "close");
      await rm(folder, { recursive: true });
    },
  };
}

/** haproxy's table of servers; empty while it does not answer. */
function statistics(path: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(path);
    socket.on("data", (piece) => (text += piece.toString()));
    socket.on("error", () => {
      resolve("");
    });
    socket.on("close", () => {
      resolve(text);
    });
    socket.end("show stat\n");
  });
}
