import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { transportSettings } from "../support/over-tls.ts";
import { ask, postTokens, RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, withService } from "../support/service-process.ts";
import { refusalOf } from "../support/token-check.ts";

const LAUNCHER = fileURLToPath(new URL("../../service/bin/macp-auth.cjs", import.meta.url));
const HEALTH = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
const ES256 = { MACP_AUTH_SIGNING_ALG: "ES256" };

test("the thousandth connection is answered, and one more in the place of the first, which is idle", {
  timeout: BOOT_MS_MAX,
}, async () => {
  await withService(ES256, async (service) => {
    // Over TLS without a handshake: a thousand of them may take longer than a silent connection lives.
    const held = await RawConnection.openMany(service.port, 999, (port) => RawConnection.openPlainly(port));
    const thousandth = await RawConnection.open(service.port);
    thousandth.send(HEALTH);
    expect((await thousandth.response())?.status).toBe(200);
    expect(service.events("connection_dropped")).toEqual([]);
    const late = await RawConnection.open(service.port);
    late.send(HEALTH);
    expect((await late.response())?.status).toBe(200);
    await held[0]?.msUntilEnd(3_000);
    expect(await service.event("connection_dropped")).toMatchObject({
      level: "warn",
      connections: expect.any(Number) as number,
      connections_max: 1_000,
    });
    for (const connection of [...held, thousandth, late]) connection.destroy();
  });
});

describe("a request that is answered before its body came", () => {
  const head = "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

  test("keeps its connection open for a moment, and then the connection ends", {
    timeout: BOOT_MS_MAX,
  }, async () => {
    await withService(ES256, async (service) => {
      const connection = await RawConnection.open(service.port);
      connection.send(`${head}Content-Length: 200000\r\n\r\n`);
      refusalOf(await connection.response(), 413);
      expect(await connection.msUntilEnd(9_000)).toBeLessThan(4_000);
      connection.destroy();
    });
  });
});

describe("an open mint", { timeout: BOOT_MS_MAX }, () => {
  test("on every address causes a warning, and on loopback none", async () => {
    await withService(ES256, async (service) => {
      expect(await service.event("open_mint")).toMatchObject({
        level: "warn",
        message: expect.stringMatching(/^OPEN MINT: .* HOST=127\.0\.0\.1$/) as string,
      });
    });
    await withService({ ...ES256, HOST: "127.0.0.1" }, async (service) => {
      await postTokens(service.port, { sender: "a" });
      await service.event("token_minted");
      expect(service.events("open_mint")).toEqual([]);
    });
  });
});

test("a log reader that ended does not stop the service from minting, and the service still ends with 0", {
  timeout: BOOT_MS_MAX,
}, async () => {
  const child = spawn(process.execPath, [LAUNCHER, "serve"], {
    env: { PATH: process.env["PATH"] ?? "", PORT: "0", ...transportSettings(), ...ES256 },
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    let output = "";
    for await (const piece of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
      output += String(piece);
      if (output.includes('"listening"') && output.endsWith("\n")) break;
    }
    const port = Number(/"event":"listening".*"port":(\d+)/.exec(output)?.[1]);
    child.stdout.destroy();
    for (let count = 0; count < 20; count += 1)
      expect((await postTokens(port, { sender: "a" })).status).toBe(200);
    expect((await ask(port, { path: "/healthz" })).status).toBe(200);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect((await ended)[0]).toBe(0);
  } finally {
    child.kill("SIGKILL");
  }
});
