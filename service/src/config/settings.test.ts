import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadSettings, VARIABLES } from "./environment.ts";
import type { LoadedSettings } from "./sources.ts";

/** What is loaded, without the functions that name it. */
function plainly({ settings, warnings }: LoadedSettings) {
  return { settings, warnings };
}

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadSettings(environment);
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.faults;
    throw thrown;
  }
}

test("without settings the service behaves as its predecessor", () => {
  const { settings, warnings } = loadSettings({});
  expect(settings).toMatchObject({
    listener: { port: 3200, keepAliveSeconds: 65, drainSeconds: 0 },
    tokens: {
      issuer: "macp-auth-service",
      audience: "macp-runtime",
      maxTtlSeconds: 3600,
      defaultTtlSeconds: 300,
    },
    keys: { alg: "RS256", leadSeconds: 7200, source: { kind: "ephemeral" } },
    admin: undefined,
    log: { level: "info" },
  });
  expect(settings.listener.host).toBeUndefined();
  expect(warnings).toEqual([]);
});

const TLS: ReadonlySet<string> = new Set([
  VARIABLES["tls.certFile"],
  VARIABLES["tls.keyFile"],
  VARIABLES["tls.spiffeSocket"],
]);

test("a variable that is set to nothing counts as unset, where anyone may mint by will, except what turns TLS on", () => {
  const blank = Object.fromEntries(
    Object.values(VARIABLES)
      .filter((name) => !TLS.has(name))
      .map((name, index) => [name, index % 2 === 0 ? "" : "  "]),
  );
  blank[VARIABLES["access.mode"]] = "off";
  expect(plainly(loadSettings(blank))).toEqual(plainly(loadSettings({ [VARIABLES["access.mode"]]: "off" })));
});

test("blanks around a value are dropped, a carriage return too, except where they are part of every token or of the key", () => {
  const environment = {
    PORT: "80",
    HOST: "10.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: "sqlite:keys.db",
    MACP_AUTH_KEK_FILE: "/kek",
    MACP_AUTH_KEY_ROTATION_SECONDS: "86400",
    MACP_AUTH_KEY_VERSION_FILE: "/version",
    MACP_AUTH_ACTIVATION_GATE: "enforce",
    MACP_AUTH_ADMIN_PORT: "81",
    MACP_AUTH_ADMIN_HOST: "10.0.0.1",
    MACP_AUTH_ADMIN_TOKEN: "t".repeat(32),
    MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
    MACP_AUTH_LOG_LEVEL: "debug",
  };
  const padded = (env: Record<string, string>) =>
    plainly(
      loadSettings(Object.fromEntries(Object.entries(env).map(([name, value]) => [name, ` ${value}\r\n`]))),
    );
  expect(padded(environment)).toStrictEqual(plainly(loadSettings(environment)));
  const files = { MACP_AUTH_SIGNING_KEY_FILE: "/key" };
  expect(padded(files)).toStrictEqual(plainly(loadSettings(files)));

  const { settings } = loadSettings({
    MACP_AUTH_ISSUER: " i ",
    MACP_AUTH_AUDIENCE: " a ",
    MACP_AUTH_SIGNING_KEY_JSON: " {}\n",
  });
  expect(settings.tokens).toMatchObject({ issuer: " i ", audience: " a " });
  expect(settings.keys.source.kind === "env" && settings.keys.source.jwk.reveal()).toBe(" {}\n");
  const { source } = padded(environment).settings.keys;
  expect(source.kind === "managed" && source.store).toEqual({
    kind: "sqlite",
    path: "keys.db",
  });
});

test("an IPv6 address is accepted in the brackets that it has in a URL", () => {
  expect(loadSettings({ HOST: "[::1]" }).settings.listener.host).toBe("::1");
  expect(
    loadSettings({ MACP_AUTH_ADMIN_PORT: "0", MACP_AUTH_ADMIN_HOST: " [::1] " }).settings.admin?.host,
  ).toBe("::1");
  expect(faultsOf({ HOST: "[localhost]" })).toHaveLength(1);
});

