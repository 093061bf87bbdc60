import { describe, expect, test } from "vitest";
import type { Answer } from "../../client/http-client.ts";
import type { ServiceFacts } from "../facts/ask-service.ts";
import {
  healthAnswersExactly,
  mintAsksForCredentials,
  tokensAreNotReadableOnTheWire,
} from "./service-rules.ts";

function answered(status: number, body = "", headers: Record<string, string> = {}): Answer {
  return { kind: "answered", status, headers, body, bodyIs: "whole", connectMs: 1, totalMs: 2 };
}

const SILENT: Answer = { kind: "no-answer", code: "ECONNREFUSED", timeoutMs: 5_000 };

function facts(
  override: Partial<Omit<ServiceFacts, "base">> = {},
  base = "http://127.0.0.1:3200",
): ServiceFacts {
  return { base: new URL(base), health: SILENT, jwks: SILENT, emptyMint: SILENT, ...override };
}

describe("the health of a running service", () => {
  test("is exactly what deployments check for", () => {
    expect(healthAnswersExactly(facts({ health: answered(200, '{"ok":true}\n') }))).toMatchObject([
      { grade: "ok" },
    ]);
  });

  test.each([
    answered(503, '{"ok":true}'),
    answered(301, "", { location: "https://elsewhere/" }),
    answered(200, '{"ok":true,"version":"1"}'),
    answered(200, '{"ok":false}'),
    answered(200, "<html>"),
    answered(200, ""),
    SILENT,
  ])("fails with anything else", (health) => {
    expect(healthAnswersExactly(facts({ health }))).toMatchObject([{ grade: "fail" }]);
  });
});

test("a redirect is reported without the user, the query and the fragment of its target, which may be secret", () => {
  const location = "https://user:hunter2@elsewhere/health?token=hunter2#hunter2";
  const [finding] = healthAnswersExactly(facts({ health: answered(302, "", { location }) }));
  expect(finding?.found).toBe("GET /healthz answers 302 to https://elsewhere/health");
});

describe("the connection to a running service", () => {
  test("may be plain http inside this machine, and elsewhere must not carry tokens unencrypted", () => {
    expect(tokensAreNotReadableOnTheWire(facts())).toMatchObject([{ grade: "ok" }]);
    expect(tokensAreNotReadableOnTheWire(facts({}, "http://[::1]:3200"))).toMatchObject([{ grade: "ok" }]);
    expect(tokensAreNotReadableOnTheWire(facts({}, "http://auth-service:3200"))).toMatchObject([
      { grade: "warn" },
    ]);
  });

  test("over TLS says that the runtime's plain http access to the JWKS was not checked", () => {
    expect(tokensAreNotReadableOnTheWire(facts({}, "https://auth.example"))).toMatchObject([
      { grade: "ok" },
      { grade: "skip", check: "jwks-plain-http" },
    ]);
  });
});

describe("a mint that is asked without credentials", () => {
  const open = answered(400, '{"error":"sender is required"}');
  const gradeOf = (emptyMint: Answer, base?: string) =>
    mintAsksForCredentials(facts({ emptyMint }, base)).map(({ grade }) => grade);

  test("is open when it complains about the body: a failure, and inside this machine a warning", () => {
    expect(gradeOf(open, "http://auth-service:3200")).toEqual(["fail"]);
    expect(gradeOf(open, "https://auth.example")).toEqual(["fail"]);
    expect(gradeOf(open, "http://localhost:3200")).toEqual(["warn"]);
  });

  test.each([401, 403, 404])("is closed when it answers %i", (status) => {
    expect(gradeOf(answered(status, '{"error":"sender is required"}'), "http://auth-service:3200")).toEqual([
      "ok",
    ]);
  });

  test.each([400, 307, 429, 500, 503])("proves nothing when it answers %i with something else", (status) => {
    expect(gradeOf(answered(status, "<html>"))).toEqual(["warn"]);
    expect(gradeOf(answered(status, "null"))).toEqual(["warn"]);
  });

  test("fails when it succeeds, and the token is not repeated", () => {
    const findings = mintAsksForCredentials(facts({ emptyMint: answered(200, '{"token":"eyJ.secret"}') }));
    expect(findings).toMatchObject([{ grade: "fail" }]);
    expect(JSON.stringify(findings)).not.toContain("eyJ");
  });

  test("fails when there is no answer", () => {
    expect(gradeOf(SILENT)).toEqual(["fail"]);
  });
});
