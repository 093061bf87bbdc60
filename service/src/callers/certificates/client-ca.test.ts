import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerEntry, OWN_ISSUER } from "../../testing/callers.ts";
import {
  type ClientAuthorities,
  type ClientAuthority,
  clientAuthorities,
} from "../../testing/client-certificates.ts";
import { checkRegistry } from "../declared/check-registry.ts";
import type { CertificateRule, ClientCaEntry } from "../declared/registry.ts";

let authorities: ClientAuthorities;
let mesh: ClientAuthority;
beforeAll(async () => {
  authorities = await clientAuthorities(1_800_000_000);
  mesh = await authorities.root("mesh");
}, 60_000);
afterAll(() => authorities.remove());

function reasonsOf(
  rules: Readonly<Record<string, Partial<CertificateRule>>>,
  members: Partial<ClientCaEntry> = {},
): readonly string[] {
  const callers = Object.entries(rules).map(([id, rule]) =>
    callerEntry(id, { certificates: [{ ca: "mesh", of: "uri", name: "spiffe://a/b", ...rule }] }),
  );
  const clientCas = [{ name: "mesh", caPem: mesh.certificate, crlPem: undefined, ...members }];
  const faults = checkRegistry({ callers, issuers: [], clientCas }, { ownIssuer: OWN_ISSUER, reserved: [] });
  return faults.map((fault) =>
    fault.reason === "client_ca_invalid" ? `${fault.fault.member} ${fault.fault.reason}` : fault.reason,
  );
}

describe("client CAs and the rules for certificates are checked as a whole", () => {
  test("and nothing is found in what is right", async () => {
    expect(
      reasonsOf({ a: {}, b: { name: "spiffe://a/c" } }, { crlPem: await mesh.revocationList() }),
    ).toEqual([]);
  });

  test.each<[string, Readonly<Record<string, Partial<CertificateRule>>>, string]>([
    ["a client CA that is not declared", { a: { ca: "other" } }, "client_ca_undeclared"],
    ["a pattern that is none", { a: { name: "spiffe://a/**/b**" } }, "certificate_name_invalid"],
    ["a subject that is none", { a: { of: "subject", name: "planner" } }, "certificate_name_invalid"],
    ["a subject with an end", { a: { of: "subject", name: "CN=a," } }, "certificate_name_invalid"],
    ["one name of two callers", { a: {}, b: {} }, "certificate_rules_overlap"],
    ["a pattern over a name", { a: {}, b: { name: "spiffe://a/*" } }, "certificate_rules_overlap"],
    [
      "two patterns",
      { a: { name: "spiffe://*/b" }, b: { name: "spiffe://a/*" } },
      "certificate_rules_overlap",
    ],
    [
      "one DNS name in two spellings",
      { a: { of: "dns", name: "A.example" }, b: { of: "dns", name: "a.example" } },
      "certificate_rules_overlap",
    ],
  ])("%s is found", (_, rules, reason) => {
    expect(reasonsOf(rules)).toContain(reason);
  });

  test("a file that cannot be used is found", async () => {
    const leaf = await mesh.issue("leaf");
    const other = await (await clientAuthorities(1_800_000_000)).root("mesh");
    const delta = await mesh.revocationList(60, ["2.5.29.27=critical,ASN1:INTEGER:1"]);
    const list = await mesh.revocationList();
    expect(reasonsOf({}, { caPem: "" })).toEqual(["ca_file not_certificates"]);
    // A bundle may come later.
    expect(reasonsOf({}, { caPem: "", trustDomain: "example.org" })).toEqual([]);
    expect(reasonsOf({}, { caPem: "", trustDomain: "example.org", crlPem: "x" })).toEqual([
      "crl_file not_a_list",
    ]);
    expect(reasonsOf({}, { caPem: `${mesh.certificate}${leaf.key}` })).toEqual(["ca_file not_certificates"]);
    expect(reasonsOf({}, { caPem: leaf.certificate })).toEqual(["ca_file not_an_authority"]);
    expect(reasonsOf({}, { crlPem: mesh.certificate })).toEqual(["crl_file not_a_list"]);
    expect(reasonsOf({}, { crlPem: list.replace("CRL-----\n", "CRL-----\nAAAA") })).toEqual([
      "crl_file not_a_list",
    ]);
    expect(reasonsOf({}, { crlPem: delta })).toEqual(["crl_file extension_not_supported"]);
    expect(reasonsOf({}, { crlPem: await other.revocationList() })).toEqual(["crl_file signature_invalid"]);
  });

  test("10,000 callers with a certificate each are checked in a second", () => {
    const rules = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [
        `caller-${String(index)}`,
        { name: `spiffe://a/${String(index)}` },
      ]),
    );
    const begun = performance.now();
    expect(reasonsOf(rules)).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  test("a subject that is long and wrong is read in one pass", () => {
    const begun = performance.now();
    expect(reasonsOf({ a: { of: "subject", name: `${"A=".repeat(250)},` } })).toContain(
      "certificate_name_invalid",
    );
    expect(performance.now() - begun).toBeLessThan(200);
  });
});