describe("a fault names its variable and the fix", () => {
  test.each([
    ["PORT", "abc", /^PORT must be a whole number from 0 to 65535, and is "abc"$/],
    ["PORT", "65536", /^PORT /],
    ["PORT", "3200.5", /^PORT /],
    ["PORT", "-1", /^PORT /],
    ["MACP_AUTH_MAX_TTL_SECONDS", "0", /^MACP_AUTH_MAX_TTL_SECONDS must be a whole number from 1/],
    ["MACP_AUTH_DEFAULT_TTL_SECONDS", "-5", /^MACP_AUTH_DEFAULT_TTL_SECONDS /],
    ["MACP_AUTH_DEFAULT_TTL_SECONDS", "1e3", /^MACP_AUTH_DEFAULT_TTL_SECONDS /],
    ["MACP_AUTH_SIGNING_ALG", "HS256", /^MACP_AUTH_SIGNING_ALG must be RS256 or ES256, and is "HS256"$/],
    ["MACP_AUTH_SIGNING_ALG", "rs256", /^MACP_AUTH_SIGNING_ALG /],
    ["MACP_AUTH_SIGNING_ALG", "none", /^MACP_AUTH_SIGNING_ALG /],
    ["MACP_AUTH_LOG_LEVEL", "loud", /^MACP_AUTH_LOG_LEVEL /],
    ["MACP_AUTH_KEY_LEAD_SECONDS", "429", /need 430 to learn of a new key; use 7200, or at least 430$/],
  ])("%s=%s", (name, value, line) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(line);
  });

  test("and all faults are reported at once", () => {
    const faults = faultsOf({
      PORT: "x",
      MACP_AUTH_SIGNING_ALG: "none",
      MACP_AUTH_MAX_TTL_SECONDS: "0",
      MACP_AUTH_SIGNING_KEY_JSON: "{}",
      MACP_AUTH_SIGNING_KEY_FILE: "/k",
    });
    expect(faults).toHaveLength(4);
    expect(faults.join("\n")).toMatch(/PORT.*ALG|ALG.*PORT/s);
  });

  test("and the readable settings are still checked together when others cannot be read", () => {
    const faults = faultsOf({
      PORT: "x",
      MACP_AUTH_KEY_LEAD_SECONDS: "10",
      MACP_AUTH_KEY_ROTATION_SECONDS: "60",
      MACP_AUTH_STORE_URL: "foo:bar",
      MACP_AUTH_ADMIN_PORT: "y",
      MACP_AUTH_ADMIN_HOST: "0.0.0.0",
    });
    expect(faults).toEqual([
      expect.stringMatching(/^PORT /),
      expect.stringMatching(/^MACP_AUTH_STORE_URL must be /),
      expect.stringMatching(/^MACP_AUTH_ADMIN_PORT /),
      expect.stringMatching(/^MACP_AUTH_KEY_LEAD_SECONDS is 10/),
      expect.stringMatching(/^MACP_AUTH_KEY_ROTATION_SECONDS is 60/),
      expect.stringMatching(/^MACP_AUTH_ADMIN_HOST is reachable/),
    ]);
  });

  test("and a setting that cannot be read is not checked against others", () => {
    const only = (environment: Record<string, string>) => {
      expect(faultsOf(environment)).toHaveLength(1);
    };
    only({ MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "x", MACP_AUTH_KEY_LEAD_SECONDS: "400" });
    only({ MACP_AUTH_KEY_LEAD_SECONDS: "x", MACP_AUTH_KEY_ROTATION_SECONDS: "86400" });
    only({ MACP_AUTH_KEY_ROTATION_SECONDS: "x" });
    only({ MACP_AUTH_UNSAFE_FAST_ROTATION: "x", MACP_AUTH_KEY_LEAD_SECONDS: "10" });
    only({ MACP_AUTH_ADMIN_PORT: "0", MACP_AUTH_ADMIN_HOST: "{}" });
  });

  test("and a period that is not set is checked as its default", () => {
    const env = { MACP_AUTH_STORE_URL: "memory:", MACP_AUTH_KEY_LEAD_SECONDS: "604801" };
    expect(faultsOf(env)).toEqual([expect.stringMatching(/^MACP_AUTH_KEY_ROTATION_SECONDS is below/)]);
  });

  test("and a value is shown short and harmless, for it may be a secret in the wrong place", () => {
    const [fault] = faultsOf({ PORT: `\u001b[31m${"s3cret ".repeat(50)}` });
    expect(fault).toContain("\\u{1b}");
    expect(fault?.length).toBeLessThan(120);
  });
});

