import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { macpAuth, macpAuthWith, settingsOf } from "../support/operator.ts";
import { withService } from "../support/service-process.ts";
import { privateJwk, privateValues, publicHalf, rsaJwk } from "../support/signing-keys.ts";
import { mintChecked, publishedKeys } from "../support/token-check.ts";

const VERIFIER = { issuer: "macp-auth-service", audience: "macp-runtime" };
const TOKEN_REQUEST = { sender: "agent://planner" };

describe("an operator who moves from a given key to managed keys", () => {
  const jwk = { ...privateJwk("RS256"), kid: "upstream-2026" };
  const given = { MACP_AUTH_SIGNING_KEY_JSON: JSON.stringify(jwk) };
  let parent: string;
  let env: string;

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "macp-auth-import-"));
    env = join(parent, "conf", "macp-auth.env");
    expect(macpAuth("init", join(parent, "conf"))).toMatchObject({ code: 0, err: "" });
  });
  afterAll(() => rm(parent, { recursive: true }));

  test("imports the key of the settings, and no verifier notices the change: both ways each token is accepted", async () => {
    const before = await withService(given, async ({ port }) => ({
      jwks: await publishedKeys(port),
      token: (await mintChecked(port, TOKEN_REQUEST)).response.token,
    }));

    const result = macpAuthWith(given, "keys", "import", "--settings", env);
    expect(result).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringContaining("upstream-2026") as string,
    });
    for (const secret of privateValues(jwk)) expect(result.out).not.toContain(secret);

    await withService({ ...(await settingsOf(env)), MACP_AUTH_ADMIN_PORT: "0" }, async ({ port }) => {
      const after = await publishedKeys(port);
      expect(after.keys.map((key) => key.kid)).toEqual(["upstream-2026", expect.any(String)]);
      const { token } = (await mintChecked(port, TOKEN_REQUEST)).response;
      await expect(jwtVerify(token, createLocalJWKSet(before.jwks), VERIFIER)).resolves.toBeDefined();
      await expect(jwtVerify(before.token, createLocalJWKSet(after), VERIFIER)).resolves.toBeDefined();
    });
    const listed = JSON.parse(macpAuth("keys", "list", "--json", "--settings", env).out) as {
      keys: { alg: string; state: string }[];
    };
    // init asks for ES256: the change of algorithm is a rotation like any other.
    expect(listed.keys.map(({ alg, state }) => `${alg} ${state}`)).toEqual([
      "RS256 signing",
      "ES256 standby",
    ]);
  });

  test("cannot import into a store that has keys, nor a second time", () => {
    expect(macpAuthWith(given, "keys", "import", "--settings", env)).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(
        /^macp-auth: rejected: the store has keys already, .* new store.*\n$/,
      ) as string,
    });
  });

  test("gets one line that says why a key cannot be imported", async () => {
    const fresh = join(parent, "fresh", "macp-auth.env");
    macpAuth("init", join(parent, "fresh"));
    const write = async (name: string, content: object): Promise<string> => {
      const path = join(parent, name);
      await writeFile(path, JSON.stringify(content), { mode: 0o600 });
      return path;
    };
    const cases: readonly [readonly string[], number, RegExp][] = [
      [[], 2, /there is no key to import; name its file, or - for standard input/],
      [[join(parent, "absent.jwk")], 1, /^macp-auth: \S+absent\.jwk does not exist \(ENOENT\)/],
      [
        [await write("public.jwk", publicHalf(jwk))],
        1,
        /^macp-auth: \S+public\.jwk is a public key; give the private key/,
      ],
      [[await write("weak.jwk", rsaJwk(1024))], 1, /1024 bits, fewer than 2048/],
      [[await write("set.jwk", { keys: [jwk, privateJwk("RS256")] })], 1, /the set holds 2 keys/],
    ];
    for (const [file, code, line] of cases) {
      const result = macpAuth("keys", "import", ...file, "--settings", fresh);
      expect(result).toMatchObject({ code, out: "" });
      expect(result.err).toMatch(line);
      expect(result.err.trim().split("\n")).toHaveLength(1);
    }
    expect(macpAuth("keys", "list", "--settings", fresh).err).toContain("keys.db does not exist");
  });
});

describe("an imported key whose store no service has run on yet", () => {
  let folder: string;
  let bare: Record<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-imported-"));
    const [kek, key] = [join(folder, "kek"), join(folder, "key.jwk")];
    await writeFile(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
    await writeFile(key, JSON.stringify(privateJwk("ES256")), { mode: 0o600 });
    bare = { MACP_AUTH_STORE_URL: `sqlite:${join(folder, "keys.db")}`, MACP_AUTH_KEK_FILE: kek };
    expect(macpAuthWith(bare, "keys", "import", key)).toMatchObject({ code: 0, err: "" });
  });
  afterAll(() => rm(folder, { recursive: true }));

  const algsAndStates = (): readonly string[] => {
    const { out } = macpAuthWith(bare, "keys", "list", "--json");
    const { keys } = JSON.parse(out) as { keys: { alg: string; state: string }[] };
    return keys.map(({ alg, state }) => `${alg} ${state}`);
  };

  test("is not replaced by a key of another algorithm that the shell sets: the line names both", () => {
    const { code, out, err } = macpAuthWith({ ...bare, MACP_AUTH_SIGNING_ALG: "RS256" }, "keys", "prepare");
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(
      /^macp-auth: MACP_AUTH_SIGNING_ALG is RS256 here, and the key that signs .* ES256; .*\n$/,
    );
    expect(algsAndStates()).toEqual(["ES256 signing"]);
  });

  test("is followed by one of its own algorithm where the shell sets none, and not by one of the default's", () => {
    expect(macpAuthWith(bare, "keys", "prepare")).toMatchObject({ code: 0, err: "" });
    expect(algsAndStates()).toEqual(["ES256 signing", "ES256 standby"]);
    expect(macpAuthWith(bare, "keys", "rotate", "--accept-short-lead")).toMatchObject({ code: 0, err: "" });
    expect(algsAndStates()).toEqual(["ES256 signing", "ES256 retiring"]);
  });
});
