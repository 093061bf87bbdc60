import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, runToExit, withService } from "../support/service-process.ts";
import { mintChecked } from "../support/token-check.ts";

// Settings as orchestrators, shells and copied text give them.

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-surroundings-"));
});
afterAll(() => rm(folder, { recursive: true }));

const ES256 = { MACP_AUTH_SIGNING_ALG: "ES256" };

async function settingsFile(name: string, lines: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.join("\n"));
  return path;
}

describe("a variable that is blank", { timeout: BOOT_MS_MAX }, () => {
  test.each(["", " ", "\r"])("(%j) does not open an address that the settings file closes", async (blank) => {
    const file = await settingsFile("loopback.env", ["HOST=127.0.0.1", "MACP_AUTH_SIGNING_ALG=ES256"]);
    await withService(
      { HOST: blank, MACP_AUTH_SIGNING_ALG: blank },
      async (service) => {
        expect(await service.event("listening")).toMatchObject({ address: "127.0.0.1", alg: "ES256" });
        expect(service.events("open_mint")).toEqual([]);
      },
      ["serve", "--settings", file],
    );
  });

  test("does not turn off the store that the settings file names", async () => {
    const store = join(folder, "keys.db");
    const file = await settingsFile("store.env", [
      `MACP_AUTH_STORE_URL=sqlite:${store}`,
      `MACP_AUTH_KEK=${randomBytes(32).toString("base64url")}`,
      "MACP_AUTH_SIGNING_ALG=ES256",
    ]);
    const blank = { MACP_AUTH_STORE_URL: "", MACP_AUTH_KEK: "  ", MACP_AUTH_SIGNING_KEY_JSON: "" };
    await withService(
      blank,
      async (service) => {
        expect(await service.event("listening")).toMatchObject({ key_source: "managed" });
        expect(service.events("ephemeral_key")).toEqual([]);
        expect(existsSync(store)).toBe(true);
      },
      ["serve", "--settings", file],
    );
    const list = await runToExit(blank, ["keys", "list", "--settings", file]);
    expect(list).toMatchObject({ code: 0, stderr: [] });
  });
});

describe("the addresses of Services that Kubernetes sets in every pod", { timeout: BOOT_MS_MAX }, () => {
  const links = {
    MACP_AUTH_ADMIN_PORT: "tcp://10.96.3.4:3201",
    MACP_AUTH_ADMIN_SERVICE_HOST: "10.96.3.4",
    MACP_AUTH_ADMIN_SERVICE_PORT: "3201",
    MACP_AUTH_ADMIN_PORT_3201_TCP: "tcp://10.96.3.4:3201",
    MACP_AUTH_ADMIN_PORT_3201_TCP_PROTO: "tcp",
    MACP_AUTH_ADMIN_PORT_3201_TCP_PORT: "3201",
    MACP_AUTH_ADMIN_PORT_3201_TCP_ADDR: "10.96.3.4",
  };

  test("are not settings: the service starts with its defaults and one line that says how to turn them off", async () => {
    await withService({ ...ES256, ...links }, async (service) => {
      await mintChecked(service.port, { sender: "a" });
      await service.event("token_minted");
      expect(service.events("admin_listening")).toEqual([]);
      expect(service.events("setting_warning")).toEqual([
        expect.objectContaining({
          message: expect.stringMatching(/MACP_AUTH_ADMIN_PORT, .* enableServiceLinks: false/) as string,
        }),
      ]);
    });
  });

  test("do not hide the port that the settings file or the pod's spec gives the admin listener", async () => {
    const file = await settingsFile("admin.env", ["MACP_AUTH_ADMIN_PORT=0", "MACP_AUTH_SIGNING_ALG=ES256"]);
    await withService(links, (service) => service.event("admin_listening"), ["serve", "--settings", file]);
    await withService({ ...ES256, ...links, MACP_AUTH_ADMIN_PORT: "0" }, (service) =>
      service.event("admin_listening"),
    );
  });

  test("are a warning in doctor too, and no failure", async () => {
    const { stdout } = await runToExit({ HOST: "127.0.0.1", ...links }, ["doctor"]);
    expect(stdout.filter((line) => line.includes("enableServiceLinks"))).toEqual([
      expect.stringMatching(/^warn {2}settings/),
    ]);
  });
});

