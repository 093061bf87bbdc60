import { describe, expect, test } from "vitest";
import { loadSettings, readSettings } from "./environment.ts";
import { overFile, withoutBlanks } from "./given.ts";

test.each(["", " ", "\t\r\n", "\uFEFF", " \uFEFF "])("a variable that is %j counts as unset", (blank) => {
  expect(withoutBlanks({ HOST: blank, PORT: "1", MACP_AUTH_ISSUER: undefined })).toEqual({ PORT: "1" });
});

test.each(["", "  ", "\r", "\uFEFF"])(
  "a variable that is %j does not hide what the settings file says",
  (blank) => {
    const file = { HOST: "127.0.0.1", MACP_AUTH_STORE_URL: "sqlite:keys.db", MACP_AUTH_ISSUER: "ours" };
    const process = Object.fromEntries(Object.keys(file).map((name) => [name, blank]));
    expect(overFile(process, file)).toMatchObject(file);
    const { settings } = loadSettings(overFile(process, { ...file, MACP_AUTH_KEK_FILE: "/kek" }));
    expect(settings).toMatchObject({
      listener: { host: "127.0.0.1" },
      tokens: { issuer: "ours" },
      keys: { source: { kind: "managed" } },
    });
  },
);

test("a blank line of the settings file does not hide a variable, and of two that are set the variable wins", () => {
  expect(overFile({ HOST: "::1", PORT: "1" }, { HOST: "", PORT: "2" })).toEqual({ HOST: "::1", PORT: "1" });
});

describe.each(["", " ", "\r\n", "\uFEFF"])("a variable that guards the mint and is %j", (blank) => {
  const GUARDS = [
    "MACP_AUTH_CALLER_AUTH",
    "MACP_AUTH_CONFIG_FILE",
    "MACP_AUTH_SHARED_SECRET",
    "MACP_AUTH_SHARED_SECRET_FILE",
  ];

  test.each(GUARDS)("ends a start that would let anyone mint: %s", (name) => {
    for (const environment of [
      { [name]: blank },
      withoutBlanks({ [name]: blank }),
      withoutBlanks({ [`\uFEFF${name}`]: blank }),
      overFile({ [name]: blank }, { HOST: "::1" }),
      overFile({ HOST: "::1" }, { [name]: blank }),
    ])
      expect(readSettings(environment).faults).toEqual([
        `${name} is set and empty, and without it anyone may mint; give it its value or, if anyone may, set MACP_AUTH_CALLER_AUTH=off`,
      ]);
  });

  test.each(GUARDS)("counts as unset where the mint is closed or is meant to be open: %s", (name) => {
    const other = name.endsWith("SECRET_FILE") ? "MACP_AUTH_CONFIG_FILE" : "MACP_AUTH_SHARED_SECRET_FILE";
    expect(readSettings({ [name]: blank, [other]: "/x" }).faults).toEqual([]);
    expect(readSettings({ [name]: blank, [other]: "/x" }).settings.access.mode).toBe("enforce");
    if (name === "MACP_AUTH_CALLER_AUTH") return;
    expect(readSettings({ [name]: blank, MACP_AUTH_CALLER_AUTH: "off" }).faults).toEqual([]);
  });

  test.each(GUARDS)("does not hide what the environment or the settings file says: %s", (name) => {
    const value = name === "MACP_AUTH_CALLER_AUTH" ? "off" : "v".repeat(32);
    expect(overFile({ [name]: blank }, { [name]: value })).toEqual({ [name]: value });
    expect(overFile({ [name]: value }, { [name]: blank })).toEqual({ [name]: value });
    expect(readSettings(overFile({ [name]: blank }, { [name]: value })).faults).toEqual([]);
  });
});

test("a byte order mark before a value is dropped", () => {
  expect(withoutBlanks({ MACP_AUTH_ISSUER: "\uFEFFours" })).toEqual({ MACP_AUTH_ISSUER: "ours" });
  const { settings } = loadSettings({ MACP_AUTH_SIGNING_KEY_JSON: "\uFEFF{}", PORT: "\uFEFF81" });
  expect(settings.listener.port).toBe(81);
  expect(settings.keys.source.kind === "env" && settings.keys.source.jwk.reveal()).toBe("{}");
});

test("a byte order mark before a name does not lose the variable, and does not beat one without it", () => {
  expect(withoutBlanks({ "\uFEFFHOST": "127.0.0.1" })).toEqual({ HOST: "127.0.0.1" });
  expect(withoutBlanks({ HOST: "::1", "\uFEFFHOST": "127.0.0.1" })).toEqual({ HOST: "::1" });
});

test("a service link does not hide what the settings file says, and is still warned about", () => {
  const links = {
    MACP_AUTH_ADMIN_PORT: "tcp://10.96.3.4:3201",
    MACP_AUTH_ADMIN_PORT_3201_TCP: "tcp://10.96.3.4:3201",
  };
  const { settings, warnings } = loadSettings(overFile(links, { MACP_AUTH_ADMIN_PORT: "3201" }));
  expect(settings.admin?.port).toBe(3201);
  expect(warnings).toEqual([expect.stringContaining("enableServiceLinks: false")]);
});

describe.each(["", " ", "\uFEFF"])("a variable of TLS that is %j", (blank) => {
  test.each(["MACP_AUTH_TLS_CERT_FILE", "MACP_AUTH_TLS_KEY_FILE"])("never means plain HTTP: %s", (name) => {
    for (const environment of [{ [name]: blank }, withoutBlanks({ [name]: blank })])
      expect(readSettings(environment).faults).toEqual([
        `${name} is set and empty, and without it the service speaks plain HTTP; give it its value, or unset it`,
      ]);
    const other = name.includes("CERT") ? "MACP_AUTH_TLS_KEY_FILE" : "MACP_AUTH_TLS_CERT_FILE";
    expect(readSettings({ [name]: blank, [other]: "/x" }).faults).toEqual([
      `${other} is set and ${name} is not; set both, or neither`,
    ]);
  });
});
