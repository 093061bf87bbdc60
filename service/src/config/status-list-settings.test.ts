import { describe, expect, test } from "vitest";
import { loadSettings, readSettings } from "./environment.ts";

const STORED = { MACP_AUTH_STORE_URL: "sqlite:/var/lib/store.db", MACP_AUTH_KEK_FILE: "/etc/kek" };
const ON = { MACP_AUTH_STATUS_LISTS: "on", MACP_AUTH_PUBLIC_URL: "https://auth.example" };

test("status lists are off unless they are set, whatever else is", () => {
  expect(loadSettings({}).settings.statusLists).toBeUndefined();
  const { MACP_AUTH_PUBLIC_URL } = ON;
  expect(loadSettings({ ...STORED, MACP_AUTH_PUBLIC_URL }).settings.statusLists).toBeUndefined();
});

test.each([
  ["https://auth.example", "https://auth.example"],
  ["https://auth.example/", "https://auth.example"],
  [" https://auth.example/base/ ", "https://auth.example/base"],
  ["http://127.0.0.1:3200", "http://127.0.0.1:3200"],
])("the address %j of the service is %s in tokens", (MACP_AUTH_PUBLIC_URL, publicUrl) => {
  const { settings } = loadSettings({ ...STORED, ...ON, MACP_AUTH_PUBLIC_URL });
  expect(settings.statusLists).toEqual({ publicUrl, ttlSeconds: 15 });
});

describe("a start with status lists ends with one line", () => {
  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    [
      "without an address",
      { ...STORED, MACP_AUTH_STATUS_LISTS: "on" },
      /^MACP_AUTH_STATUS_LISTS is on, and .* set MACP_AUTH_PUBLIC_URL to /,
    ],
    [
      "without a ledger",
      { ...ON },
      /^MACP_AUTH_STATUS_LISTS is on, and the ledger is off: .*MACP_AUTH_LEDGER=durable/,
    ],
    [
      "with a ledger that does not wait",
      { ...STORED, ...ON, MACP_AUTH_LEDGER: "async" },
      /the ledger is async: /,
    ],
    [
      "with another word",
      { ...STORED, ...ON, MACP_AUTH_STATUS_LISTS: "yes" },
      /^MACP_AUTH_STATUS_LISTS must be off or on/,
    ],
    [
      "with an address of another kind",
      { ...STORED, ...ON, MACP_AUTH_PUBLIC_URL: "auth.example" },
      /^MACP_AUTH_PUBLIC_URL must be https/,
    ],
    [
      "with a query",
      { ...STORED, ...ON, MACP_AUTH_PUBLIC_URL: "https://a?x" },
      /^MACP_AUTH_PUBLIC_URL must be https/,
    ],
    [
      "with a user",
      { ...STORED, ...ON, MACP_AUTH_PUBLIC_URL: "https://u:p@a" },
      /^MACP_AUTH_PUBLIC_URL must be https/,
    ],
    [
      "with no time to keep a list",
      { ...STORED, ...ON, MACP_AUTH_STATUS_LIST_TTL_SECONDS: "0" },
      /^MACP_AUTH_STATUS_LIST_TTL_SECONDS must be a whole number/,
    ],
  ])("%s", (_, environment, line) => {
    const { faults } = readSettings(environment);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(line);
  });
});
