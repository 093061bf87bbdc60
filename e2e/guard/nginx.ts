import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Change, changed } from "../outside/example.ts";
import { accepts, freePort } from "../support/free-port.ts";
import type { Behind, Front, ProxyInFront } from "./guarded.ts";

const CACHE = fileURLToPath(new URL("../../deploy/examples/guard-nginx/guard-cache.conf", import.meta.url));
const CONFIGURATION = fileURLToPath(new URL("../../deploy/examples/guard-nginx/nginx.conf", import.meta.url));
const UP_MS_MAX = 20_000;
/** The cap of the tests: so long after a reload streams end. */
export const CAP_MS = 1_000;

/** nginx with the configuration of deploy/examples/guard-nginx, without TLS. */
export interface GuardNginx extends ProxyInFront {
  /** Reads its configuration again: new workers take over, and the old ones end at the cap. */
  reload(): void;
  /** What it logged of requests. */
  log(): Promise<string>;
}

export const hasNginx = (): boolean => spawnSync("nginx", ["-v"]).status === 0;

/** The folders of tests are for their owner only, and nginx would give its workers to another user. */
const AS_ROOT = process.getuid?.() === 0 ? "user root;" : "";

/** What a reader changes who wants the optional cache. */
export const CACHED: readonly Change[] = [
  [
    "  upstream macp_guard {",
    "  proxy_cache_path FOLDER/cache levels=1:2 keys_zone=macp_guard_cache:16m max_size=64m inactive=10s use_temp_path=off;\n  upstream macp_guard {",
  ],
  ["location = /_guard {", `location = /_guard {\n include ${CACHE};`],
];

const inOwn = (folder: string) =>
  ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);

/** The configuration as its reader must change it, here for free ports and a folder of its own. */
export async function configurationFor(folder: string, more: readonly Change[]): Promise<string> {
  return changed(await readFile(CONFIGURATION, "utf8"), [
    // Debian's folders for temporary files belong to root.
    ["\nhttp {", ["\nhttp {", ...inOwn(folder)].join("\n")],
    ["/var/log/nginx", folder],
    ...more,
  ]);
}

/** nginx asks `/check`. */
export const nginxFront: Front<GuardNginx> = { guardEvent: "guard_listening", start: startNginx };

/** Starts nginx. `more`: what else is changed in the configuration. */
export async function startNginx(behind: Behind, more: readonly Change[] = []): Promise<GuardNginx> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-guard-"));
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const text = await configurationFor(folder, [
    // Without TLS one port of nginx speaks either HTTP/2 or HTTP/1.1.
    [
      "listen 443 ssl http2;",
      `listen 127.0.0.1:${String(grpcPort)} http2;\nlisten 127.0.0.1:${String(httpPort)};`,
    ],
    ["ssl_", "# ssl_"],
    ["worker_shutdown_timeout 10s", `worker_shutdown_timeout ${String(CAP_MS)}ms`],
    ["server 127.0.0.1:3203;", behind.guards.map((port) => `server 127.0.0.1:${String(port)};`).join("\n")],
    ["server 127.0.0.1:50051;", `server ${behind.grpc};`],
    ["server 127.0.0.1:8080;", `server ${new URL(behind.http).host};`],
    ...more,
  ]);
  const file = join(folder, "nginx.conf");
  await writeFile(file, text.replaceAll("FOLDER", folder));
  const child = spawn(
    "nginx",
    ["-e", "stderr", "-c", file, "-g", `daemon off; pid ${file}.pid; ${AS_ROOT}`],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  child.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  const kill = () => {
    child.kill("SIGKILL");
  };
  process.once("exit", kill);
  for (const deadline = performance.now() + UP_MS_MAX; !(await accepts(grpcPort)); ) {
    if (performance.now() > deadline || child.exitCode !== null)
      throw new Error(`nginx does not accept connections: ${said}`);
    await pause(20);
  }
  return {
    address: `127.0.0.1:${String(grpcPort)}`,
    httpUrl: `http://127.0.0.1:${String(httpPort)}`,
    reload: () => child.kill("SIGHUP"),
    log: () => readFile(join(folder, "macp-guard.log"), "utf8"),
    async stop() {
      process.off("exit", kill);
      await ended(child);
      await rm(folder, { recursive: true });
    },
  };
}

/** With SIGTERM: the worker processes of nginx would outlive a SIGKILL. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const end = once(child, "close");
  child.kill("SIGTERM");
  await end;
}
