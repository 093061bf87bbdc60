import { expect, test } from "vitest";
import { environmentSource } from "./environment.ts";
import type { SettingPath } from "./settings.ts";
import type { Source } from "./source.ts";
import { readSources } from "./sources.ts";

/** A document of settings by group, each on a line of its own after the line of its group. */
function documentSource(document: Readonly<Record<string, Readonly<Record<string, string>>>>): Source {
  let line = 0;
  const given = Object.entries(document).flatMap(([group, settings]) => {
    line += 1;
    return Object.entries(settings).map(([name, text]) => {
      line += 1;
      const setting = `${group}.${name}` as SettingPath;
      return [setting, { text, label: `auth.yaml:${String(line)}:3 ${setting}` }] as const;
    });
  });
  return { given: new Map(given), blank: [], nameOf: (setting) => `${setting} of auth.yaml`, warnings: [] };
}

test("a fault of one value names the place that the value came from", () => {
  const { faults } = readSources([
    environmentSource({ MACP_AUTH_LOG_LEVEL: "loud" }),
    documentSource({ listener: { port: "x" }, keys: { alg: "none" } }),
  ]);
  expect(faults).toEqual([
    'auth.yaml:2:3 listener.port must be a whole number from 0 to 65535, and is "x"',
    'auth.yaml:4:3 keys.alg must be RS256 or ES256, and is "none"',
    'MACP_AUTH_LOG_LEVEL must be debug or info or warn or error or silent, and is "loud"',
  ]);
});

test("a fault across values names the place of each, and the name in the first source of one that is not given", () => {
  const { faults } = readSources([
    environmentSource({ MACP_AUTH_KEY_LEAD_SECONDS: "90000", MACP_AUTH_ADMIN_HOST: "0.0.0.0" }),
    documentSource({ keys: { rotationSeconds: "86400", store: "sqlite:keys.db" }, admin: { port: "9090" } }),
  ]);
  expect(faults).toEqual([
    expect.stringMatching(
      /^auth.yaml:3:3 keys.store keeps private keys, and neither MACP_AUTH_KEK_FILE nor MACP_AUTH_KEK is set/,
    ),
    expect.stringMatching(/^auth.yaml:2:3 keys.rotationSeconds is below MACP_AUTH_KEY_LEAD_SECONDS, /),
    "MACP_AUTH_ADMIN_HOST is reachable from other machines; set MACP_AUTH_ADMIN_TOKEN_FILE, or use 127.0.0.1",
  ]);
});

test("two settings of which one must be chosen are found in two sources", () => {
  const { faults } = readSources([
    documentSource({ keys: { file: "/key" } }),
    environmentSource({ MACP_AUTH_SIGNING_KEY_JSON: "{}" }),
  ]);
  expect(faults).toEqual([
    "MACP_AUTH_SIGNING_KEY_JSON and auth.yaml:2:3 keys.file are both set; unset the one that is not meant",
  ]);
});

test("a warning names the place, and the sources' own warnings follow", () => {
  const { warnings } = readSources([
    environmentSource({ MACP_AUTH_ISUER: "x" }),
    documentSource({ tokens: { maxTtlSeconds: "100", defaultTtlSeconds: "500", issuer: "'ours'" } }),
  ]);
  expect(warnings).toEqual([
    "auth.yaml:3:3 tokens.defaultTtlSeconds is above auth.yaml:2:3 tokens.maxTtlSeconds; tokens live 100 seconds by default",
    expect.stringMatching(/^auth.yaml:4:3 tokens.issuer is "'ours'"/),
    expect.stringMatching(/^MACP_AUTH_ISUER /),
  ]);
});

test("of two sources that give one setting the first wins, and the fault of the other is none", () => {
  const { settings, labels, faults } = readSources([
    environmentSource({ PORT: "81" }),
    documentSource({ listener: { port: "x", host: "127.0.0.1" } }),
  ]);
  expect(faults).toEqual([]);
  expect(settings.listener).toMatchObject({ port: 81, host: "127.0.0.1" });
  expect([labels.of("listener.port"), labels.of("listener.host"), labels.of("log.level")]).toEqual([
    "PORT",
    "auth.yaml:3:3 listener.host",
    "MACP_AUTH_LOG_LEVEL",
  ]);
});
