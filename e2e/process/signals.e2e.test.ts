import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { postTokens, RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type LogEvent, type RunningService, withService } from "../support/service-process.ts";
import { ecJwk } from "../support/signing-keys.ts";
import { publishedKeys } from "../support/token-check.ts";

const ES256 = { MACP_AUTH_SIGNING_ALG: "ES256" };
/** A debugger that opens anyway takes a free port, so that tests do not disturb each other. */
const ANY_DEBUG_PORT = { NODE_OPTIONS: "--inspect-port=0" };
const BIN = fileURLToPath(new URL("../../service/bin/macp-auth.cjs", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-signals-"));
});
afterAll(() => rm(folder, { recursive: true }));

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });

async function expectAlive({ port }: RunningService): Promise<void> {
  expect((await postTokens(port, { sender: "still here" })).status).toBe(200);
}

describe.concurrent("a running service", { timeout: BOOT_MS_MAX }, () => {
  test("opens no debugger at SIGUSR1", async () => {
    await withService({ ...ES256, ...ANY_DEBUG_PORT }, async (service) => {
      service.signal("SIGUSR1");
      await pause(1_000);
      await expectAlive(service);
      expect(service.stderr.filter((line) => line.includes("ebugger"))).toEqual([]);
    });
  });

  test.each(["SIGUSR2", "SIGPIPE", "SIGXFSZ"] as const)("continues after %s", async (signal) => {
    await withService(ES256, async (service) => {
      service.signal(signal);
      await pause(300);
      await expectAlive(service);
      expect(await service.stop("SIGTERM")).toBe(0);
    });
  });

  test("that follows no file reports that at SIGHUP, and continues", async () => {
    await withService(ES256, async (service) => {
      service.signal("SIGHUP");
      const line = await service.event("reloaded");
      expect(line).toMatchObject({ signal: "SIGHUP", followed: [] });
      expect(line["message"]).toMatch(/restart the service/);
      await expectAlive(service);
    });
  });

  test("with managed keys reads its store at SIGHUP, and continues", async () => {
    await withService({ ...ES256, MACP_AUTH_STORE_URL: "memory:" }, async (service) => {
      service.signal("SIGHUP");
      expect(await service.event("reloaded")).toMatchObject({ followed: ["MACP_AUTH_STORE_URL"] });
      await expectAlive(service);
    });
  });

  test("puts a key file in force at each SIGHUP, at once, and continues with its keys when the file is faulty", async () => {
    const path = join(folder, "followed.json");
    const [one, two, three] = ["one", "two", "three"].map((kid) => ({ ...ecJwk("P-256"), kid }));
    await writeFile(path, JSON.stringify(one));
    const env = { ...ES256, MACP_AUTH_SIGNING_KEY_FILE: path };
    await withService(env, async (service) => {
      const reload = async (content: string): Promise<readonly LogEvent[]> => {
        const before = service.events("reloaded").length;
        await writeFile(`${path}.next`, content);
        await rename(`${path}.next`, path);
        service.signal("SIGHUP");
        await vi.waitFor(() => {
          expect(service.events("reloaded")).toHaveLength(before + 1);
        }, 5_000);
        const lines = service.stdout.map((line) => JSON.parse(line) as LogEvent);
        return lines.slice(
          lines.findLastIndex(({ event }) => event === "token_minted" || event === "open_mint") + 1,
        );
      };
      expect(await reload(JSON.stringify({ keys: [one, two] }))).toMatchObject([
        { event: "key_file_followed", keys: [{ kid: "one" }, { kid: "two" }] },
        { event: "reloaded", followed: ["MACP_AUTH_SIGNING_KEY_FILE"] },
      ]);
      await expectAlive(service);
      expect(await reload('{"keys":')).toMatchObject([{ event: "key_file_refused" }, { event: "reloaded" }]);
      await expectAlive(service);
      expect(await reload(JSON.stringify({ keys: [one, two, three] }))).toMatchObject([
        { event: "key_file_followed" },
        { event: "reloaded" },
      ]);
      expect((await publishedKeys(service.port)).keys.map((key) => key["kid"])).toEqual([
        "one",
        "three",
        "two",
      ]);
    });
  });

  test("finishes its shutdown although SIGHUP, SIGUSR1 and SIGUSR2 arrive in it", async () => {
    await withService({ ...ES256, ...ANY_DEBUG_PORT }, async (service) => {
      const body = '{"sender":"in flight"}';
      const connection = await RawConnection.open(service.port);
      connection.send(
        `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n`,
      );
      await pause(200);
      service.signal("SIGTERM");
      await service.event("stopping");
      for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) service.signal(signal);
      await pause(200);
      connection.send(body);
      expect((await connection.response())?.status).toBe(200);
      expect(await service.ended).toBe(0);
      expect(service.output()).not.toContain("ebugger");
    });
  });
});