describe("a character that cannot be seen", () => {
  test.each(["MACP_AUTH_ISSUER", "MACP_AUTH_AUDIENCE"])("in %s is a fault that shows it escaped", (name) => {
    expect(faultsOf({ [name]: "macp\u200bauth" })).toEqual([
      `${name} holds U+200B, which cannot be seen, and is "macp\\u{200b}auth"; remove it`,
    ]);
    expect(faultsOf({ [name]: "macp\u00a0auth" })).toEqual([expect.stringContaining('"macp\\u{a0}auth"')]);
    expect(faultsOf({ [name]: "macp-auth\uFEFF" })).toEqual([
      expect.stringContaining('"macp-auth\\u{feff}"'),
    ]);
    expect(faultsOf({ [name]: "macp\u001b[2Jauth" })).toEqual([
      expect.stringContaining('"macp\\u{1b}[2Jauth"'),
    ]);
  });

  test.each([
    ["\r", "U+000D"],
    ["\n", "U+000A"],
    ["\r\n", "U+000D"],
  ])("at the end of the issuer, %j, is a fault that says where it comes from", (end, name) => {
    expect(faultsOf({ MACP_AUTH_ISSUER: `ours${end}` })).toEqual([
      expect.stringMatching(
        new RegExp(
          `^MACP_AUTH_ISSUER holds ${name.replace("+", "\\+")}, .*; remove the line end \\(echo adds one, printf does not\\)$`,
        ),
      ),
    ]);
  });

  test("far behind the beginning of a long value is shown with what stands around it", () => {
    const [fault] = faultsOf({ MACP_AUTH_ISSUER: `${"long ".repeat(50)}\u2060${" text".repeat(50)}` });
    expect(fault).toContain("\\u{2060}");
    expect(fault?.length).toBeLessThan(160);
  });

  test("in a path is a fault, and in a secret it is one that shows nothing of it", () => {
    expect(faultsOf({ MACP_AUTH_KEK_FILE: "/etc/\u200bkek" })).toEqual([
      "MACP_AUTH_KEK_FILE holds U+200B, which cannot be seen, as character 6; remove it",
    ]);
    expect(faultsOf({ MACP_AUTH_STORE_URL: "postgres://a:s3cret@h\u200b/d" })).toEqual([
      "MACP_AUTH_STORE_URL holds U+200B, which cannot be seen; remove it",
    ]);
    for (const name of ["MACP_AUTH_KEK", "MACP_AUTH_ADMIN_TOKEN"])
      expect(faultsOf({ [name]: `s3cret\u200b${"s".repeat(32)}` })).toEqual([
        `${name} holds U+200B, which cannot be seen; remove it`,
      ]);
  });

  test("around any other value is dropped where it is a blank, and shown where it is none", () => {
    expect(loadSettings({ PORT: "\u00a081\uFEFF", HOST: "\u3000::1" }).settings.listener).toMatchObject({
      port: 81,
      host: "::1",
    });
    expect(faultsOf({ PORT: "3\u200b200" })).toEqual([expect.stringContaining('"3\\u{200b}200"')]);
  });
});

test.each(["'ours'", '"ours"', " ours", "ours "])(
  "an issuer that is %j is used, with a warning that shows what every token carries",
  (issuer) => {
    const { settings, warnings } = loadSettings({ MACP_AUTH_ISSUER: issuer, MACP_AUTH_AUDIENCE: "it's" });
    expect(settings.tokens.issuer).toBe(issuer);
    expect(warnings).toEqual([expect.stringMatching(/^MACP_AUTH_ISSUER is .*, and every token carries /)]);
  },
);

test.each([
  [1, "1"],
  [65, undefined],
  [620, "620"],
])("an idle connection is kept for %s seconds when MACP_AUTH_KEEP_ALIVE_SECONDS is %s", (seconds, value) => {
  const env = value === undefined ? {} : { MACP_AUTH_KEEP_ALIVE_SECONDS: value };
  expect(loadSettings(env).settings.listener.keepAliveSeconds).toBe(seconds);
  expect(faultsOf({ MACP_AUTH_KEEP_ALIVE_SECONDS: "0" })).toHaveLength(1);
});

