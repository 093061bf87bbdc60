import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Certificate } from "../../service/src/testing/certificates.ts";
import { accepts, freePort } from "../support/free-port.ts";
import { type Change, changed } from "./example.ts";

/** Where a proxy passes requests on to. Without a port to check, haproxy does not ask whether the service is ready. */
export interface Behind {
  readonly ports: readonly number[];
  readonly readyPort?: number;
}

/** A proxy that runs with the configuration of deploy/examples/tls-proxy. */
export interface RunningProxy {
  readonly port: number;
  /** For the runtime: plain HTTP, public keys only. */
  readonly keysPort: number;
  stop(): Promise<void>;
}

const UP_MS_MAX = 20_000;
const IS_ROOT = process.getuid?.() === 0;

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly keysPort: number;
}

/** What a reader changes in a configuration, and how it is started. */
interface Kind {
  readonly name: string;
  readonly file: string;
  readonly changesFor: (place: Place, behind: Behind) => readonly Change[];
  readonly argumentsFor: (file: string) => readonly string[];
}

const NGINX: Kind = {
  name: "nginx",
  file: "nginx.conf",
  changesFor: ({ folder, port, keysPort }, { ports }) => [
    // Debian's folders for temporary files belong to root.
    [
      "http {",
      ["http {", ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(inOwn(folder))].join("\n"),
    ],
    ["/var/log/nginx", folder],
    ["/etc/nginx/tls", folder],
    ["listen 443", `listen 127.0.0.1:${String(port)}`],
    ["    listen [::]:443 ssl http2;\n", ""],
    ["10.0.0.10:3202", `127.0.0.1:${String(keysPort)}`],
    [
      "server 127.0.0.1:3200 max_conns=900;",
      ports.map((one) => `server 127.0.0.1:${String(one)} max_conns=900;`).join("\n"),
    ],
  ],
  argumentsFor: (file) => ["-e", "stderr", "-c", file, "-g", `daemon off; pid ${file}.pid;`],
};

const inOwn = (folder: string) => (name: string) => `${name}_temp_path ${folder}/${name};`;

const HAPROXY: Kind = {
  name: "haproxy",
  file: "haproxy.cfg",
  changesFor: ({ folder, port, keysPort }, { ports, readyPort }) => [
    ["bind :443,[::]:443 v6only", `bind 127.0.0.1:${String(port)}`],
    ["/etc/haproxy/tls", folder],
    ["10.0.0.10:3202", `127.0.0.1:${String(keysPort)}`],
    ...(IS_ROOT ? [] : [["  user haproxy\n  group haproxy\n", ""] as const]),
    ...(readyPort === undefined
      ? [[" check port 3201 inter 1s fall 2 rise 1", ""] as const]
      : [["check port 3201", `check port ${String(readyPort)}`] as const]),
    ["server replica1 127.0.0.1:3200 ", `server replica1 127.0.0.1:${String(ports[0])} `],
    ...ports
      .slice(1)
      .map(
        (one): Change => [
          "  server replica1 ",
          `  server other 127.0.0.1:${String(one)}\n  server replica1 `,
        ],
      ),
  ],
  argumentsFor: (file) => ["-db", "-f", file],
};

/** The proxies of the example. */
export const PROXIES = [NGINX, HAPROXY];

export const isInstalled = ({ name }: Kind): boolean => spawnSync(name, ["-v"]).status === 0;

/** Starts a proxy with the text of its configuration file, changed as its reader must. */
export async function startProxy(
  kind: Kind,
  text: string,
  { certificate, key }: Certificate,
  behind: Behind,
): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-proxy-"));
  const place = { folder, port: await freePort(), keysPort: await freePort() };
  await Promise.all([
    writeFile(join(folder, "fullchain.pem"), certificate),
    writeFile(join(folder, "privkey.pem"), key),
    writeFile(join(folder, "auth.pem"), certificate + key),
  ]);
  const file = join(folder, kind.file);
  await writeFile(file, changed(text, kind.changesFor(place, behind)));
  const child = spawn(kind.name, kind.argumentsFor(file), { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  const kill = () => {
    child.kill("SIGKILL");
  };
  process.once("exit", kill);
  for (const deadline = performance.now() + UP_MS_MAX; !(await accepts(place.port)); ) {
    if (performance.now() > deadline || child.exitCode !== null)
      throw new Error(`${kind.name} does not accept connections: ${said}`);
    await pause(50);
  }
  return {
    ...place,
    async stop() {
      process.off("exit", kill);
      await ended(child);
      await rm(folder, { recursive: true });
    },
  };
}

/** With SIGTERM: the worker processes of nginx would outlive a SIGKILL. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.kill("SIGTERM")) await once(child, "close");
}
