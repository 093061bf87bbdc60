import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ask, postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type Environment, runToExit, withService } from "../support/service-process.ts";
import { privateJwk } from "../support/signing-keys.ts";
import { publishedKeys } from "../support/token-check.ts";

/** The lead is four seconds: what takes hours in production takes that long here. */
const FAST: Environment = {
  MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
  MACP_AUTH_SIGNING_ALG: "ES256",
  MACP_AUTH_JWKS_MAX_AGE_SECONDS: "0",
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "1",
  MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: "0",
  MACP_AUTH_KEY_LEAD_SECONDS: "4",
};

let folder: string;
const file = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-upkeep-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("a key file that changes while the service runs", { timeout: BOOT_MS_MAX }, () => {
  const [one, two] = [
    { ...privateJwk("ES256"), kid: "one" },
    { ...privateJwk("ES256"), kid: "two" },
  ];
  const put = async (value: unknown): Promise<void> => {
    await writeFile(file("draft"), JSON.stringify(value), { mode: 0o600 });
    await rename(file("draft"), file("keys.json"));
  };
  const env = () => ({ ...FAST, MACP_AUTH_SIGNING_KEY_FILE: file("keys.json") });

  test("is followed within seconds: the new key is served, then signs, and each step is logged", async () => {
    await put(one);
    await withService(env(), async (service) => {
      await put({ keys: [two, one] });
      await expect
        .poll(async () => (await publishedKeys(service.port)).keys.length, { timeout: 5_000 })
        .toBe(2);
      const followed = await service.event("key_file_followed");
      expect(followed["keys"]).toMatchObject([{ kid: "one" }, { kid: "two" }]);
      expect(service.events("signing_key_changed")).toEqual([]);
      await expect.poll(() => service.events("signing_key_changed"), { timeout: 10_000 }).toHaveLength(1);
      expect(service.events("signing_key_changed")).toMatchObject([{ kid: "two", before: "one" }]);
      expect((await publishedKeys(service.port)).keys).toHaveLength(2);
    });
  });

  test("and no longer contains a key: the service serves that key until the last of its tokens has expired", async () => {
    await put(one);
    await withService({ ...env(), MACP_AUTH_MAX_TTL_SECONDS: "600" }, async (service) => {
      await put(two);
      await expect.poll(() => service.events("key_file_followed"), { timeout: 5_000 }).toHaveLength(1);
      const followed = await service.event("key_file_followed");
      const [leaving] = followed["keys"] as [{ retiring_from: number; retired_from: number }];
      // The longest token, and a second each for the lag and the clocks of replicas.
      expect(leaving.retired_from - leaving.retiring_from).toBe(602);
    });
  });

  test("and cannot be followed is reported once, as an error without the key, and the keys in force stay", async () => {
    await put(one);
    await withService(env(), async (service) => {
      await put({ ...two, alg: "RS256" });
      await expect.poll(() => service.events("key_file_refused"), { timeout: 5_000 }).toHaveLength(1);
      expect(service.events("key_file_refused")[0]).toMatchObject({
        level: "error",
        message: expect.stringMatching(/MACP_AUTH_SIGNING_KEY_FILE.*the keys in force stay$/) as string,
      });
      expect(service.output()).not.toContain(two.d);
      expect((await publishedKeys(service.port)).keys).toMatchObject([{ kid: "one" }]);
      expect((await postTokens(service.port, { sender: "a" })).status).toBe(200);
    });
  });
});

describe("a service with managed keys", { timeout: BOOT_MS_MAX }, () => {
  const env = () => ({
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: `sqlite:${file("keys.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_KEY_VERSION_FILE: file("version"),
  });

  test("signs from its first line on, remembers the version of the store that it saw, and closes the store when it stops", async () => {
    await withService(env(), async (service) => {
      expect((await service.event("listening"))["kids"]).toHaveLength(2);
      expect((await postTokens(service.port, { sender: "a" })).status).toBe(200);
      expect(service.events("key_changed").map((line) => line["change"])).toEqual([
        "publish",
        "activate",
        "publish",
      ]);
      expect(await readFile(file("version"), "utf8")).toBe("1\n");
      expect((await stat(file("version"))).mode & 0o777).toBe(0o600);
      expect(await service.stop()).toBe(0);
      expect((await readdir(folder)).sort()).toEqual(["keys.db", "version"]);
    });
  });

  test("that rejects its store logs it", async () => {
    await writeFile(file("version"), "99\n");
    await withService(env(), async (service) => {
      expect(await service.event("fenced")).toMatchObject({ level: "error", reason: "store_older" });
      expect((await postTokens(service.port, { sender: "a" })).status).toBe(503);
      expect((await ask(service.port, { path: "/.well-known/jwks.json" })).status).toBe(503);
      expect(await readFile(file("version"), "utf8")).toBe("99\n");
    });
  });
});

describe("the admin listener's token in a file", { timeout: BOOT_MS_MAX }, () => {
  const env = () => ({ MACP_AUTH_ADMIN_PORT: "0", MACP_AUTH_ADMIN_TOKEN_FILE: file("token") });

  test("may be 32 characters and a line end, and is accepted", async () => {
    await writeFile(file("token"), `${"t".repeat(32)}\n`);
    await withService(env(), async (service) => {
      const port = Number((await service.event("admin_listening"))["port"]);
      const status = async (token: string): Promise<number> =>
        (await ask(port, { path: "/readyz", headers: { authorization: `Bearer ${token}` } })).status;
      expect([await status("t".repeat(32)), await status("t".repeat(31))]).toEqual([200, 401]);
    });
  });

  test("is rejected when it is shorter: the start ends with one line that does not show it", async () => {
    await writeFile(file("token"), `${"t".repeat(31)}\n`);
    const { code, stderr } = await runToExit(env());
    expect([code, stderr.length]).toEqual([1, 1]);
    expect(stderr[0]).toMatch(/^macp-auth: MACP_AUTH_ADMIN_TOKEN_FILE holds fewer than 32 characters/);
    expect(stderr[0]).not.toContain("ttt");
  });
});

test("an admin port in use ends the start, and the public port is released", {
  timeout: BOOT_MS_MAX,
}, async () => {
  const squatter = createServer();
  await once(squatter.listen(0, "127.0.0.1"), "listening");
  const { port } = squatter.address() as AddressInfo;
  const { code, stdout, stderr } = await runToExit({ MACP_AUTH_ADMIN_PORT: String(port) });
  squatter.close();
  expect([code, stderr.length]).toEqual([1, 1]);
  expect(stderr[0]).toMatch(/^macp-auth: MACP_AUTH_ADMIN_PORT: /);
  expect(stdout.join("\n")).not.toContain('"listening"');
});

test("the last line of the log says that the service has stopped, however many lines were under way", {
  timeout: BOOT_MS_MAX,
}, async () => {
  await withService({ MACP_AUTH_SIGNING_ALG: "ES256" }, async (service) => {
    await Promise.all(Array.from({ length: 200 }, () => postTokens(service.port, { sender: "a" })));
    expect(await service.stop()).toBe(0);
    expect(service.events("token_minted")).toHaveLength(200);
    expect(service.events("stopping")).toMatchObject([{ signal: "SIGTERM" }]);
    expect(JSON.parse(service.stdout.at(-1) ?? "{}")).toMatchObject({ event: "stopped", code: 0 });
  });
});
