import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandResult, macpAuth, macpAuthWith, settingsOf } from "../support/operator.ts";
import { ask } from "../support/raw-http.ts";
import { withService } from "../support/service-process.ts";

describe("an operator with nothing but init's folder", () => {
  let parent: string;
  let folder: string;
  let env: string;

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "macp-auth-init-"));
    folder = join(parent, "conf");
    env = join(folder, "macp-auth.env");
    expect(macpAuth("init", folder)).toMatchObject({ code: 0, err: "" });
  });
  afterAll(() => rm(parent, { recursive: true }));

  const keys = (...args: readonly string[]): CommandResult => macpAuth("keys", ...args, "--settings", env);
  const list = (): { kid: string; state: string }[] =>
    (JSON.parse(keys("list", "--all", "--json").out) as { keys: { kid: string; state: string }[] }).keys;
  const kidOf = (state: string): string => list().find((key) => key.state === state)?.kid ?? "none";

  test("gets a folder with mode 0700, files with mode 0600 and the line that starts the service, and a second init overwrites nothing", async () => {
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const name of ["kek", "admin-token", "macp-auth.env"])
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    const kek = await readFile(join(folder, "kek"), "utf8");
    expect(macpAuth("init", folder)).toMatchObject({
      code: 1,
      err: expect.stringContaining("never overwritten") as string,
    });
    expect(await readFile(join(folder, "kek"), "utf8")).toBe(kek);
    expect(macpAuth("init", join(parent, "other")).out).toContain(
      `macp-auth serve --settings ${join(parent, "other")}`,
    );
  });

  test("cannot add a file of the folder to a repository by mistake", async () => {
    const git = (...args: readonly string[]): string =>
      spawnSync("git", ["-C", parent, ...args], { encoding: "utf8" }).stdout;
    git("init", "-q");
    git("add", "-A");
    expect(git("status", "--porcelain")).not.toContain("conf");
    await rm(join(parent, ".git"), { recursive: true, force: true });
    expect(await readFile(join(folder, ".gitignore"), "utf8")).toBe("*\n");
  });

  test("is warned of an existing folder that is open to others or holds other files, and nothing in it changes", async () => {
    const open = join(parent, "open");
    await mkdir(open);
    await chmod(open, 0o755);
    await writeFile(join(open, "notes"), "");
    const result = macpAuth("init", open);
    expect(result.code).toBe(0);
    expect(result.err).toBe(
      `macp-auth: warning: ${open} exists with mode 0755, so others can look into it; to prevent that: chmod 700 ${open}\n` +
        `macp-auth: warning: ${open} holds other files, so no .gitignore was written; do not commit its secrets\n`,
    );
    expect((await stat(open)).mode & 0o777).toBe(0o755);
    expect(await readdir(open)).not.toContain(".gitignore");
  });

  test("is given a start line that a shell takes as it stands, for a folder of any name", async () => {
    const odd = join(parent, "it's $HOME & here");
    const { out } = macpAuth("init", odd);
    const [, line = ""] = /\n {2}macp-auth serve (.*)\n$/.exec(out) ?? [];
    const path = spawnSync("sh", ["-c", `printf %s ${line}`], { encoding: "utf8" }).stdout;
    expect(path).toBe(`--settings${join(odd, "macp-auth.env")}`);
    expect(macpAuth("migrate", "--settings", join(odd, "macp-auth.env"))).toMatchObject({ code: 0, err: "" });
    expect(await readdir(odd)).toContain("keys.db");
  });

  test.each(['quo"te', "back\\slash", "line\nbreak"])(
    "cannot use a folder named %j, which the settings file could not name, and no folder is made",
    async (name) => {
      const result = macpAuth("init", join(parent, name));
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(result.err).toMatch(/^macp-auth: .* which a settings file cannot hold; choose another name\n$/);
      expect(await readdir(parent)).not.toContain(name);
    },
  );

  test.each(["a#b", "a?b", "a%20b", "a\u200bb", "a\u00a0b"])(
    "cannot use a folder named %j, which the store's setting could not name, and no folder is made",
    async (name) => {
      const said = macpAuth("init", join(parent, name));
      expect(said).toMatchObject({ code: 2, out: "" });
      expect(said.err).toMatch(
        /^macp-auth: .* cannot hold the store: MACP_AUTH_STORE_URL .*; choose another name\n$/,
      );
      expect(await readdir(parent)).not.toContain(name);
    },
  );

  test("gets an error for a store that does not exist from all commands but migrate and import, and no file is made", async () => {
    const store = join(folder, "one.db");
    const at = (...args: readonly string[]): CommandResult =>
      macpAuthWith({ MACP_AUTH_STORE_URL: `sqlite:${store}` }, ...args, "--settings", env);
    for (const args of [
      ["keys", "list"],
      ["keys", "prepare"],
      ["keys", "rotate"],
      ["kek", "rotate"],
    ])
      expect(at(...args)).toEqual({
        code: 1,
        out: "",
        err: `macp-auth: ${store} does not exist; check the path in MACP_AUTH_STORE_URL (serve would make a new store with new keys)\n`,
      });
    expect(await readdir(folder)).not.toContain("one.db");
    expect(at("migrate").code).toBe(0);
    expect(at("keys", "list")).toMatchObject({ code: 0, err: "" });
    await rm(store);
  });

  test("makes, lists, rotates, taints, revokes and retires keys on the store, and each rejection names the outage and the option that accepts it", async () => {
    // The service makes the first keys; PORT comes from the environment, which has priority over the file.
    await withService({ ...(await settingsOf(env)), MACP_AUTH_ADMIN_PORT: "0" }, async (service) => {
      const { text } = await ask(service.port, { path: "/.well-known/jwks.json" });
      expect((JSON.parse(text) as { keys: unknown[] }).keys).toHaveLength(2);
      expect(await service.stop()).toBe(0);
    });
    expect(list().map((key) => key.state)).toEqual(["signing", "standby"]);
    expect(keys("list").out).toMatch(/ signing .*stops signing.* standby .*becomes ready/s);

    const first = kidOf("signing");
    expect(keys("rotate")).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(
        /^macp-auth: rejected: the key has been served for .*--accept-short-lead\n$/,
      ) as string,
    });
    expect(keys("rotate", "--accept-short-lead")).toMatchObject({ code: 0, err: "" });
    expect(kidOf("retiring")).toBe(first);
    expect(keys("retire", first)).toMatchObject({
      code: 1,
      err: expect.stringContaining("--accept-live-tokens") as string,
    });
    expect(keys("revoke", kidOf("signing"))).toMatchObject({
      code: 1,
      err: expect.stringContaining("keys prepare") as string,
    });

    expect(keys("prepare").code).toBe(0);
    const leaked = kidOf("signing");
    const revoked = keys("revoke", leaked.slice(0, 12), "--reason", "leaked", "--accept-short-lead");
    expect(revoked.out).toMatch(/revoked: .*\n.*reject its tokens within 7 min 5 s.*within 1 h 7 min/s);
    expect(list().find((key) => key.kid === leaked)).toMatchObject({ state: "revoked", reason: "leaked" });
    expect(keys("retire", first, "--accept-live-tokens").code).toBe(0);
    expect(kidOf("retired")).toBe(first);

    expect(keys("prepare").code).toBe(0);
    expect(keys("taint", kidOf("signing"), "--accept-short-lead", "--json")).toMatchObject({
      code: 0,
      out: expect.stringContaining('"done": true') as string,
    });
    expect(list().map((key) => key.state)).toEqual(["signing", "tainted", "revoked", "retired"]);
  });

  test("changes the key-encryption key in the documented order, and the old one is then not needed", async () => {
    const path = join(folder, "kek");
    const old = (await readFile(path, "utf8")).trim();
    const fresh = macpAuth("kek", "generate").out.trim();
    await writeFile(path, `${old}\n${fresh}\n`);
    expect(list()).toHaveLength(4);
    await writeFile(path, `${fresh}\n${old}\n`);
    expect(macpAuth("kek", "rotate", "--settings", env)).toMatchObject({ code: 0, err: "" });
    await writeFile(path, `${fresh}\n`);
    expect(list()).toHaveLength(4);
    await writeFile(path, `${old}\n`);
    expect(keys("list")).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(
        /^macp-auth: MACP_AUTH_KEK_FILE lacks the key that wrote the store, or the store was altered \(table .*\); check MACP_AUTH_KEK_FILE first: it must hold the key that the store was made with\n$/,
      ) as string,
    });
    // The shell sets the variable and the file does not: the line names the shell's variable.
    const other = macpAuth("kek", "generate").out.trim();
    const withoutFile = (await readFile(env, "utf8")).replace(/^MACP_AUTH_KEK_FILE=.*$/m, "");
    await writeFile(join(folder, "without.env"), withoutFile);
    expect(
      macpAuthWith({ MACP_AUTH_KEK: other }, "keys", "list", "--settings", join(folder, "without.env")).err,
    ).toMatch(/^macp-auth: MACP_AUTH_KEK lacks the key that wrote the store, .*; check MACP_AUTH_KEK first/);
    await writeFile(path, `${fresh}\n`);
  });

  test("reads how to append a key-encryption key to an existing file", async () => {
    const path = join(folder, "kek");
    const before = await readFile(path, "utf8");
    expect(macpAuth("kek", "generate", "--out", path)).toEqual({
      code: 1,
      out: "",
      err: `macp-auth: ${path} exists and is never overwritten; append the line: macp-auth kek generate >> ${path}\n`,
    });
    expect(await readFile(path, "utf8")).toBe(before);
  });

  test.each([
    [["keys", "revoke", "nosuchkey"], 2, /no key has the kid/],
    [["keys", "activate", "", "--accept-short-lead"], 2, /KID is empty; name a key/],
    [["keys", "taint", "abc"], 2, /abc is too short for the beginning of a kid/],
    [["keys", "revoke"], 2, /missing required argument/],
    [["keys", "frobnicate"], 2, /see: macp-auth/],
    [["init", ""], 2, /DIR is empty; name a folder/],
    [["keys", "list", "--admin", "nope"], 2, /--admin is not an http address; give one such as .*:3201$/m],
    [["keys", "list", "--admin", "http://203.0.113.7:1"], 2, /plain http to another machine/],
  ] as const)("gets one line that says what is wrong with %j", (args, code, line) => {
    const result = macpAuth(...args, "--settings", env);
    expect(result).toMatchObject({ code, out: "" });
    expect(result.err).toMatch(line);
    expect(result.err.trim().split("\n")).toHaveLength(1);
  });

  test("works through the admin listener with its token, and gets one line that says what is wrong with the token or the port", async () => {
    const path = join(folder, "admin-token");
    const own = {
      MACP_AUTH_STORE_URL: "memory:",
      MACP_AUTH_ADMIN_PORT: "0",
      MACP_AUTH_ADMIN_TOKEN_FILE: path,
    };
    await withService(own, async (service) => {
      const admin = String((await service.event("admin_listening"))["port"]);
      const listed = (port: string, given: Record<string, string>): CommandResult =>
        macpAuthWith(given, "keys", "list", "--admin", `http://127.0.0.1:${port}`);
      expect(listed(admin, { MACP_AUTH_ADMIN_TOKEN_FILE: path })).toMatchObject({ code: 0, err: "" });
      const url = `http://127.0.0.1:${admin}`;
      expect(
        macpAuthWith({ MACP_AUTH_ADMIN_TOKEN_FILE: path }, "kek", "rotate", "--admin", url, "--json"),
      ).toMatchObject({ code: 0, out: '{\n  "resealed": 2\n}\n', err: "" });
      expect(listed(admin, {})).toEqual({
        code: 1,
        out: "",
        err: `macp-auth: the admin listener requires a token; set MACP_AUTH_ADMIN_TOKEN_FILE as for the service\n`,
      });
      expect(listed(admin, { MACP_AUTH_ADMIN_TOKEN: "x".repeat(40) })).toEqual({
        code: 1,
        out: "",
        err: `macp-auth: the admin listener does not accept the token of MACP_AUTH_ADMIN_TOKEN; set it to the token of the service\n`,
      });
      const port = String(service.port);
      expect(listed(port, {})).toEqual({
        code: 1,
        out: "",
        err: `macp-auth: http://127.0.0.1:${port} answered 404: not found; check that --admin has the port MACP_AUTH_ADMIN_PORT\n`,
      });
    });
  });

  test("gets the command that makes a key-encryption key when a store has none", () => {
    const result = macpAuth("migrate", "--settings", join(folder, "absent.env"));
    expect(result).toMatchObject({
      code: 1,
      err: expect.stringContaining("does not exist (ENOENT)") as string,
    });
    expect(macpAuth("migrate", "--settings", env)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^the store is at version \d+ already\n$/) as string,
    });
  });
});