describe("text that was copied", { timeout: BOOT_MS_MAX }, () => {
  test("with a byte order mark before it is read without the mark", async () => {
    await withService(
      { ...ES256, MACP_AUTH_ISSUER: "\uFEFFours", "\uFEFFHOST": "127.0.0.1" },
      async (service) => {
        expect(await service.event("listening")).toMatchObject({ address: "127.0.0.1", issuer: "ours" });
        expect((await mintChecked(service.port, { sender: "a" })).payload.iss).toBe("ours");
      },
    );
  });

  test.each([
    ["MACP_AUTH_ISSUER", "macp\u200bauth", "macp\\u{200b}auth"],
    ["MACP_AUTH_ISSUER", "macp-auth\r", "macp-auth\\u{d}"],
    ["MACP_AUTH_AUDIENCE", "macp\u00a0runtime", "macp\\u{a0}runtime"],
    ["MACP_AUTH_AUDIENCE", "macp\u202eruntime", "macp\\u{202e}runtime"],
  ])(
    "ends the start when %s is %j, with one line that shows what cannot be seen",
    async (name, value, shown) => {
      const { code, stderr } = await runToExit({ [name]: value });
      expect(code).toBe(1);
      expect(stderr).toEqual([expect.stringContaining(`${name} holds U+`)]);
      expect(stderr[0]).toContain(`"${shown}"`);
    },
  );

  test("in a sender stays as the caller sent it", async () => {
    await withService(ES256, async (service) => {
      const sender = "\uFEFFa\u200b\u00a0\u2060\u202eb\r\n";
      const { payload, response } = await mintChecked(service.port, { sender });
      expect([payload.sub, response.sender]).toEqual([sender, sender]);
    });
  });
});

describe("an idle connection", { timeout: BOOT_MS_MAX }, () => {
  const REQUEST = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

  test("is kept for as long as the setting says, longer than headers may take, and no longer", async () => {
    await withService({ ...ES256, MACP_AUTH_KEEP_ALIVE_SECONDS: "7" }, async (service) => {
      const connection = await RawConnection.open(service.port);
      connection.send(REQUEST);
      const first = await connection.response();
      expect(first?.headers.get("keep-alive")).toBe("timeout=7");
      await pause(6_500);
      connection.send(REQUEST);
      expect((await connection.response())?.status).toBe(200);
      const idleMs = await connection.msUntilEnd(12_000);
      expect(idleMs).toBeGreaterThan(6_500);
      expect(idleMs).toBeLessThan(10_000);
      connection.destroy();
    });
  });

  test("is kept for 65 seconds by default, as the answer says", async () => {
    await withService(ES256, async (service) => {
      const connection = await RawConnection.open(service.port);
      connection.send(REQUEST);
      expect((await connection.response())?.headers.get("keep-alive")).toBe("timeout=65");
      connection.destroy();
    });
  });
});

describe("a SQLite store that was put back with a mode that lets others read it", {
  timeout: BOOT_MS_MAX,
}, () => {
  test("is a failure in doctor, with the command that fixes it, and the next start fixes it with a warning", async () => {
    const store = join(folder, "restored.db");
    const env = {
      ...ES256,
      HOST: "127.0.0.1",
      MACP_AUTH_STORE_URL: `sqlite:${store}`,
      MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    };
    await withService(env, async (service) => {
      await service.event("listening");
      expect(service.events("setting_warning")).toEqual([]);
    });
    await chmod(store, 0o644);
    const { stdout } = await runToExit(env, ["doctor"]);
    expect(stdout).toContainEqual(
      expect.stringMatching(
        /^fail {2}store-file-mode .*restored\.db \(mode 0644\); chmod 600 \S+restored\.db; /,
      ),
    );
    await withService(env, async (service) => {
      const { message } = await service.event("store_warning");
      expect(message).toContain("restored.db had mode 0644");
    });
    expect((await runToExit(env, ["doctor"])).stdout.join("\n")).not.toContain("restored.db (mode 0644)");
  });
});