/** A process of the start file, and what became of it. */
function started(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", PORT: "0", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => (out += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (err += piece.toString()));
  const ended = once(child, "close").then(() => ({ code: child.exitCode, signal: child.signalCode }));
  return { child, ended, out: () => out, err: () => err };
}

describe("a service on a terminal", { timeout: BOOT_MS_MAX }, () => {
  // `script` of util-linux gives a command a terminal, and closes it when it ends.
  test.skipIf(process.platform !== "linux")(
    "continues when the terminal is closed, and ends at SIGTERM",
    async () => {
      const terminal = spawn(
        "script",
        ["-qfc", `echo pid=$$; exec '${process.execPath}' '${BIN}' serve`, "/dev/null"],
        {
          env: { PATH: process.env["PATH"] ?? "", PORT: "0", HOST: "127.0.0.1", ...ES256, SHELL: "/bin/sh" },
          stdio: ["pipe", "pipe", "inherit"],
        },
      );
      let shown = "";
      terminal.stdout.on("data", (piece: Buffer) => (shown += piece.toString()));
      await expect.poll(() => shown, { timeout: 15_000 }).toMatch(/"port":\d/);
      const [pid, port] = [/pid=(\d+)/, /"port":(\d+)/].map((field) => Number(field.exec(shown)?.[1]));
      terminal.kill("SIGKILL");
      await once(terminal, "close");
      await pause(500);
      expect((await postTokens(port ?? 0, { sender: "still here" })).status).toBe(200);
      process.kill(pid ?? 0, "SIGTERM");
      await expect.poll(() => existsSync(`/proc/${String(pid)}`), { timeout: 10_000 }).toBe(false);
    },
  );
});

