import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { loadSettings } from "../../../config/environment.ts";
import type { Settings } from "../../../config/settings.ts";
import { printablePath } from "../../../files/printable-path.ts";
import { epochSeconds } from "../../../kernel/clock.ts";
import { testKey } from "../../../testing/test-keys.ts";
import type { ConfigurationFacts, SecretFile } from "../facts/configuration-facts.ts";
import { judge } from "../finding.ts";
import {
  adminIsNotExposed,
  CONFIGURATION_RULES,
  environmentFileIsRead,
  jwksIsNotCachedForLong,
  kekIsNotInTheEnvironment,
  keyFilesAreSafe,
  keyOutlivesTheProcess,
  keysAreValid,
  mintIsNotOpenToTheNetwork,
  settingsAreValid,
  tokensAreShortLived,
} from "./configuration-rules.ts";

const NOW = epochSeconds(1_800_000_000);
const settingsOf = (environment: Record<string, string> = {}): Settings => loadSettings(environment).settings;
const FINE = {
  HOST: "127.0.0.1",
  MACP_AUTH_SIGNING_ALG: "ES256",
  MACP_AUTH_SIGNING_KEY_FILE: "/keys/key.json",
};

function facts(override: Partial<ConfigurationFacts> = {}): ConfigurationFacts {
  return {
    environment: { kind: "process", values: FINE },
    settings: { kind: "read", ...loadSettings(FINE) },
    keys: { kind: "imported", keys: [testKey("signing")] },
    access: {
      kind: "loaded",
      loaded: { registry: { issuers: [], callers: [], clientCas: [] }, files: [], warnings: [] },
    },
    limitsServer: undefined,
    store: undefined,
    tls: { kind: "none" },
    nodeVersion: "v24.22.3",
    secretFiles: [
      {
        path: "/keys/key.json",
        mode: 0o600,
        ownerId: 1000,
        modifiedAt: NOW,
        folders: [],
        holds: "signing-key",
      },
    ],
    userId: 1000,
    now: NOW,
    ...override,
  };
}

describe("a configuration", () => {
  test("that listens only on this machine and signs with a private P-256 key file has nothing to fix", () => {
    expect(judge(CONFIGURATION_RULES, facts()).filter(({ grade }) => grade !== "ok")).toEqual([]);
  });

  test("whose settings are rejected fails once for each fault, and says that its keys were not looked at", () => {
    const rejected = facts({
      settings: { kind: "rejected", faults: ["PORT is bad", "HOST is bad"] },
      keys: { kind: "unknown" },
      store: undefined,
      secretFiles: [],
    });
    expect(judge(CONFIGURATION_RULES, rejected)).toMatchObject([
      { grade: "fail", check: "settings", found: "PORT is bad" },
      { grade: "fail", check: "settings", found: "HOST is bad" },
      { grade: "skip", check: "key" },
    ]);
  });

  test("reports what a start would warn of", () => {
    const settings = {
      kind: "read" as const,
      ...loadSettings({ MACP_AUTH_DEFAULT_TTL_SECONDS: "7200", MACP_AUTH_TYPO: "1" }),
    };
    expect(settingsAreValid(facts({ settings }))).toMatchObject([{ grade: "warn" }, { grade: "warn" }]);
  });

  test("in a file names the lines that cannot be read, without their content", () => {
    const environment = {
      kind: "file" as const,
      path: "a.env",
      values: { A: "hunter2" },
      unreadLines: [3, 5],
    };
    expect(environmentFileIsRead(facts({ environment }))).toMatchObject([
      { grade: "fail", found: "a.env has lines that are not NAME=VALUE: 3, 5" },
    ]);
    expect(environmentFileIsRead(facts({ environment: { ...environment, unreadLines: [] } }))).toMatchObject([
      { grade: "ok", found: "a.env sets 1 variables" },
    ]);
  });
});

