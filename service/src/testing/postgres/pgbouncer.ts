import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { mayLeavePostgresOut } from "../store-places.ts";
import { serverUrl } from "./postgres-server.ts";

const BINARY = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].find(existsSync);
const START_TRIES = 100;

/** Without PgBouncer its tests may be left out, but never in CI. */
export function mayLeavePgbouncerOut(): boolean {
  return mayLeavePostgresOut() || (BINARY === undefined && process.env["CI"] !== "true");
}

export interface Pgbouncer {
  readonly port: number;
  stop(): Promise<void>;
}

/** PgBouncer in front of the tests' PostgreSQL, with one connection to it, which all clients share. */
export async function startPgbouncer(mode: "statement" | "transaction" | "session"): Promise<Pgbouncer> {
  if (BINARY === undefined) throw new Error("no PgBouncer found; install it: apt-get install pgbouncer");
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-pgbouncer-"));
  await chmod(folder, 0o755);
  const port = await freePort();
  const { hostname, port: serverPort, username, pathname } = new URL(serverUrl());
  const configuration = join(folder, "pgbouncer.ini");
  await writeFile(
    configuration,
    [
      "[databases]",
      `${pathname.slice(1)} = host=${hostname} port=${serverPort} user=${username}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${String(port)}`,
      "unix_socket_dir =",
      "auth_type = any",
      "default_pool_size = 1",
      `pool_mode = ${mode}`,
    ].join("\n"),
    { mode: 0o644 },
  );
  const child = launch(configuration);
  const ended = once(child, "exit");
  await untilOpen(port, child);
  return {
    port,
    async stop() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

/** PgBouncer does not run as root. */
function launch(configuration: string): ChildProcess {
  const command = [BINARY ?? "", "--quiet", configuration];
  const isRoot = process.getuid?.() === 0;
  const unprivileged = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", ...command];
  const [program = "", ...args] = isRoot ? unprivileged : command;
  return spawn(program, args, { stdio: "ignore" });
}

async function untilOpen(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < START_TRIES; tries += 1) {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${String(child.exitCode)}`);
    const socket = connect(port, "127.0.0.1");
    const isOpen = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await pause(50);
  }
  throw new Error("PgBouncer does not listen");
}

/** A port of the loopback that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}
