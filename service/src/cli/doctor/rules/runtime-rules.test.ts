import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { loadSettings } from "../../../config/environment.ts";
import type { Settings } from "../../../config/settings.ts";
import { judge } from "../finding.ts";
import {
  algorithmsAgree,
  audiencesAgree,
  issuersAgree,
  keyLifetimesAgree,
  RUNTIME_RULES,
  runtimeFetchesTheKeys,
  runtimeHasOneDoor,
  runtimeUsesTls,
} from "./runtime-rules.ts";

const settingsOf = (environment: Record<string, string> = {}): Settings => loadSettings(environment).settings;
const FINE = {
  MACP_AUTH_ISSUER: "macp-auth-service",
  MACP_AUTH_JWKS_URL: "http://auth-service:3200/.well-known/jwks.json",
};
const facts = (runtime: Record<string, string>, settings: Settings | undefined = settingsOf()) => ({
  runtime,
  settings,
});

describe("a runtime's environment", () => {
  test("that names only this service's issuer and JWKS agrees with the service's defaults", () => {
    expect(judge(RUNTIME_RULES, facts(FINE)).map(({ grade }) => grade)).toEqual(
      RUNTIME_RULES.map(() => "ok"),
    );
  });

  test("is not compared with a service whose settings are unknown, and is still checked by itself", () => {
    const findings = judge(RUNTIME_RULES, { runtime: FINE, settings: undefined });
    expect(findings.map(({ check, grade }) => `${check} ${grade}`)).toEqual([
      "runtime-issuer skip",
      "runtime-audience skip",
      "runtime-jwks-url ok",
      "runtime-jwks-ttl skip",
      "runtime-algorithms ok",
      "runtime-transport ok",
      "runtime-http ok",
    ]);
  });

  test("fails when its issuer or audience is another, or its issuer is missing", () => {
    expect(issuersAgree(facts({ MACP_AUTH_ISSUER: "macp-auth-service/" }))).toMatchObject([
      { grade: "fail" },
    ]);
    expect(issuersAgree(facts({ MACP_AUTH_ISSUER: "" }))).toMatchObject([{ grade: "fail" }]);
    expect(issuersAgree(facts({}))).toMatchObject([
      { grade: "fail", fix: "set MACP_AUTH_ISSUER=macp-auth-service for the runtime" },
    ]);
    expect(audiencesAgree(facts({ MACP_AUTH_AUDIENCE: "other" }))).toMatchObject([{ grade: "fail" }]);
    expect(audiencesAgree(facts({}, settingsOf({ MACP_AUTH_AUDIENCE: "other" })))).toMatchObject([
      { grade: "fail" },
    ]);
  });

  test.each([
    ["ok", "http://auth-service:3200/.well-known/jwks.json"],
    ["ok", "http://proxy/auth/.well-known/jwks.json"],
    ["fail", "https://auth-service/.well-known/jwks.json"],
    ["warn", "http://auth-service:3200/jwks"],
    ["fail", "auth-service:3200"],
    ["fail", "not a url"],
    ["fail", ""],
  ])("has %s for the JWKS address %s", (grade, MACP_AUTH_JWKS_URL) => {
    expect(runtimeFetchesTheKeys(facts({ ...FINE, MACP_AUTH_JWKS_URL }))).toMatchObject([{ grade }]);
  });

  test("never has the user and password of an address in its findings", () => {
    const address = "https://user:hunter2@auth-service/.well-known/jwks.json?key=hunter2";
    expect(JSON.stringify(runtimeFetchesTheKeys(facts({ MACP_AUTH_JWKS_URL: address })))).not.toContain(
      "hunter2",
    );
  });

  test("is warned about with inline keys, which never refresh and hide the address", () => {
    expect(runtimeFetchesTheKeys(facts({ ...FINE, MACP_AUTH_JWKS_JSON: '{"keys":[]}' }))).toMatchObject([
      { grade: "warn", found: expect.stringContaining("MACP_AUTH_JWKS_URL is ignored") as string },
    ]);
    expect(runtimeFetchesTheKeys(facts({}))).toMatchObject([{ grade: "fail" }]);
  });

  test("fails when it keeps keys for longer than was declared, and is a warning when shorter or unreadable", () => {
    const declared = settingsOf({ MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "600" });
    expect(keyLifetimesAgree(facts({ MACP_AUTH_JWKS_TTL_SECS: "600" }, declared))).toMatchObject([
      { grade: "ok" },
    ]);
    expect(keyLifetimesAgree(facts({ MACP_AUTH_JWKS_TTL_SECS: "601" }, declared))).toMatchObject([
      { grade: "fail", fix: "set MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS=601 for this service" },
    ]);
    expect(keyLifetimesAgree(facts({}, declared))).toMatchObject([{ grade: "warn" }]);
    expect(keyLifetimesAgree(facts({ MACP_AUTH_JWKS_TTL_SECS: "5m" }))).toMatchObject([{ grade: "warn" }]);
  });

  test("must accept the algorithm in use, and is warned about HS256", () => {
    const es256 = settingsOf({ MACP_AUTH_SIGNING_ALG: "ES256" });
    expect(algorithmsAgree(facts({ MACP_AUTH_JWT_ALGS: " es256 , RS256" }, es256))).toMatchObject([
      { grade: "ok" },
    ]);
    expect(algorithmsAgree(facts({ MACP_AUTH_JWT_ALGS: "RS256" }, es256))).toMatchObject([{ grade: "fail" }]);
    expect(algorithmsAgree(facts({ MACP_AUTH_JWT_ALGS: "RS256,HS256" }))).toMatchObject([{ grade: "warn" }]);
    expect(algorithmsAgree(facts({ MACP_AUTH_JWT_ALGS: "HS256" }))).toMatchObject([
      { grade: "fail" },
      { grade: "warn" },
    ]);
    expect(algorithmsAgree(facts({ MACP_AUTH_JWT_ALGS: "EdDSA" }))).toMatchObject([{ grade: "ok" }]);
  });

  test("is warned about when agents may send tokens in plain text", () => {
    expect(runtimeUsesTls(facts({ MACP_ALLOW_INSECURE: "1" }))).toMatchObject([{ grade: "warn" }]);
  });

  test.each([
    ["", "ok"],
    ["127.0.0.1:8080", "ok"],
    ["[::1]:8080", "ok"],
    ["0.0.0.0:8080", "warn"],
    ["[::]:8080", "warn"],
    ["10.0.0.7:8080", "warn"],
  ])(
    "with the HTTP/JSON listener at %j is %s: a second door that others can reach is a warning",
    (address, grade) => {
      expect(runtimeHasOneDoor(facts({ MACP_HTTP_BIND_ADDR: address }))).toMatchObject([{ grade }]);
      expect(runtimeHasOneDoor(facts({}))).toMatchObject([{ grade: "ok" }]);
    },
  );

  test("shows no key that was put in the place of its address", () => {
    const key = randomBytes(32).toString("base64url").replace(/^./, "7");
    const [finding] = runtimeHasOneDoor(facts({ MACP_HTTP_BIND_ADDR: key }));
    expect(finding?.found).toContain("HTTP/JSON at (not shown: it looks like a secret)");
    expect(finding?.found).not.toContain(key);
  });
});
