import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyOfExample } from "../outside/example.ts";
import { BOOT_MS_MAX, startService } from "../support/service-process.ts";
import { startDouble } from "./double-listeners.ts";
import { ISSUER } from "./guarded.ts";
import { hasNginx, startNginx } from "./nginx.ts";

test.skipIf(!hasNginx())(
  "the README of the example, followed step by step, leads to a call that passes and to one that is rejected",
  async () => {
    const example = await copyOfExample("guard-nginx");
    const line = /hmac-sha256:[\w:-]+/;
    const made = line.exec(await example.follow("secret generate"))?.[0] ?? "";
    await example.edit("access.yaml", [[line.exec(await example.text("access.yaml"))?.[0] ?? "-", made]]);
    await example.edit("macp-auth.env", [["sqlite:", `sqlite:${example.folder}/`]]);
    expect(await example.follow("policy lint")).toContain("2 expectations hold, 0 fail");
    const service = await startService({}, ["serve", "--settings", await example.settings()]);
    const port = async (event: string) => Number((await service.event(event))["port"]);
    const double = await startDouble(
      `http://127.0.0.1:${String(service.port)}/.well-known/jwks.json`,
      ISSUER,
    );
    const guards = [await port("guard_listening")];
    const nginx = await startNginx({ guards, grpc: double.address, http: double.httpUrl });
    try {
      await example.edit("README.md", [
        ["https://macp.example.org", nginx.httpUrl],
        ["http://127.0.0.1:3200", `http://127.0.0.1:${String(service.port)}`],
        ["http://127.0.0.1:3201", `http://127.0.0.1:${String(await port("admin_listening"))}`],
      ]);
      const said = await example.follow("--yes");
      expect(said).toMatch(
        /^\{"sessions":\[\]\}stopped 1 live token[\s\S]*\{"error":\{"code":"UNAUTHENTICATED"/,
      );
    } finally {
      await Promise.all([nginx.stop(), double.stop(), service.stop()]);
      await example.remove();
    }
  },
  BOOT_MS_MAX * 2,
);

test("nginx closes an idle connection before the guard does, and streams end by the cap, not by a timeout", async () => {
  const example = await copyOfExample("guard-nginx");
  const [nginx, env, timer] = await Promise.all(
    ["nginx.conf", "macp-auth.env", "macp-stream-cap.timer"].map((name) =>
      readFile(join(example.folder, name), "utf8"),
    ),
  );
  const number = (text: string | undefined, pattern: RegExp) => Number(pattern.exec(text ?? "")?.[1]);
  expect(number(nginx, /upstream macp_guard {[^}]*keepalive_timeout (\d+)s;/)).toBeLessThan(
    number(env, /^MACP_AUTH_KEEP_ALIVE_SECONDS=(\d+)$/m),
  );
  const capSeconds = number(timer, /OnUnitActiveSec=(\d+)min/) * 60;
  for (const name of ["client_body_timeout", "grpc_read_timeout", "grpc_send_timeout"])
    expect(number(nginx, new RegExp(`${name} (\\d+)h;`)) * 3_600).toBeGreaterThan(capSeconds);
  // The runtime sends a comment every 30 s.
  expect(number(nginx, /proxy_read_timeout (\d\d)s;/)).toBeGreaterThan(60);
  await example.remove();
});
