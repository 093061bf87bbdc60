import { describe, expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadSettings } from "./environment.ts";

const KEK = "a".repeat(43);
const TOKEN = "t".repeat(32);

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadSettings(environment);
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.faults;
    throw thrown;
  }
}

describe("managed keys", () => {
  test.each(["sqlite:keys.db", "postgres://auth@db/keys"])(
    "in %s need a key-encryption key, and keys in memory need none",
    (url) => {
      expect(faultsOf({ MACP_AUTH_STORE_URL: url })).toEqual([
        expect.stringMatching(/^MACP_AUTH_STORE_URL keeps private keys.*macp-auth kek generate/),
      ]);
      expect(faultsOf({ MACP_AUTH_STORE_URL: url, MACP_AUTH_KEK: KEK })).toEqual([]);
      expect(faultsOf({ MACP_AUTH_STORE_URL: url, MACP_AUTH_KEK_FILE: "/kek" })).toEqual([]);
      expect(faultsOf({ MACP_AUTH_STORE_URL: "memory:" })).toEqual([]);
    },
  );

  test("sign for a day at least, and for no less than their successor's lead", () => {
    const period = (seconds: number, lead = 7_200): readonly string[] =>
      faultsOf({
        MACP_AUTH_KEY_ROTATION_SECONDS: String(seconds),
        MACP_AUTH_KEY_LEAD_SECONDS: String(lead),
      });
    expect(period(86_399)).toEqual([expect.stringMatching(/is 86399, and .* 86400 seconds or more$/)]);
    expect(period(86_400)).toEqual([]);
    expect(period(100_000, 100_001)).toEqual([expect.stringMatching(/below MACP_AUTH_KEY_LEAD_SECONDS/)]);
    expect(period(100_000, 100_000)).toEqual([]);
  });

  test("never show their key-encryption key or the password of their store when settings are printed", () => {
    const { settings } = loadSettings({
      MACP_AUTH_STORE_URL: "postgres://auth:s3cret@db/keys",
      MACP_AUTH_KEK: `s3cret${KEK}`,
      MACP_AUTH_ADMIN_PORT: "0",
      MACP_AUTH_ADMIN_TOKEN: `s3cret${TOKEN}`,
    });
    expect(JSON.stringify(settings)).not.toContain("s3cret");
  });
});

describe("the admin listener", () => {
  test("needs a token beyond loopback", () => {
    const at = (host: string, more: Record<string, string> = {}): readonly string[] =>
      faultsOf({ MACP_AUTH_ADMIN_PORT: "9090", MACP_AUTH_ADMIN_HOST: host, ...more });
    for (const host of ["0.0.0.0", "::", "10.0.0.5", "auth.internal"]) {
      expect(at(host)).toEqual([expect.stringMatching(/^MACP_AUTH_ADMIN_HOST is reachable from other/)]);
      expect(at(host, { MACP_AUTH_ADMIN_TOKEN: TOKEN })).toEqual([]);
      expect(at(host, { MACP_AUTH_ADMIN_TOKEN_FILE: "/token" })).toEqual([]);
    }
    for (const host of ["127.0.0.1", "::1", "localhost"]) expect(at(host)).toEqual([]);
  });

  test.each([
    [{}, 1],
    [{ HOST: "0.0.0.0" }, 1],
    [{ HOST: "127.0.0.1" }, 1],
    [{ HOST: "10.0.0.5" }, 0],
    [{ MACP_AUTH_ADMIN_PORT: "3201" }, 0],
    [{ PORT: "0", MACP_AUTH_ADMIN_PORT: "0" }, 0],
  ])("has a port of its own: with %j there are %i faults", (more, count) => {
    const faults = faultsOf({ PORT: "3200", MACP_AUTH_ADMIN_PORT: "3200", ...more });
    expect(faults).toEqual(
      Array(count).fill(expect.stringMatching(/^MACP_AUTH_ADMIN_PORT is the same as PORT; /)),
    );
  });

  test("accepts no token of fewer than 32 characters, and does not show it", () => {
    const withToken = (token: string): readonly string[] =>
      faultsOf({ MACP_AUTH_ADMIN_PORT: "9090", MACP_AUTH_ADMIN_TOKEN: token });
    expect(withToken(TOKEN)).toEqual([]);
    const faults = withToken(TOKEN.slice(1));
    expect(faults).toEqual([expect.stringMatching(/^MACP_AUTH_ADMIN_TOKEN holds fewer than 32 characters/)]);
    expect(faults.join()).not.toContain("ttt");
  });
});

test.each([
  ["MACP_AUTH_SIGNING_KEY_JSON", "MACP_AUTH_SIGNING_KEY_FILE"],
  ["MACP_AUTH_KEK", "MACP_AUTH_KEK_FILE"],
  ["MACP_AUTH_ADMIN_TOKEN", "MACP_AUTH_ADMIN_TOKEN_FILE"],
])("%s and %s together are rejected, for one of them would be ignored", (one, other) => {
  expect(faultsOf({ [one]: TOKEN, [other]: "/file" })).toEqual([
    `${one} and ${other} are both set; unset the one that is not meant`,
  ]);
});

test("a JWKS may be cached for a day at most", () => {
  const lead = { MACP_AUTH_KEY_LEAD_SECONDS: "1000000" };
  expect(faultsOf({ ...lead, MACP_AUTH_JWKS_MAX_AGE_SECONDS: "86400" })).toEqual([]);
  expect(faultsOf({ ...lead, MACP_AUTH_JWKS_MAX_AGE_SECONDS: "86401" })).toHaveLength(1);
});

test("the runtime's own names are not reported as mistyped, and an unknown name is shown escaped", () => {
  const neighbours = [
    "MACP_AUTH_SERVICE_URL",
    "MACP_AUTH_JWKS_URL",
    "MACP_AUTH_JWKS_JSON",
    "MACP_AUTH_JWKS_TTL_SECS",
    "MACP_AUTH_JWT_ALGS",
    "MACP_AUTH_TOKENS_JSON",
    "MACP_AUTH_TOKENS_FILE",
  ];
  const strange = "MACP_AUTH_\u001b[2J";
  const { warnings } = loadSettings(Object.fromEntries([...neighbours, strange].map((name) => [name, "x"])));
  expect(warnings).toEqual([expect.stringMatching(/^MACP_AUTH_\\u\{1b\}\[2J is not a setting/)]);
});
