import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "./free-port.ts";

/** Whether this machine has Redis; Debian's package is redis-server. */
export const HAS_REDIS = ["redis-server", "redis-cli"].every((program) => {
  try {
    execFileSync(program, ["--version"]);
    return true;
  } catch {
    return false;
  }
});

/** A throw-away Redis on loopback, which a test may stop, freeze and start again on its port. */
export class RedisServer {
  readonly #port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "macp-auth-redis-"));
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `redis://127.0.0.1:${String(this.#port)}`;
  }

  /** Starts it where it does not run. */
  async start(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) return;
    const options = [
      "--port",
      String(this.#port),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--dir",
      this.#folder,
    ];
    this.#process = spawn("redis-server", options, { stdio: "ignore" });
    for (let tries = 0; tries < 200; tries += 1) {
      try {
        if (this.cli("PING").trim() === "PONG") return;
      } catch {
        await pause(25);
      }
    }
    throw new Error("redis-server did not start");
  }

  cli(...args: readonly string[]): string {
    return execFileSync("redis-cli", ["-p", String(this.#port), ...args], {
      encoding: "utf8",
      stdio: "pipe",
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  async kill(): Promise<void> {
    const ended = this.#process && once(this.#process, "exit");
    this.#process?.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
