import { expect, test } from "vitest";
import type { CallerRegistry } from "../../../callers/declared/registry.ts";
import { loadSettings } from "../../../config/environment.ts";
import { epochSeconds } from "../../../kernel/clock.ts";
import type { ConfigurationFacts, TlsFound } from "../facts/configuration-facts.ts";
import { certificateIsServable, nodeIsSafeForClientCertificates } from "./tls-rules.ts";

const NOW = epochSeconds(1_800_000_000);
const facts = (tls: TlsFound): ConfigurationFacts =>
  ({ tls, now: NOW, access: { kind: "unknown" } }) as Partial<ConfigurationFacts> as ConfigurationFacts;
const servable = (days: number, warnings: readonly string[] = []): TlsFound => ({
  kind: "servable",
  notAfter: epochSeconds(NOW + days * 86_400),
  lifeSeconds: 90 * 86_400,
  warnings,
});

test("a certificate that is valid for more than 30 days is ok, for less it is a warning", () => {
  expect(certificateIsServable(facts({ kind: "none" }))).toEqual([]);
  expect(certificateIsServable(facts(servable(31)))).toMatchObject([{ grade: "ok" }]);
  expect(certificateIsServable(facts(servable(30)))).toMatchObject([{ grade: "warn", fix: "renew it" }]);
});

test("a certificate that lives for an hour is ok until a quarter of that is left", () => {
  const hour = (minutes: number) => ({ ...servable(minutes / 1_440), lifeSeconds: 3_600 });
  expect(certificateIsServable(facts(hour(16)))).toMatchObject([
    { grade: "ok", found: "the certificate of the listeners is valid for 16 more minutes" },
  ]);
  expect(certificateIsServable(facts(hour(15)))).toMatchObject([{ grade: "warn", fix: "renew it" }]);
});

test("files that a start would reject fail, each fault once, and what a start warns of is a warning", () => {
  expect(certificateIsServable(facts({ kind: "rejected", faults: ["one", "two"] }))).toMatchObject([
    { grade: "fail", found: "one" },
    { grade: "fail", found: "two" },
  ]);
  expect(certificateIsServable(facts(servable(90, ["no name"])))).toMatchObject([
    { grade: "ok" },
    { grade: "warn", found: "no name" },
  ]);
});

type ClientCa = CallerRegistry["clientCas"][number];
const TLS = { MACP_AUTH_TLS_CERT_FILE: "/a", MACP_AUTH_TLS_KEY_FILE: "/b" };

test.each([
  ["v20.20.2", "warn"],
  ["v22.23.4", "warn"],
  ["v22.23.5", "ok"],
  ["v23.99.0", "warn"],
  ["v24.22.2", "warn"],
  ["v24.23.0", "ok"],
  ["v26.13.1", "ok"],
  ["v27.0.0", "ok"],
])("Node %s where clients are asked for certificates: %s", (nodeVersion, grade) => {
  const settings = { kind: "read", ...loadSettings({ ...TLS, MACP_AUTH_TLS_CLIENT_CA_FILE: "/c" }) } as const;
  expect(
    nodeIsSafeForClientCertificates({ ...facts({ kind: "none" }), settings, nodeVersion }),
  ).toMatchObject([{ grade }]);
  const without = { kind: "read", ...loadSettings(TLS) } as const;
  expect(
    nodeIsSafeForClientCertificates({ ...facts({ kind: "none" }), settings: without, nodeVersion }),
  ).toEqual([]);
  const mesh = { name: "mesh" } as Partial<ClientCa> as ClientCa;
  const registry = { issuers: [], callers: [], clientCas: [mesh] };
  const access = { kind: "loaded", loaded: { registry, files: [], warnings: [] } } as const;
  expect(
    nodeIsSafeForClientCertificates({ ...facts({ kind: "none" }), settings: without, access, nodeVersion }),
  ).toMatchObject([{ grade }]);
});
