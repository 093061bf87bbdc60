import { expect, test } from "vitest";
import { readAccess } from "../../../config/access/read-access.ts";
import { segmented } from "../../../kernel/patterns/match-pattern.ts";
import { holds } from "../../../kernel/patterns/text-set.ts";
import { type ExpandContext, expandAccess } from "./expand-access.ts";

const POLICY_RULES = { audience: "macp-runtime", defaultTtlSeconds: 300, maxTtlSeconds: 3_600 };
const CONTEXT: ExpandContext = {
  ownIssuer: "https://auth.example",
  policyRules: POLICY_RULES,
  reserved: [],
  pathOf: (path) => path,
  readFile: () => Promise.reject(new Error("no file is named")),
};

test.each(["admin-token", "this-machine", "anyone"])(
  "no caller of a document is named %s, which the log uses for somebody else",
  async (name) => {
    const read = readAccess("access.yaml", JSON.stringify({ version: 1, callers: { [name]: {} } }));
    if (read.kind === "rejected") throw new Error(read.faults.join("\n"));
    const expanded = await expandAccess(read.access, {
      ownIssuer: "https://auth.example",
      policyRules: POLICY_RULES,
      reserved: [],
      pathOf: (path) => path,
      readFile: () => Promise.reject(new Error("no file is named")),
    });
    expect(expanded.kind === "rejected" && expanded.faults.map(read.lineOf)).toEqual([
      `access.yaml:1:25 callers.${name} is a name that the service itself uses for a caller; choose another name`,
    ]);
  },
);

test.each<[string, object, ReadonlyMap<string, string> | undefined, readonly string[]]>([
  ["a trust domain whose bundle is not known", { spiffe_trust_domain: "example.org" }, new Map(), []],
  [
    "a trust domain without an agent",
    { spiffe_trust_domain: "example.org" },
    undefined,
    [
      "client_cas.mesh.spiffe_trust_domain is given by a SPIFFE agent, and none is named; set MACP_AUTH_SPIFFE_SOCKET",
    ],
  ],
  ["neither", {}, new Map(), ["client_cas.mesh needs one of ca_file and spiffe_trust_domain, and not both"]],
  [
    "a SPIFFE id in place of a trust domain",
    { spiffe_trust_domain: "spiffe://example.org" },
    new Map(),
    ["client_cas.mesh.spiffe_trust_domain must be a trust domain such as example.org"],
  ],
])("a client CA with %s: %#", async (_, text, bundles, faults) => {
  const read = readAccess("access.yaml", JSON.stringify({ version: 1, client_cas: { mesh: text } }));
  const lines =
    read.kind === "rejected"
      ? read.faults
      : await expandAccess(read.access, {
          ownIssuer: "https://auth.example",
          policyRules: POLICY_RULES,
          reserved: [],
          bundles,
          pathOf: (path) => path,
          readFile: () => Promise.reject(new Error("no file is named")),
        }).then((expanded) => (expanded.kind === "rejected" ? expanded.faults.map(read.lineOf) : []));
  expect(lines.map((line) => line.replace(/^access.yaml:1:\d+ /, ""))).toEqual(
    faults.map((fault) => expect.stringMatching(fault.replaceAll(/[.]/g, "[.]")) as string),
  );
});

test("a caller may stop the senders that it lists and those of the groups that it names, ask about the audiences that it lists, and follow what is revoked", async () => {
  const groups = { agents: { team: ["agent://team/**"] } };
  const guard = { introspects: ["macp-runtime", "other"], revokes: ["agent://one", "@team"], guards: true };
  const read = readAccess(
    "access.yaml",
    JSON.stringify({ version: 1, groups, callers: { guard, none: {} } }),
  );
  if (read.kind === "rejected") throw new Error(read.faults.join("\n"));
  const expanded = await expandAccess(read.access, CONTEXT);
  if (expanded.kind === "rejected") throw new Error(expanded.faults.map(read.lineOf).join("\n"));
  const [{ rights } = {}, other] = expanded.registry.callers;
  expect(rights).toMatchObject({ introspects: ["macp-runtime", "other"], guards: true });
  expect(other?.rights).toBeUndefined();
  const stops = (sender: string) => rights && holds(rights.revokes, segmented(sender));
  expect(["agent://one", "agent://team/a", "agent://one/a", "agent://tea"].map(stops)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test.each([
  ["@nobody", "names a group that is not declared; add it to groups, or correct the name"],
  ["agent://{claims.ns}", "is not a valid pattern: {claims.NAME} is only allowed in the senders of a grant"],
  ["a**", "is not a valid pattern: ** must be a segment of its own, and the last one"],
  ["@bad", "is not a valid pattern: ** may stand in it only once"],
])("what a caller may stop is rejected at its own line: %s", async (written, text) => {
  const groups = { agents: { bad: ["a/**/b/**"] } };
  const callers = { guard: { revokes: ["agent://ok", written] } };
  const read = readAccess("access.yaml", JSON.stringify({ version: 1, groups, callers }));
  if (read.kind === "rejected") throw new Error(read.faults.join("\n"));
  const expanded = await expandAccess(read.access, CONTEXT);
  const lines = expanded.kind === "rejected" ? expanded.faults.map(read.lineOf) : [];
  expect(lines.map((line) => line.replace(/^access.yaml:1:\d+ /, ""))).toEqual([
    `callers.guard.revokes[1] ${text}`,
  ]);
});