describe("a secret that was put in the place of another setting is not shown", () => {
  const key = (): string => randomBytes(32).toString("base64url").replace(/^./, "0");
  const PATHS = [
    "MACP_AUTH_KEK_FILE",
    "MACP_AUTH_ADMIN_TOKEN_FILE",
    "MACP_AUTH_SIGNING_KEY_FILE",
    "MACP_AUTH_KEY_VERSION_FILE",
  ];
  const NO_PATHS = ["HOST", "MACP_AUTH_ADMIN_HOST", "PORT", "MACP_AUTH_SIGNING_ALG", "MACP_AUTH_STORE_URL"];

  test.each([...PATHS, ...NO_PATHS])(
    "nor is any part of one that a character that cannot be seen is in: %s",
    (name) => {
      const [one, two] = [key(), key()];
      const texts = [
        `${one}\u200b`,
        `\u200b${one}`,
        `${one.slice(0, 20)}\u200b${one.slice(20)}`,
        `${one}\n${two}`,
        `${one}\u00a0x`,
        `# made in May\r\n${one}`,
        `a\u{e0041}${one}\u200b${two}`,
      ];
      for (const text of texts) {
        const faults = faultsOf({ [name]: text });
        expect(faults).toHaveLength(1);
        for (const secret of [one, two])
          for (let from = 0; from + 6 <= secret.length; from += 1)
            expect(faults.join()).not.toContain(secret.slice(from, from + 6));
      }
    },
  );

  test.each(NO_PATHS)("nor one with other text around it: %s", (name) => {
    const secret = key();
    for (const text of [`"${secret}"`, `'${secret}'`, `${secret} ${secret}`, `${secret},${secret}`])
      for (const fault of faultsOf({ [name]: text })) expect(fault).not.toContain(secret.slice(0, 6));
  });

  test("and where a path holds what cannot be seen, its place is counted in characters", () => {
    expect(faultsOf({ MACP_AUTH_KEK_FILE: " /😀/\u200bkek" })).toEqual([
      "MACP_AUTH_KEK_FILE holds U+200B, which cannot be seen, as character 4; remove it",
    ]);
  });

  const secrets = {
    "a JWK": '{"kty":"EC","crv":"P-256","d":"s3cret"}',
    "a JWK Set": ' [{"kty":"EC","d":"s3cret"}]',
    "a PEM key": "-----BEGIN PRIVATE KEY-----\nMIIs3cret\n-----END PRIVATE KEY-----",
    "a random token": "s3cret".repeat(8),
  };
  const names = Object.values(VARIABLES).filter((name) => !/JSON|FILE|ISSUER|AUDIENCE/.test(name));
  test.each(Object.entries(secrets))("%s", (_kind, value) => {
    for (const name of names) {
      const faults = faultsOf({ [name]: value }).join("\n");
      expect(faults).not.toMatch(/s3cret|kty|BEGIN/);
    }
  });
  test.each(["HOST", "MACP_AUTH_ADMIN_HOST"])("and %s is no place for one at all", (name) => {
    expect(faultsOf({ [name]: secrets["a JWK"] })).toEqual([
      `${name} must be an address or a name of this machine, and is (not shown: it looks like a secret)`,
    ]);
  });
});

describe("a lead", () => {
  test("at the floor is accepted, with a warning that a verifier in its grace may reject", () => {
    expect(loadSettings({ MACP_AUTH_KEY_LEAD_SECONDS: "430" }).warnings.join()).toMatch(/below 4030/);
    expect(loadSettings({ MACP_AUTH_KEY_LEAD_SECONDS: "4030" }).warnings).toEqual([]);
  });
  test("has a floor that follows what is declared of the verifiers", () => {
    const slow = { MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "3600", MACP_AUTH_JWKS_MAX_AGE_SECONDS: "0" };
    expect(faultsOf({ ...slow, MACP_AUTH_KEY_LEAD_SECONDS: "3669" })).toHaveLength(1);
    expect(faultsOf({ ...slow, MACP_AUTH_KEY_LEAD_SECONDS: "3670" })).toHaveLength(0);
  });
});

test("a default TTL above the maximum is accepted, with a warning that says which TTL tokens get", () => {
  const { settings, warnings } = loadSettings({
    MACP_AUTH_DEFAULT_TTL_SECONDS: "500",
    MACP_AUTH_MAX_TTL_SECONDS: "100",
  });
  expect(settings.tokens).toMatchObject({ defaultTtlSeconds: 500, maxTtlSeconds: 100 });
  expect(warnings).toEqual([expect.stringMatching(/tokens live 100 seconds by default$/)]);
});

test("a mistyped name is reported and ignored; the name of another MACP program's setting is not reported", () => {
  const { warnings } = loadSettings({
    MACP_AUTH_ISUER: "x",
    MACP_AUTH_JWKS_TTL_SECS: "300",
    MACP_AUTH_SERVICE_URL: "http://x",
  });
  expect(warnings).toEqual([expect.stringMatching(/^MACP_AUTH_ISUER is not a setting/)]);
});

test("a key never shows when settings are printed", () => {
  const { settings } = loadSettings({ MACP_AUTH_SIGNING_KEY_JSON: '{"d":"s3cret"}' });
  expect(JSON.stringify(settings)).not.toContain("s3cret");
  expect(JSON.stringify(settings)).toContain("[secret]");
});

test("whatever the environment holds, it is either read or rejected with lines that name their variables", () => {
  const names = fc.constantFrom(...Object.values(VARIABLES));
  fc.assert(
    fc.property(fc.dictionary(names, fc.oneof(fc.string(), fc.integer().map(String))), (environment) => {
      for (const fault of faultsOf(environment))
        expect(fault).toMatch(/^(PORT|HOST|(?:MACP_AUTH|OTEL)_[A-Z_]+)/);
    }),
    { numRuns: 500 },
  );
});
