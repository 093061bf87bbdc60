import { describe, expect, test } from "vitest";
import { readAccess } from "../../../config/access/read-access.ts";
import { unknownClaimsOfGrants } from "./claims-of-grants.ts";

const CLUSTER = "cluster: {preset: kubernetes, issuer: 'https://cluster.example'}";

/** The faults of a document with these issuers and one grant with these members, each as its place and its text. */
function faultsOf(issuers: string, members: string): readonly string[] {
  const grant = `{name: a, callers: [b], scopes: {}, ${members}}`;
  const groups = "{agents: {fleet: ['agent://{claims.pod}/*', 'agent://{claims.podd}/*']}}";
  const read = readAccess(
    "access.yaml",
    `version: 1\nissuers: {${issuers}}\ngroups: ${groups}\ngrants: [${grant}]`,
  );
  if (read.kind === "rejected") throw new Error(JSON.stringify(read));
  return unknownClaimsOfGrants(read.access).map(({ place, text }) => `${place.join(".")} ${text}`);
}

describe("a claim that no declared issuer gives is a fault of the document", () => {
  test("where a grant requires it, where a sender names it, and in a group of senders", () => {
    const [required, ...others] = faultsOf(
      CLUSTER,
      "senders: ['agent://{claims.namespace}/*', 'agent://{claims.namespac}/*', '@fleet'], claims: {servicaccount: [x], pod: [y]}",
    );
    expect(required).toBe(
      "grants.0.claims.servicaccount names the claim servicaccount, which no declared issuer gives; known are namespace, serviceaccount, serviceaccount_uid, pod, pod_uid, node",
    );
    expect(others).toEqual([
      expect.stringMatching(/^grants\.0\.senders\.1 names the claim namespac, /),
      expect.stringMatching(/^grants\.0\.senders\.2 names the claim podd, /),
    ]);
  });

  test("and where no issuer is declared at all", () => {
    expect(faultsOf("", "senders: ['{claims.namespace}']")).toEqual([
      "grants.0.senders.0 names the claim namespace, which no declared issuer gives; no issuer is declared",
    ]);
    expect(faultsOf("", "senders: ['agent://a', '**']")).toEqual([]);
  });

  test("but not where an issuer gives any claim that its tokens have", () => {
    const login = "login: {preset: oidc, issuer: 'https://login.example'}";
    expect(faultsOf(`${CLUSTER}, ${login}`, "senders: ['{claims.tenant}/*']")).toEqual([]);
  });
});
