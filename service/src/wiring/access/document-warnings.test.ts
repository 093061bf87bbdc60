import { pino } from "pino";
import { expect, test } from "vitest";
import type { IssuerEntry } from "../../callers/declared/registry.ts";
import type { CompiledPolicy } from "../../policy/compile-policy.ts";
import { callerEntry, foreignSigner, issuerEntry } from "../../testing/callers.ts";
import { documentWarner } from "./document-warnings.ts";

const { key } = await foreignSigner();
const NO_POLICY = {
  rules: { grants: [], denies: [] },
  policy: {} as CompiledPolicy,
  limits: undefined,
  asksNobody: false,
  receivers: [],
  grants: 0,
};

function documentWith(kind: "assertions" | "secrets", audience = "https://auth.example") {
  const callers = [callerEntry("ci", kind === "assertions" ? { assertionKeys: [key] } : {})];
  const issuers: IssuerEntry[] = [issuerEntry("cluster", { audience })];
  return { ...NO_POLICY, registry: { callers, issuers, clientCas: [] } };
}

function warnings(ownIssuer: string, isUseStored: boolean, ...documents: ReturnType<typeof documentWith>[]) {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const warn = documentWarner(log, ownIssuer, isUseStored);
  for (const document of documents) warn(document);
  return lines.map((line) => (JSON.parse(line) as { readonly event: string }).event);
}

test("assertions without a store cause one warning, however often the document changes", () => {
  const [without, having] = [documentWith("secrets"), documentWith("assertions")];
  expect(warnings("https://auth.example", false, without, having, without, having)).toEqual([
    "assertions_in_memory",
  ]);
  expect(warnings("https://auth.example", true, having)).toEqual([]);
});

test("tokens that every deployment with the default name would accept cause a warning", () => {
  expect(warnings("macp-auth-service", true, documentWith("secrets"))).toEqual([]);
  expect(warnings("macp-auth-service", true, documentWith("assertions"))).toEqual(["common_audience"]);
  expect(warnings("https://auth.example", true, documentWith("secrets", "macp-auth-service"))).toEqual([
    "common_audience",
  ]);
});
