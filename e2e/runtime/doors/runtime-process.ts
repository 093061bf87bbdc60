import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { inject } from "vitest";

/** The issuer and the audience of the stories' services and runtimes. */
export const ISSUER = "macp-auth-service";
export const AUDIENCE = "macp-runtime";

const LISTENING_MS_MAX = 10_000;

/** What the runtime of this machine is. */
export interface RuntimeKind {
  /** As it says itself, such as `0.13.0`. */
  readonly version: string;
  /** Whether it was built with the HTTP/JSON listener, which 0.12 and newer have as the feature `http-listener`. */
  readonly hasHttp: boolean;
}

declare module "vitest" {
  interface ProvidedContext {
    /** Found out once for all stories by meet-runtime.ts. */
    readonly runtime: RuntimeKind;
  }
}

export interface RuntimeSettings {
  readonly jwksUrl: string;
  /** T: how long it caches a JWKS. */
  readonly jwksTtlSeconds: number;
}

/** A MACP runtime: a real one, as its makers publish it. */
export interface RunningRuntime {
  /** `127.0.0.1:PORT`, for plain gRPC. */
  readonly address: string;
  /** `http://127.0.0.1:PORT`, for HTTP/JSON and server-sent events; `undefined` where it has no such listener. */
  readonly httpUrl: string | undefined;
  /** Why it rejected credentials, in its own words, oldest first. */
  refusals(): readonly string[];
  stop(): Promise<void>;
}

const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts the runtime that `MACP_RUNTIME_BIN` or the PATH names, with nothing in memory and the given issuer, at every door that it has. */
export async function startRuntime(settings: RuntimeSettings): Promise<RunningRuntime> {
  return launchRuntime(settings, inject("runtime").hasHttp ? await freePort() : undefined);
}

/** The same with the HTTP/JSON listener at `httpPort`, or without one. Rejects when the runtime does not listen at both. */
export async function launchRuntime(
  { jwksUrl, jwksTtlSeconds }: RuntimeSettings,
  httpPort: number | undefined,
): Promise<RunningRuntime> {
  const port = await freePort();
  const address = `127.0.0.1:${String(port)}`;
  const child = spawn(process.env["MACP_RUNTIME_BIN"] || "macp-runtime", [], {
    cwd: tmpdir(),
    env: {
      PATH: process.env["PATH"] ?? "",
      NO_COLOR: "1",
      RUST_LOG: "warn",
      MACP_ALLOW_INSECURE: "1",
      MACP_MEMORY_ONLY: "1",
      MACP_BIND_ADDR: address,
      ...(httpPort !== undefined && { MACP_HTTP_BIND_ADDR: `127.0.0.1:${String(httpPort)}` }),
      MACP_AUTH_ISSUER: ISSUER,
      MACP_AUTH_AUDIENCE: AUDIENCE,
      MACP_AUTH_JWKS_URL: jwksUrl,
      MACP_AUTH_JWKS_TTL_SECS: String(jwksTtlSeconds),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  alive.add(child);
  const ended = once(child, "close").then(() => alive.delete(child));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => {
      output += stripVTControlCharacters(piece);
    });
  }
  for (const one of httpPort === undefined ? [port] : [port, httpPort])
    await untilListening(one, child, () => output);
  return {
    address,
    httpUrl: httpPort === undefined ? undefined : `http://127.0.0.1:${String(httpPort)}`,
    refusals: () =>
      [...output.matchAll(/auth resolver rejected credential.*?error=(.*)/g)].map(([, why = ""]) => why),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** A free port of loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function untilListening(port: number, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = performance.now() + LISTENING_MS_MAX;
  while (performance.now() < deadline && child.exitCode === null) {
    if (await accepts(port)) return;
    await pause(20);
  }
  child.kill("SIGKILL");
  throw new Error(`the runtime never listened: ${output()}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
