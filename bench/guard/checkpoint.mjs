import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BIN = join(import.meta.dirname, "../../service/bin/macp-auth.cjs");
const TOKENS = 200;

/**
 * A service with a ledger in SQLite and a guard, and tokens of it.
 * @param {"RS256" | "ES256"} alg
 */
export async function checkpoint(alg) {
  const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
  const child = spawn(process.execPath, [BIN, "serve"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      NODE_ENV: "production",
      PORT: "0",
      HOST: "127.0.0.1",
      MACP_AUTH_SIGNING_ALG: alg,
      MACP_AUTH_STORE_URL: `sqlite:${join(folder, "store.db")}`,
      MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
      MACP_AUTH_GUARD_PORT: "0",
      MACP_AUTH_DEFAULT_TTL_SECONDS: "3600",
    },
  });
  process.once("exit", () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  const ports = await portsOf(child.stdout);
  const url = `http://127.0.0.1:${ports["guard_listening"]}`;
  const mintUrl = `http://127.0.0.1:${ports["listening"]}`;
  const tokens = await Promise.all(Array.from({ length: TOKENS }, (_, index) => mint(mintUrl, index)));
  return {
    folder,
    pid: child.pid ?? 0,
    port: Number(ports["guard_listening"]),
    url,
    jwksUrl: `${mintUrl}/.well-known/jwks.json`,
    tokens,
    async stop() {
      const ended = once(child, "close");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * @param {import("node:stream").Readable} stdout
 * @returns {Promise<Record<string, number>>}
 */
async function portsOf(stdout) {
  /** @type {Record<string, number>} */
  const ports = {};
  const lines = createInterface(stdout);
  return new Promise((resolve) => {
    lines.on("line", (line) => {
      const { event, port } = JSON.parse(line);
      if (typeof port === "number") ports[event] = port;
      if ("listening" in ports && "guard_listening" in ports) resolve(ports);
    });
  });
}

/**
 * @param {string} url
 * @param {number} index
 */
async function mint(url, index) {
  const answer = await fetch(`${url}/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      sender: `agent://bench/${index}`,
      scopes: { can_start_sessions: true, allowed_modes: ["macp.mode.decision.v1"] },
    }),
  });
  const { token } = /** @type {{ token: string }} */ (await answer.json());
  return token;
}