describe("the mint", () => {
  test.each(["127.0.0.1", "::1", "localhost"])("on %s is reachable only from this machine", (HOST) => {
    expect(mintIsNotOpenToTheNetwork(settingsOf({ HOST }))).toMatchObject([{ grade: "ok" }]);
  });

  test.each([{}, { HOST: "::" }, { HOST: "0.0.0.0" }, { HOST: "10.1.2.3" }])(
    "is a failure with %j: anyone who reaches it can mint any identity",
    (environment) => {
      expect(mintIsNotOpenToTheNetwork(settingsOf(environment as Record<string, string>))).toMatchObject([
        { grade: "fail", fix: expect.stringContaining("HOST=127.0.0.1") as string },
      ]);
    },
  );
});

describe("a mint that other machines can reach", () => {
  const secret = { MACP_AUTH_SHARED_SECRET_FILE: "/keys/shared" };
  const graded = (environment: Record<string, string>) =>
    mintIsNotOpenToTheNetwork(settingsOf(environment)).map(({ grade }) => grade);

  test("is fine where callers must prove who they are, and a warning while they are only observed", () => {
    expect(graded(secret)).toEqual(["ok"]);
    expect(graded({ ...secret, MACP_AUTH_CALLER_AUTH: "observe" })).toEqual(["warn"]);
    expect(graded({ ...secret, MACP_AUTH_CALLER_AUTH: "off" })).toEqual(["fail"]);
  });
});

describe("the admin listener", () => {
  test("is fine inside this machine, and a warning where its token crosses the network", () => {
    const admin = { MACP_AUTH_ADMIN_PORT: "3201", MACP_AUTH_ADMIN_TOKEN_FILE: "/keys/admin" };
    expect(adminIsNotExposed(settingsOf())).toEqual([]);
    expect(adminIsNotExposed(settingsOf(admin))).toMatchObject([{ grade: "ok" }]);
    expect(adminIsNotExposed(settingsOf({ ...admin, MACP_AUTH_ADMIN_HOST: "0.0.0.0" }))).toMatchObject([
      { grade: "warn" },
    ]);
  });
});

describe("a key that was put in the place of an address", () => {
  test.each(["HOST", "MACP_AUTH_ADMIN_HOST"])("is not shown: %s", (name) => {
    const key = randomBytes(32).toString("base64url").replace(/^./, "7");
    const admin = { MACP_AUTH_ADMIN_PORT: "3201", MACP_AUTH_ADMIN_TOKEN_FILE: "/keys/admin" };
    const settings = { kind: "read" as const, ...loadSettings({ ...FINE, ...admin, [name]: key }) };
    const texts = judge(CONFIGURATION_RULES, facts({ settings })).map(({ found }) => found);
    expect(texts.join("\n")).not.toContain(key);
    expect(texts.join("\n")).toContain(printablePath(key));
  });
});

describe("a path that looks like a key", () => {
  const path = "secrets/2026/macp-auth-production/kek";
  const store = { MACP_AUTH_STORE_URL: "sqlite:keys.db" };
  const file = { path, mode: 0o600, ownerId: 1000, modifiedAt: NOW, folders: [] };
  test.each([
    ["MACP_AUTH_KEK_FILE", store, "other-secret"],
    ["MACP_AUTH_SIGNING_KEY_FILE", {}, "signing-key"],
  ] as const)("is shown where the file of %s is there, and else not", (name, others, holds) => {
    const settings = { kind: "read" as const, ...loadSettings({ ...others, [name]: path }) };
    const foundWith = (secretFiles: readonly SecretFile[]): string =>
      judge(CONFIGURATION_RULES, facts({ settings, secretFiles }))
        .filter(({ check }) => check === "key-encryption" || check === "key-source")
        .map(({ found }) => found)
        .join("\n");
    expect(foundWith([{ ...file, holds }])).toContain(path);
    expect(foundWith([])).not.toContain(path);
  });
});

describe("the life of a token", () => {
  const gradesOf = (max: number, byDefault: number) =>
    tokensAreShortLived(
      settingsOf({
        MACP_AUTH_MAX_TTL_SECONDS: String(max),
        MACP_AUTH_DEFAULT_TTL_SECONDS: String(byDefault),
      }),
    ).map(({ grade }) => grade);

  test("is fine up to five minutes by default and an hour at most", () => {
    expect(gradesOf(3600, 300)).toEqual(["ok"]);
  });

  test("is a warning above either, and fails above a day", () => {
    expect(gradesOf(3600, 301)).toEqual(["warn"]);
    expect(gradesOf(3601, 300)).toEqual(["warn"]);
    expect(gradesOf(86_400, 600)).toEqual(["warn", "warn"]);
    expect(gradesOf(86_401, 300)).toEqual(["fail"]);
  });
});

