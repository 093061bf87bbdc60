import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** An nginx that answers every request at once: the least that can stand behind a proxy. */
export async function startBareServer() {
  const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    file,
    `events {} http { access_log off; ${temporary.join(" ")} keepalive_requests 1000000; server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '{"sessions":[]}'; } } }`,
  );
  const child = spawn("nginx", ["-e", "stderr", "-c", file, "-g", `daemon off; pid ${file}.pid;`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  process.once("exit", () => child.kill("SIGTERM"));
  await accepted(port);
  const stop = async () => {
    await ended(child, "SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: "a server that does nothing", host: `127.0.0.1:${port}`, stop };
}

/**
 * The runtime that MACP_RUNTIME_BIN names; `undefined`: it names none.
 * @param {string} jwksUrl
 */
export async function startRuntime(jwksUrl) {
  const program = process.env["MACP_RUNTIME_BIN"];
  if (!program) return undefined;
  const [port, httpPort] = [await freePort(), await freePort()];
  const child = spawn(program, [], {
    cwd: tmpdir(),
    stdio: "ignore",
    env: {
      RUST_LOG: "error",
      MACP_ALLOW_INSECURE: "1",
      MACP_MEMORY_ONLY: "1",
      MACP_BIND_ADDR: `127.0.0.1:${port}`,
      MACP_HTTP_BIND_ADDR: `127.0.0.1:${httpPort}`,
      MACP_AUTH_ISSUER: "macp-auth-service",
      MACP_AUTH_AUDIENCE: "macp-runtime",
      MACP_AUTH_JWKS_URL: jwksUrl,
    },
  });
  process.once("exit", () => child.kill("SIGKILL"));
  await accepted(httpPort);
  return { name: "macp-runtime", host: `127.0.0.1:${httpPort}`, stop: () => ended(child, "SIGKILL") };
}

/** @param {import("node:child_process").ChildProcess} child @param {NodeJS.Signals} signal */
async function ended(child, signal) {
  const end = once(child, "close");
  child.kill(signal);
  await end;
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/** @param {number} port */
export async function accepted(port) {
  for (let tries = 0; tries < 500; tries += 1) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await pause(20);
  }
  throw new Error(`nothing listens on port ${port}`);
}
