import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type Environment, runToExit, withService } from "../support/service-process.ts";
import { ecJwk, rsaJwk, signingWith } from "../support/signing-keys.ts";
import { publishedKeys } from "../support/token-check.ts";

const KEY_FILE = "MACP_AUTH_SIGNING_KEY_FILE";
const PROMPT_MS = 3_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-start-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("a path that leads to no regular file", { timeout: BOOT_MS_MAX }, () => {
  const variables: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
    [KEY_FILE, {}],
    ["MACP_AUTH_KEK_FILE", { MACP_AUTH_STORE_URL: "memory:" }],
    ["MACP_AUTH_ADMIN_TOKEN_FILE", { MACP_AUTH_ADMIN_PORT: "0" }],
  ];
  const cases = variables.flatMap(([variable, others]) =>
    ["a pipe", "a device", "a folder"].map((kind) => [variable, kind, others] as const),
  );

  test.each(cases)("%s as %s ends the start at once with one line", async (variable, kind, others) => {
    const pipe = join(folder, `${variable}.pipe`);
    if (kind === "a pipe") execFileSync("mkfifo", [pipe]);
    const path = { "a pipe": pipe, "a device": "/dev/zero", "a folder": folder }[kind] ?? "";
    const start = performance.now();
    const finished = await runToExit({ ...others, [variable]: path });
    expect(performance.now() - start).toBeLessThan(PROMPT_MS);
    expect(finished.code).toBe(1);
    expect(finished.stderr).toEqual([
      expect.stringMatching(new RegExp(`^macp-auth: ${variable}: ${path} is not a regular file; `)),
    ]);
  });

  test("that replaces a followed key file is reported, and a key file that replaces it is followed again", async () => {
    const path = join(folder, "followed.jwk");
    const [old, next] = ["old", "next"].map((kid) => JSON.stringify({ ...ecJwk("P-256"), kid }));
    await writeFile(path, old ?? "");
    const env = { [KEY_FILE]: path, MACP_AUTH_SIGNING_ALG: "ES256" };
    await withService(env, async (service) => {
      const pipe = join(folder, "followed.pipe");
      execFileSync("mkfifo", [pipe]);
      await rename(pipe, path);
      await expect
        .poll(() => service.events("key_file_refused"), { timeout: 10_000 })
        .toMatchObject([{ message: expect.stringContaining("is not a regular file") as string }]);

      await writeFile(join(folder, "next.jwk"), next ?? "");
      await rename(join(folder, "next.jwk"), path);
      await expect.poll(() => service.events("key_file_followed"), { timeout: 10_000 }).toHaveLength(1);
      expect((await publishedKeys(service.port)).keys.map((key) => key.kid)).toEqual(["old", "next"]);

      execFileSync("mkfifo", [pipe]);
      await rename(pipe, path);
      await expect.poll(() => service.events("key_file_refused"), { timeout: 10_000 }).toHaveLength(2);
      const start = performance.now();
      expect(await service.stop()).toBe(0);
      expect(performance.now() - start).toBeLessThan(PROMPT_MS);
    });
  });
});

describe("all faults are reported at once", { timeout: BOOT_MS_MAX }, () => {
  const absent = "/nonexistent/file";
  const stories: ReadonlyArray<readonly [Readonly<Record<string, string>>, readonly string[]]> = [
    [
      {
        PORT: "x",
        MACP_AUTH_KEY_LEAD_SECONDS: "10",
        MACP_AUTH_ADMIN_PORT: "0",
        MACP_AUTH_ADMIN_HOST: "0.0.0.0",
      },
      ["PORT", "MACP_AUTH_KEY_LEAD_SECONDS", "MACP_AUTH_ADMIN_HOST"],
    ],
    [
      { PORT: "x", ...signingWith("RS256", rsaJwk(2048)), MACP_AUTH_SIGNING_ALG: "ES256" },
      ["PORT", "MACP_AUTH_SIGNING_KEY_JSON"],
    ],
    [
      { PORT: "x", MACP_AUTH_STORE_URL: "foo:bar", MACP_AUTH_KEK: "bad" },
      ["PORT", "MACP_AUTH_STORE_URL", "MACP_AUTH_KEK"],
    ],
    [
      {
        MACP_AUTH_STORE_URL: "foo:bar",
        MACP_AUTH_KEK_FILE: absent,
        MACP_AUTH_ADMIN_PORT: "0",
        MACP_AUTH_ADMIN_TOKEN_FILE: absent,
      },
      ["MACP_AUTH_STORE_URL", "MACP_AUTH_ADMIN_TOKEN_FILE", "MACP_AUTH_KEK_FILE"],
    ],
  ];
  test.each(stories)(
    "whether they are of one variable, of several together, or of a file: %#",
    async (env, variables) => {
      const { code, stderr } = await runToExit(env);
      expect(code).toBe(1);
      expect(stderr).toEqual(
        variables.map(
          (variable) => expect.stringMatching(new RegExp(`^macp-auth: ${variable}\\b`)) as string,
        ),
      );
    },
  );

  test("and before a store is made", async () => {
    const store = join(folder, "keys.db");
    const { code, stderr } = await runToExit({
      MACP_AUTH_STORE_URL: `sqlite:${store}`,
      MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
      MACP_AUTH_ADMIN_PORT: "0",
      MACP_AUTH_ADMIN_TOKEN_FILE: absent,
    });
    expect(code).toBe(1);
    expect(stderr).toEqual([expect.stringContaining("MACP_AUTH_ADMIN_TOKEN_FILE")]);
    expect(existsSync(store)).toBe(false);
  });
});