describe("the JWKS", () => {
  test("is a warning when a cache may repeat it for more than five minutes", () => {
    expect(jwksIsNotCachedForLong(settingsOf({ MACP_AUTH_JWKS_MAX_AGE_SECONDS: "300" }))).toMatchObject([
      { grade: "ok" },
    ]);
    expect(jwksIsNotCachedForLong(settingsOf({ MACP_AUTH_JWKS_MAX_AGE_SECONDS: "301" }))).toMatchObject([
      { grade: "warn" },
    ]);
  });
});

describe("the signing key", () => {
  test("is a warning when it ends with the process or is in the environment, and fine in a file", () => {
    expect(keyOutlivesTheProcess(loadSettings({}))).toMatchObject([{ grade: "warn" }]);
    expect(keyOutlivesTheProcess(loadSettings({ MACP_AUTH_SIGNING_KEY_JSON: "{}" }))).toMatchObject([
      { grade: "warn" },
    ]);
    expect(keyOutlivesTheProcess(loadSettings(FINE))).toMatchObject([{ grade: "ok" }]);
  });

  test("is fine in a store, and a warning when that store is memory", () => {
    const store = { MACP_AUTH_STORE_URL: "sqlite:keys.db", MACP_AUTH_KEK_FILE: "/keys/kek" };
    expect(keyOutlivesTheProcess(loadSettings(store))).toMatchObject([
      { grade: "ok", found: "managed keys, another every 7 days" },
    ]);
    expect(keyOutlivesTheProcess(loadSettings({ MACP_AUTH_STORE_URL: "memory:" }))).toMatchObject([
      { grade: "warn" },
    ]);
    expect(keysAreValid(facts({ keys: { kind: "managed" } }))).toMatchObject([{ grade: "skip" }]);
  });

  test("is encrypted with keys that belong in a file and not in the environment", () => {
    const store = { MACP_AUTH_STORE_URL: "sqlite:keys.db" };
    expect(
      kekIsNotInTheEnvironment(loadSettings({ ...store, MACP_AUTH_KEK_FILE: "/keys/kek" })),
    ).toMatchObject([{ grade: "ok" }]);
    expect(kekIsNotInTheEnvironment(loadSettings({ ...store, MACP_AUTH_KEK: "k".repeat(43) }))).toMatchObject(
      [{ grade: "warn" }],
    );
    expect(kekIsNotInTheEnvironment(loadSettings({}))).toEqual([]);
  });

  test("fails once for each reason of its import", () => {
    expect(keysAreValid(facts({ keys: { kind: "rejected", faults: ["is weak", "is old"] } }))).toMatchObject([
      { grade: "fail" },
      { grade: "fail" },
    ]);
  });

  test("is a warning at 112 bits of strength, and when more than four are served for one algorithm", () => {
    const rsa = testKey("rsa", "RS256");
    const many = Array.from({ length: 5 }, (_, index) => testKey(String(index)));
    expect(keysAreValid(facts({ keys: { kind: "imported", keys: [rsa] } }))).toMatchObject([
      { grade: "warn", found: "RSA-2048 rsa: below 128 bits of strength" },
      { grade: "ok" },
    ]);
    expect(keysAreValid(facts({ keys: { kind: "imported", keys: [...many, rsa] } }))).toMatchObject([
      { grade: "warn" },
      { check: "key-count", grade: "warn" },
    ]);
  });

  test("has an age only where it has a file of its own", () => {
    const [file] = facts().secretFiles;
    const checksOf = (holds: SecretFile["holds"]) =>
      keyFilesAreSafe(facts({ secretFiles: file === undefined ? [] : [{ ...file, holds }] })).map(
        ({ check }) => check,
      );
    expect(checksOf("signing-key")).toEqual(["key-file-mode", "key-file-owner", "key-folder", "key-age"]);
    expect(checksOf("other-secret")).toEqual(["key-file-mode", "key-file-owner", "key-folder"]);
  });
});
