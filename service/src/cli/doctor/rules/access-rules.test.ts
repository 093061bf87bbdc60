import { describe, expect, test } from "vitest";
import type { CallerEntry } from "../../../callers/declared/registry.ts";
import { loadSettings } from "../../../config/environment.ts";
import { callerEntry, foreignSigner } from "../../../testing/callers.ts";
import type { ConfigurationFacts } from "../facts/configuration-facts.ts";
import { judge } from "../finding.ts";
import { ACCESS_RULES } from "./access-rules.ts";

const DOCUMENT = { MACP_AUTH_CONFIG_FILE: "/access.yaml", MACP_AUTH_ISSUER: "https://auth.example" };
const ADMIN = { MACP_AUTH_ADMIN_PORT: "3201" };

/** What the rules find where these callers are declared. */
function findings(environment: Record<string, string>, ...callers: readonly CallerEntry[]) {
  const facts: Pick<ConfigurationFacts, "settings" | "access"> = {
    settings: { kind: "read", ...loadSettings(environment) },
    access: {
      kind: "loaded",
      loaded: { registry: { issuers: [], callers, clientCas: [] }, files: [], warnings: [] },
    },
  };
  return judge(ACCESS_RULES, facts);
}

describe("callers and policy", () => {
  test("that are not declared are nothing to report, and a document that is off is not read", () => {
    expect(findings({})).toEqual([]);
    expect(findings({ ...DOCUMENT, MACP_AUTH_CALLER_AUTH: "off" })).toMatchObject([
      { grade: "skip", check: "access" },
    ]);
  });

  test("with faults fail once for each fault, as a start would", () => {
    const access = {
      kind: "rejected",
      faults: ["access.yaml:1:1 a", "MACP_AUTH_SHARED_SECRET_FILE b"],
    } as const;
    expect(
      judge(ACCESS_RULES, { settings: { kind: "read", ...loadSettings(DOCUMENT) }, access }),
    ).toMatchObject([
      { grade: "fail", check: "access", found: "access.yaml:1:1 a" },
      { grade: "fail", check: "access", found: "MACP_AUTH_SHARED_SECRET_FILE b" },
    ]);
  });

  test("are counted when there is nothing to fix", () => {
    expect(findings(DOCUMENT, callerEntry("a"), callerEntry("b"))).toEqual([
      { grade: "ok", check: "access", found: "enforce: 2 declared callers, 0 issuers" },
    ]);
  });
});

test("roles that nobody is asked for draw a warning: without a token every program of the machine has the role security", () => {
  const viewer = callerEntry("a", { role: "viewer" });
  const named = ({ check }: { readonly check: string }) => check === "operator-roles";
  expect(findings({ ...DOCUMENT, ...ADMIN }, viewer).filter(named)).toMatchObject([
    { grade: "warn", fix: expect.stringContaining("MACP_AUTH_ADMIN_TOKEN_FILE") as string },
  ]);
  expect(findings({ ...DOCUMENT, ...ADMIN }, callerEntry("a")).filter(named)).toEqual([]);
  expect(findings({ ...DOCUMENT, ...ADMIN, MACP_AUTH_ADMIN_TOKEN_FILE: "/t" }, viewer).filter(named)).toEqual(
    [],
  );
  expect(findings(DOCUMENT, viewer).filter(named)).toEqual([]);
});

test("client assertions without a shared store draw a warning", async () => {
  const { key } = await foreignSigner();
  const asserting = callerEntry("a", { assertionKeys: [key] });
  const gradeWith = (environment: Record<string, string>) =>
    findings({ ...DOCUMENT, ...environment }, asserting).find(({ check }) => check === "assertions-in-memory")
      ?.grade;
  expect(gradeWith({})).toBe("warn");
  expect(gradeWith({ MACP_AUTH_STORE_URL: "memory:" })).toBe("warn");
  const stored = { MACP_AUTH_STORE_URL: "sqlite:keys.db", MACP_AUTH_KEK_FILE: "/kek" };
  expect(gradeWith(stored)).toBeUndefined();
  expect(gradeWith({ ...stored, MACP_AUTH_SIGNING_KEY_FILE: "/key" })).toBe("warn");
  expect(findings(DOCUMENT, callerEntry("a")).map(({ check }) => check)).toEqual(["access"]);
});