describe("a secret in the place of another setting", { timeout: BOOT_MS_MAX }, () => {
  test("is not shown where an address belongs, whatever its form", async () => {
    const jwk = JSON.stringify(ecJwk("P-256"));
    const token = "s3cret".repeat(8);
    for (const value of [jwk, token]) {
      const finished = await runToExit({ HOST: value });
      expect(finished.code).toBe(1);
      expect(finished.stderr).toEqual([expect.stringMatching(/^macp-auth: HOST.*\(not shown: /)]);
    }
  });

  test("is cut where the issuer and the audience are logged, and is not shown when it begins like a key", async () => {
    const env = {
      MACP_AUTH_ISSUER: "i".repeat(5_000),
      MACP_AUTH_AUDIENCE: JSON.stringify(ecJwk("P-256")),
    };
    await withService(env, async (service) => {
      const line = await service.event("listening");
      expect(line["issuer"]).toBe(`${"i".repeat(200)}…`);
      expect(line["audience"]).toBe("(not shown: it looks like a secret)");
    });
  });

  test("an address that is not of this machine is shown in quotes", async () => {
    const { stderr } = await runToExit({ HOST: "192.0.2.1" });
    expect(stderr).toEqual([
      expect.stringContaining('HOST: cannot listen on "192.0.2.1" port 0 (EADDRNOTAVAIL)'),
    ]);
  });
});

const LAUNCHER = "service/bin/macp-auth.cjs";

/** How the process ends on SIGTERM: its exit code or else the signal that ended it, and how long that took. */
async function endOf(child: ChildProcess): Promise<{ how: unknown; tookMs: number }> {
  const ended = once(child, "exit");
  const start = performance.now();
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 2 * PROMPT_MS);
  const [code, signal] = (await ended) as unknown[];
  clearTimeout(late);
  return { how: code ?? signal, tookMs: performance.now() - start };
}

test("a log that is not read any more does not stop the service from ending", {
  timeout: BOOT_MS_MAX,
}, async () => {
  const child = spawn(process.execPath, [LAUNCHER, "serve"], {
    env: { PATH: process.env["PATH"] ?? "", PORT: "0", MACP_AUTH_SIGNING_ALG: "ES256" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve) => {
    child.stdout.on("data", (lines: Buffer) => {
      const named = /"event":"listening".*"port":(\d+)/.exec(lines.toString())?.[1];
      if (named !== undefined) resolve(Number(named));
    });
  });
  child.stdout.pause();
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  // More lines than fit between the service and its reader.
  for (let round = 0; round < 20; round += 1) {
    const sender = "x".repeat(1_000);
    await Promise.all(Array.from({ length: 50 }, () => postTokens(port, { sender }, {}, agent)));
  }
  agent.destroy();
  const { how, tookMs } = await endOf(child);
  expect(how).toBe(0);
  expect(tookMs).toBeLessThan(PROMPT_MS);
});

test("a start that waits for a store that does not answer ends at a signal to stop", {
  timeout: BOOT_MS_MAX,
}, async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const child = spawn(process.execPath, [LAUNCHER, "serve"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      PORT: "0",
      MACP_AUTH_STORE_URL: `postgres://a:b@127.0.0.1:${String((silent.address() as AddressInfo).port)}/c`,
      MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    },
    stdio: "ignore",
  });
  await once(silent, "connection");
  const { how, tookMs } = await endOf(child);
  silent.close();
  expect(how).not.toBe("SIGKILL");
  expect(tookMs).toBeLessThan(PROMPT_MS);
});

test("a version file that is a pipe is rejected at once", { timeout: BOOT_MS_MAX }, async () => {
  const pipe = join(folder, "version.pipe");
  execFileSync("mkfifo", [pipe]);
  const { code, stderr } = await runToExit({
    MACP_AUTH_STORE_URL: "memory:",
    MACP_AUTH_KEY_VERSION_FILE: pipe,
  });
  expect(code).toBe(1);
  expect(stderr).toEqual([
    expect.stringMatching(/^macp-auth: MACP_AUTH_KEY_VERSION_FILE: .* is not a regular file; /),
  ]);
});

test.skipIf(process.platform !== "linux")(
  "a blank UV_THREADPOOL_SIZE counts as unset",
  { timeout: BOOT_MS_MAX },
  async () => {
    const threads = (env: Environment): Promise<number> =>
      withService(env, async ({ pid }) => (await readdir(`/proc/${String(pid)}/task`)).length);
    const unset = await threads({});
    expect(await threads({ UV_THREADPOOL_SIZE: "" })).toBe(unset);
    expect(await threads({ UV_THREADPOOL_SIZE: " " })).toBe(unset);
    expect(await threads({ UV_THREADPOOL_SIZE: "1" })).toBeLessThan(unset);
  },
);

test("an access document for which there is not enough memory ends the start with one line", {
  timeout: 2 * BOOT_MS_MAX,
}, async () => {
  const path = join(folder, "large.yaml");
  const callers = Array.from(
    { length: 20_000 },
    (_, index) => `  caller-${String(index)}: {owner: "team"}\n`,
  );
  await writeFile(path, `version: 1\ncallers:\n${callers.join("")}`);
  const { code, stderr } = await runToExit({
    MACP_AUTH_CONFIG_FILE: path,
    NODE_OPTIONS: "--max-old-space-size=32",
  });
  expect(stderr).toEqual([
    `macp-auth: ${path} cannot be read (not enough memory); make it smaller, write it as JSON, or give this machine more memory`,
  ]);
  expect(code).toBe(1);
});
