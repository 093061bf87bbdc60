import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { accepts } from "./free-port.ts";

const UP_MS_MAX = 20_000;

/** A port of haproxy on loopback, and where it passes its connections on to, in turn. */
export interface Passage {
  readonly port: number;
  readonly replicas: readonly number[];
  /** Beside `check`, such as `send-proxy-v2`. */
  readonly options?: string;
}

/** Starts haproxy in TCP mode; resolves to what stops it. A connection that one replica rejects goes to another one. */
export async function startTcpHaproxy(passages: readonly Passage[]): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-haproxy-"));
  await writeFile(
    join(folder, "haproxy.cfg"),
    `defaults
  mode tcp
  timeout connect 2s
  timeout client 75s
  timeout server 75s
  retries 3
  option redispatch 1
${passages.map(sectionsOf).join("")}`,
  );
  const child = spawn("haproxy", ["-db", "-f", join(folder, "haproxy.cfg")], { stdio: "ignore" });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  for (const { port } of passages)
    for (const deadline = performance.now() + UP_MS_MAX; !(await accepts(port)); ) {
      if (performance.now() > deadline) expect.unreachable("haproxy does not accept connections");
      await pause(50);
    }
  return async () => {
    process.off("exit", kill);
    kill();
    await rm(folder, { recursive: true });
  };
}

function sectionsOf({ port, replicas, options = "" }: Passage): string {
  const name = `on${String(port)}`;
  const servers = replicas.map(
    (replica, index) =>
      `  server replica${String(index)} 127.0.0.1:${String(replica)} check inter 200ms ${options}`,
  );
  return `frontend ${name}
  bind 127.0.0.1:${String(port)}
  default_backend ${name}
backend ${name}
  balance roundrobin
${servers.join("\n")}
`;
}
