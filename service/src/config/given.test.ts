import { expect, test } from "vitest";
import { loadSettings } from "./environment.ts";
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