describe("a start", { timeout: BOOT_MS_MAX }, () => {
  test("that waits for its store continues after SIGHUP, SIGUSR1 and SIGUSR2, and ends at SIGTERM", async () => {
    const silent = createServer();
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const { port } = silent.address() as AddressInfo;
    const env = {
      ...ANY_DEBUG_PORT,
      MACP_AUTH_STORE_URL: `postgres://u@127.0.0.1:${String(port)}/d`,
      MACP_AUTH_KEK: "0123456789abcdef".repeat(4),
    };
    const process = started(env, "serve");
    await once(silent, "connection");
    for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) process.child.kill(signal);
    await pause(500);
    expect(process.child.exitCode ?? process.child.signalCode).toBeNull();
    process.child.kill("SIGTERM");
    expect((await process.ended).signal).toBeNull();
    expect(process.err()).not.toContain("ebugger");
    silent.close();
  });

  test.each(["serve --settings serve", "--settings serve serve", "--settings=serve serve"])(
    "handles signals from its first line on, wherever its settings option is: %s",
    async (line) => {
      await writeFile(join(folder, "serve"), "HOST=127.0.0.1\n");
      const preload = join(folder, "first-line.cjs");
      // Sends the signals when the start file reads the version of Node, which is the next that it does.
      await writeFile(
        preload,
        `const { versions } = process;
        Object.defineProperty(process, "versions", {
          get() {
            Object.defineProperty(process, "versions", { value: versions });
            for (const signal of ["SIGHUP", "SIGUSR2", "SIGTERM"]) process.kill(process.pid, signal);
            return versions;
          },
        });`,
      );
      const process = started({ ...ES256, NODE_OPTIONS: `--require ${preload}` }, ...line.split(" "));
      const late = setTimeout(() => process.child.kill("SIGKILL"), 10_000);
      expect(await process.ended).toEqual({ code: 0, signal: null });
      clearTimeout(late);
    },
  );

  test("that SIGUSR1 reaches at any moment leaves no debugger open", async () => {
    const ports: number[] = [];
    const delays = [5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150];
    await Promise.all(
      delays.map(async (ms) => {
        const process = started({ ...ES256, ...ANY_DEBUG_PORT, HOST: "127.0.0.1" }, "serve");
        await pause(ms);
        process.child.kill("SIGUSR1");
        await Promise.race([
          process.ended,
          expect.poll(process.out, { timeout: 15_000 }).toContain('"listening"'),
        ]);
        await pause(1_500);
        for (const [, port] of process.err().matchAll(/listening on ws:\/\/127\.0\.0\.1:(\d+)/g))
          ports.push(Number(port));
        process.child.kill("SIGTERM");
        await process.ended;
      }),
    );
    expect(await Promise.all(ports.map(isOpen))).toEqual(ports.map(() => false));
  });

  test("that SIGTERM reaches at any moment ends, with 0 and nothing on standard error once it handles signals", async () => {
    const codes: (number | null)[] = [];
    // On a busy machine its first line is late.
    for (let ms = 40; ms <= 280 || codes.length === 0; ms += 80) {
      await Promise.all(
        [0, 20, 40, 60].map(async (more) => {
          const process = started({ ...ES256, HOST: "127.0.0.1" }, "serve");
          await pause(ms + more);
          process.child.kill("SIGTERM");
          const { code, signal } = await process.ended;
          // Before its first line it handles no signal.
          if (signal === "SIGTERM") return;
          codes.push(code);
          expect(process.err()).toBe("");
        }),
      );
    }
    expect(codes).toEqual(codes.map(() => 0));
  });

  test("loses no SIGTERM that arrives while its listeners are being replaced", async () => {
    const preload = join(folder, "preload.cjs");
    // Sends the signal from within the first look at the listeners, or the first removal of one.
    await writeFile(
      preload,
      `let isSent = false;
      for (const name of ["listeners", "removeListener", "removeAllListeners"]) {
        const original = process[name];
        process[name] = function (signal, ...others) {
          if (signal === "SIGTERM" && !isSent) {
            isSent = true;
            process.kill(process.pid, "SIGTERM");
          }
          return original.call(this, signal, ...others);
        };
      }`,
    );
    const process = started({ ...ES256, HOST: "127.0.0.1", NODE_OPTIONS: `--require ${preload}` }, "serve");
    const late = setTimeout(() => process.child.kill("SIGKILL"), 10_000);
    expect(await process.ended).toEqual({ code: 0, signal: null });
    clearTimeout(late);
  });
});

describe("a command that waits for its input", { timeout: BOOT_MS_MAX }, () => {
  test("opens no debugger at SIGUSR1, and ends at SIGQUIT without a core file", async () => {
    const command = started(ANY_DEBUG_PORT, "verify", "--jwks", join(folder, "none"));
    await pause(1_500);
    command.child.kill("SIGUSR1");
    await pause(300);
    expect(command.child.exitCode ?? command.child.signalCode).toBeNull();
    command.child.kill("SIGQUIT");
    expect(await command.ended).toEqual({ code: 131, signal: null });
    expect(command.err()).not.toContain("ebugger");
  });

  test.each([
    "verify --jwks serve",
    "--settings serve verify --jwks none",
    "--settings=serve verify --jwks none",
  ])("ends at each signal that ends a command, also when one of its words is serve: %s", async (line) => {
    await writeFile(join(folder, "serve"), "PORT=0\n");
    await Promise.all(
      (["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"] as const).map(async (signal) => {
        const command = started({}, ...line.split(" "));
        const late = setTimeout(() => command.child.kill("SIGKILL"), 10_000);
        await pause(1_500);
        command.child.kill(signal);
        expect(await command.ended).toEqual({ code: null, signal });
        clearTimeout(late);
      }),
    );
  });
});
