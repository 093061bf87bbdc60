import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { accepted, freePort } from "./runtimes.mjs";

const EXAMPLE = join(import.meta.dirname, "../../deploy/examples/guard-nginx");

/**
 * nginx with the configuration of the example, without TLS and without its log; `pid`: of its worker.
 * @param {"without the guard" | "with the guard" | "with the guard, cached"} kind
 * @param {{ guard: number, runtime: string }} behind
 */
export async function startNginx(kind, { guard, runtime }) {
  const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  let text = readFileSync(join(EXAMPLE, "nginx.conf"), "utf8")
    .replace("\nhttp {", `\nhttp {\n${temporary.join("\n")}`)
    .replace(/access_log .*;/, "access_log off;")
    .replace("listen 443 ssl http2;", `listen 127.0.0.1:${port};`)
    .replaceAll("ssl_", "# ssl_")
    .replace("127.0.0.1:3203", `127.0.0.1:${guard}`)
    .replace("127.0.0.1:8080", runtime);
  if (kind === "without the guard")
    text = text.replaceAll("auth_request /_guard;", "").replaceAll(/^.*\$(auth_\w+|guard_status).*$/gm, "");
  if (kind === "with the guard, cached")
    text = text
      .replace(
        "  upstream macp_guard {",
        `  proxy_cache_path ${folder}/cache keys_zone=macp_guard_cache:16m use_temp_path=off;\n  upstream macp_guard {`,
      )
      .replace("location = /_guard {", `location = /_guard {\ninclude ${EXAMPLE}/guard-cache.conf;`);
  const file = join(folder, "nginx.conf");
  writeFileSync(file, text);
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const child = spawn("nginx", ["-e", "stderr", "-c", file, "-g", `daemon off; pid ${file}.pid; ${user}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  process.once("exit", () => child.kill("SIGTERM"));
  await accepted(port);
  return {
    url: `http://127.0.0.1:${port}`,
    pid: await workerOf(child.pid ?? 0),
    async stop() {
      const ended = once(child, "close");
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * @param {number} master
 * @returns {Promise<number>}
 */
async function workerOf(master) {
  // The master listens before it starts its worker.
  for (;;) {
    const [child = ""] = readFileSync(`/proc/${master}/task/${master}/children`, "utf8").split(" ");
    if (child !== "") return Number(child);
    await pause(10);
  }
}
