import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { accessJsonSchema, readAccess } from "./read-access.ts";

const COMPLETE = `# yaml-language-server: $schema=./access.schema.json
version: 1
issuers:
  cluster: {preset: kubernetes, issuer: https://kubernetes.default.svc, keys: {jwks_url: https://10.0.0.1/openid/v1/jwks}, private_network: true}
callers:
  control-plane:
    owner: platform@example.com
    expires: 2027-06-30
    role: operator
    proofs:
      - secret: hmac-sha256:aaaa
      - workload: {issuer: cluster, subject: "system:serviceaccount:prod:*", claims: {namespace: prod}}
groups:
  agents: {planners: ["agent://planner", "agent://planner/*"]}
  callers: {fleet: [control-plane]}
grants:
  - name: planners
    callers: ["@fleet"]
    senders: ["@planners"]
    scopes: {can_start_sessions: true, allowed_modes: any, max_open_sessions: unlimited}
    max_ttl_seconds: 600
    on_excess: narrow
denies:
  - {name: no-root, senders: ["agent://root"]}
`;

const faultsOf = (text: string): readonly string[] => {
  const read = readAccess("access.yaml", text);
  return read.kind === "rejected" ? read.faults : [];
};

describe("an access document", () => {
  test("is read with its defaults: what a grant omits is not granted", () => {
    const read = readAccess("access.yaml", COMPLETE);
    expect(read).toMatchObject({
      kind: "read",
      access: {
        callers: { "control-plane": { role: "operator", disabled: false } },
        grants: [
          {
            scopes: {
              can_start_sessions: true,
              can_manage_mode_registry: false,
              is_observer: false,
              allowed_modes: "any",
              max_open_sessions: "unlimited",
            },
            unknown_scopes: "deny",
            on_excess: "narrow",
          },
        ],
      },
    });
    expect(
      readAccess("a", "version: 1\ngrants: [{name: a, callers: [b], senders: [c], scopes: {}}]"),
    ).toMatchObject({
      access: {
        grants: [{ scopes: { can_start_sessions: false, allowed_modes: [], max_open_sessions: 0 } }],
      },
    });
  });

  test("may be JSON, or nothing but its version", () => {
    expect(readAccess("a.json", '{"version":1}').kind).toBe("read");
    expect(readAccess("a.yaml", "\uFEFFversion: 1\n").kind).toBe("read");
  });

  test.each([
    [
      "an unknown name",
      "owner: platform",
      "owners: platform",
      "access.yaml:7:5 callers.control-plane.owners is not a name that is known here; see docs/access.md",
    ],
    [
      "a wrong type",
      "role: operator",
      "role: 7",
      "access.yaml:9:5 callers.control-plane.role must be viewer, operator or security",
    ],
    [
      "a date that is none",
      "2027-06-30",
      "2027-06-31x",
      "access.yaml:8:5 callers.control-plane.expires must be a date such as 2027-06-30, or a moment such as 2027-06-30T12:00:00Z",
    ],
    [
      "a misspelt proof",
      "secret: hmac-sha256:aaaa",
      "secrets: x",
      "access.yaml:11:9 callers.control-plane.proofs[0] must be one of secret, workload, private_key_jwt, certificate",
    ],
    [
      "a misspelt member of a proof",
      "subject:",
      "subjekt:",
      "access.yaml:12:37 callers.control-plane.proofs[1].workload.subjekt is not a name that is known here; see docs/access.md",
    ],
    [
      "a mode that is no list",
      "allowed_modes: any",
      "allowed_modes: all",
      'access.yaml:20:41 grants[0].scopes.allowed_modes must be "any" or a list of modes',
    ],
    ["a missing name", "  - name: planners\n", "  -\n", "access.yaml:18:5 grants[0].name is missing"],
    [
      "a scope that the runtime does not know",
      "can_start_sessions",
      "can_start_session",
      "access.yaml:21:14 grants[0].scopes.can_start_session is not a name that is known here; see docs/access.md",
    ],
    ["another version", "version: 1", "version: 2", "access.yaml:2:1 version must be 1"],
    [
      "an address without https",
      "https://10.0.0.1/openid/v1/jwks",
      "ftp://10.0.0.1/",
      "access.yaml:4:81 issuers.cluster.keys.jwks_url must be an https URL without user, password and fragment",
    ],
  ])("with %s is rejected with the line and the column", (_, from, to, fault) => {
    const broken = COMPLETE.replace(from, to);
    expect(broken).not.toBe(COMPLETE);
    expect(faultsOf(broken).map((line) => line.replace(/:[0-9]+:[0-9]+ /, ":L:C "))).toContain(
      fault.replace(/:[0-9]+:[0-9]+ /, ":L:C "),
    );
    const [, line = "", column = ""] = /:([0-9]+):([0-9]+) /.exec(faultsOf(broken)[0] ?? "") ?? [];
    const shown = broken.split("\n")[Number(line) - 1]?.slice(Number(column) - 1) ?? "";
    expect(shown).not.toBe("");
  });

  test.each([
    ["two callers of one name", "version: 1\ncallers: {a: {}, a: {}}"],
    ["an unclosed bracket", "version: 1\ncallers: {a: {"],
    ["tabs as indentation", "version: 1\ncallers:\n\ta: {}"],
    ["a second document", "version: 1\n---\nversion: 1"],
    ["a tag", "version: !one 1"],
    ["a merge key", "version: 1\ncallers: {a: &a {}, b: {<<: *a}}"],
    ["nothing", ""],
    ["a list", "[]"],
    ["a number as the name of a caller's owner", "version: 1\ncallers: {a: {owner: 7}}"],
    ["__proto__ as a caller", "version: 1\ncallers: {__proto__: {role: security}}"],
  ])("with %s is rejected with a line of its own", (_, text) => {
    expect(faultsOf(text).length).toBeGreaterThan(0);
    for (const fault of faultsOf(text)) expect(fault).toMatch(/^access\.yaml[: ].+[^\n]$/);
  });

  test("that refers to itself without end is rejected in a moment, and one with a few references is read", () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `x${String(i + 1)}: &x${String(i + 1)} [${`*x${String(i)},`.repeat(9)}]`,
    );
    const start = performance.now();
    expect(faultsOf(`version: 1\nx0: &x0 [a]\n${levels.join("\n")}`).length).toBeGreaterThan(0);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(readAccess("a", "version: 1\ncallers: {a: &a {disabled: true}, b: *a}").kind).toBe("read");
  });

  test("of any text is read or rejected, and never a fault of this program", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "grapheme" }), fc.json()), (text) => {
        expect(["read", "rejected"]).toContain(readAccess("a", text).kind);
        expect(["read", "rejected"]).toContain(readAccess("a", `version: 1\ncallers: ${text}`).kind);
      }),
      { numRuns: 500 },
    );
  });

  test("shows no secret that stands in a wrong place", () => {
    const secret = "macps_abcdefghijkl_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmU_abcdef";
    for (const text of [
      `version: 1\n${secret}: 1`,
      `version: 1\ncallers: {a: {proofs: [${secret}]}}`,
      `version: 1\ncallers: {${secret.toUpperCase()}: {}}`,
    ])
      expect(faultsOf(text).join("\n")).not.toContain(secret);
  });

  test("shows no secret wherever it stands, and whatever that breaks", () => {
    const secret = "macps_abcdefghijkl_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmU_abcdef";
    const around = fc.constantFrom(
      ...Array.from("!%]|>&*@`#{[\"'\\:,-? \n\t"),
      "",
      "!<",
      "|9",
      '"\\x',
      ": ",
      "---\n",
      "...\n",
    );
    fc.assert(
      fc.property(fc.nat(COMPLETE.length), around, around, (at, before, after) => {
        const text = `${COMPLETE.slice(0, at)}${before}${secret}${after}${COMPLETE.slice(at)}`;
        expect(faultsOf(text).join("\n")).not.toContain(secret);
      }),
      { numRuns: 2_000 },
    );
  });

  test("with a mapping as a name is rejected, and nothing of it is written past the log", () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    onTestFinished(() => {
      warn.mockRestore();
    });
    expect(faultsOf("version: 1\ncallers: {? {secret: s3cret} : {}}")).toHaveLength(1);
    expect(warn).not.toHaveBeenCalled();
  });
});

test("the JSON Schema for editors describes the whole document", () => {
  expect(accessJsonSchema()).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    additionalProperties: false,
    required: ["version"],
  });
});
