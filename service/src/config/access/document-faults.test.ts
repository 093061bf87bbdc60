import { execFile } from "node:child_process";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAccess } from "./read-access.ts";

const faultsOf = (text: string): readonly string[] => {
  const read = readAccess("access.yaml", text);
  return read.kind === "rejected" ? read.faults : [];
};

describe("a fault of the syntax is one plain line with its place and the fix", () => {
  test.each([
    [
      "a wildcard without quotes",
      "version: 1\ngroups: {agents: {all: [*]}}",
      '2:25 a "*" or "&" begins a reference',
    ],
    [
      "the same with more text",
      "version: 1\ngroups: {agents: {all: [*.v1]}}",
      '2:25 a "*" begins a reference',
    ],
    ["a reference to nothing", "version: 1\ncallers: {a: *b}", '2:14 a "*" begins a reference'],
    [
      "a reference to what comes later",
      "version: 1\ncallers: {a: *b, b: &b {}}",
      '2:14 a "*" begins a reference',
    ],
    [
      "a group without quotes",
      "version: 1\ngroups: {agents: {all: [@a]}}",
      "2:25 a text begins with a character that",
    ],
    [
      "a name that stands twice",
      "version: 1\ncallers:\n  a: {}\n  a: {}",
      '4:3 "a" stands here twice; remove one',
    ],
    [
      "a number and a text of one name",
      'version: 1\ncallers: {1: {}, "1": {}}',
      '2:18 "1" stands here twice',
    ],
    ["a name that is a list", "version: 1\ncallers: {? [a] : {}}", "2:10 a name here is no text"],
    ["__proto__", "version: 1\ncallers: {__proto__: {}}", '2:11 "__proto__" is no name'],
    ["a tab as indentation", "version: 1\ncallers:\n\ta: {}", "3:1 a tab is used for indentation"],
    ["an unclosed quote", 'version: 1\ncallers: {a: {owner: "x}}', "2:26 a quote, a bracket, a comma"],
    ["a second colon", "version: 1\ncallers: a: b", '2:10 the line has a second ":"'],
    ["a second document", "version: 1\n---\nversion: 1", "2:1 a second document begins"],
    ["a tag", "version: !one 1", "1:10 a tag or an anchor is not allowed here"],
    ["a NUL", "version: 1\ncallers: {a\0: {}}", "2:12 the text holds U+0000"],
    ["a carriage return alone", "version: 1\rcallers: {}", "1:11 the text holds U+000D"],
    ["bytes of Latin-1", "version: 1\ncallers: {a: {owner: Andr\ufffd}}", "2:26 the text is not UTF-8"],
    ["UTF-16", "\ufffd\ufffdv\0e\0r\0", "1:1 the text is not UTF-8"],
    [
      "a space that is none",
      'version: 1\ngroups: {agents: {all: ["a\u00a0b"]}}',
      "2:27 the text holds U+00A0, which cannot be seen",
    ],
    [
      "a mark that turns the reading direction",
      "version: 1\ngroups: {agents: {all: [agent://\u202ex]}}",
      "2:33 the text holds U+202E, which cannot be seen",
    ],
  ])("%s", (_, text, fault) => {
    expect(faultsOf(text)[0]).toContain(`access.yaml:${fault}`);
  });

  test("and a character that cannot be seen may be written as an escape, or stand in a comment", () => {
    const read = readAccess(
      "a",
      'version: 1 # \u26a0\ufe0f\ngroups: {agents: {all: ["a\\u200b", "agent://é😀"]}}',
    );
    expect(read).toMatchObject({
      kind: "read",
      access: { groups: { agents: { all: ["a\u200b", "agent://é😀"] } } },
    });
  });

  test("and it shows nothing of the text around it", () => {
    const secret = "macps_abcdefghijkl_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmU_abcdef";
    for (const text of [
      `version: 1\n${secret}`,
      `version: 1\ncallers: {a: {proofs: [{secret: ${secret}: x}]}}`,
      `version: 1\n- ${secret}`,
      `version: 1\n*${secret}`,
      `version: 1\ncallers: [*${secret}]`,
      `version: !${secret} 1`,
      `%${secret}\nversion: 1`,
      `version: "\\${secret}"`,
      `${secret}: 1\n${secret}: 1`,
    ]) {
      expect(faultsOf(text).length).toBeGreaterThan(0);
      expect(faultsOf(text).join("\n")).not.toContain(secret.slice(6, 40));
    }
  });
});

describe("a value that is read otherwise than it was meant is a fault, as YAML 1.1 has them", () => {
  test.each([
    ["yes", "callers: {a: {disabled: yes}}", "callers.a.disabled must be true or false"],
    ["no", "callers: {a: {disabled: no}}", "callers.a.disabled must be true or false"],
    [
      "on",
      "issuers: {a: {preset: oidc, issuer: x, disabled: on}}",
      "issuers.a.disabled must be true or false",
    ],
    [
      "a number as a claim",
      CLAIM("7"),
      "repository_id must be a text or a list of texts; put each in quotes",
    ],
    ["a text as a number", GRANT('max_ttl_seconds: "600"'), "grants[0].max_ttl_seconds must be a number"],
    ["a fraction", GRANT("max_ttl_seconds: 1.5"), "grants[0].max_ttl_seconds must be a whole number"],
    ["a number below", GRANT("max_ttl_seconds: 0"), "grants[0].max_ttl_seconds must be at least 1"],
    ["an empty list", GRANT("audiences: []"), "grants[0].audiences must not be empty"],
    ["one of a set", GRANT("on_excess: cut"), "grants[0].on_excess must be reject or narrow"],
    [
      "one of a set, in a list",
      GRANT("algorithms: [HS256]"),
      "grants[0].algorithms[0] must be RS256 or ES256",
    ],
    ["a number as a text", "callers: {a: {owner: 7}}", "callers.a.owner must be a text; put it in quotes"],
    ["nothing", "callers: {a: }", "callers.a must be a mapping (name: value)"],
    [
      "a day that is in no calendar",
      "callers: {a: {expires: 2027-02-30}}",
      "callers.a.expires must be a date",
    ],
    [
      "another, as a moment",
      'callers: {a: {expires: "2027-02-29T00:00:00Z"}}',
      "callers.a.expires must be a date",
    ],
    [
      "http to another machine",
      "issuers: {a: {preset: oidc, issuer: x, keys: {jwks_url: http://keys.example/}}}",
      "issuers.a.keys.jwks_url must begin with https://, unless it leads to this machine",
    ],
    [
      "keys of no kind",
      "callers: {a: {proofs: [{private_key_jwt: x}]}}",
      "private_key_jwt must be one of jwks_file, jwks",
    ],
  ])("%s", (_, text, fault) => {
    expect(faultsOf(`version: 1\n${text}`)).toEqual([expect.stringContaining(fault)]);
  });

  test("and what is meant is read: true, a name in capitals of YAML 1.2, octal with its prefix", () => {
    expect(faultsOf("version: 1\ncallers: {a: {disabled: True}, b: {disabled: false}}")).toEqual([]);
    expect(faultsOf("version: 1\r\ncallers:\r\n  a:\r\n    disabled: true\r\n")).toEqual([]);
    for (const day of ["2028-02-29", '"2028-02-29T23:59:59+02:00"', '"2027-12-31T00:00:00Z"'])
      expect(faultsOf(`version: 1\ncallers: {a: {expires: ${day}}}`)).toEqual([]);
  });
});

function GRANT(member: string): string {
  return `grants: [{name: a, callers: [b], senders: [c], scopes: {}, ${member}}]`;
}

function CLAIM(value: string): string {
  return `callers: {a: {proofs: [{workload: {issuer: gh, claims: {repository_id: ${value}}}}]}}`;
}

const COMPLETE = {
  version: 1,
  issuers: {
    a: { preset: "oidc", issuer: "https://a", keys: { jwks_url: "https://a/" }, algorithms: ["RS256"] },
    b: {
      preset: "kubernetes",
      issuer: "b",
      keys: "discovery",
      token_review: { url: "https://b", token_file: "t" },
    },
  },
  callers: {
    a: { owner: "x", expires: "2027-01-01", role: "viewer", proofs: [{ secret: "s" }] },
    b: {
      proofs: [{ workload: { issuer: "a", claims: { c: ["d"] } } }, { private_key_jwt: { jwks_file: "f" } }],
    },
  },
  groups: { agents: { g: ["x"] }, callers: { h: ["a"] } },
  grants: [
    { name: "g", callers: ["a"], senders: ["x"], scopes: { allowed_modes: ["m"], max_open_sessions: 1 } },
  ],
  denies: [{ name: "d", senders: ["x"] }],
};

/** Every place of a value, from its top. */
function placesOf(value: unknown, above: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [above];
  return [above, ...Object.entries(value).flatMap(([name, inner]) => placesOf(inner, [...above, name]))];
}

function replaced(value: unknown, [first, ...others]: readonly string[], by: unknown): unknown {
  if (first === undefined) return by;
  const entries = Object.entries(value as object).map(([name, inner]) => [
    name,
    name === first ? replaced(inner, others, by) : (inner as unknown),
  ]);
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

test("whatever value stands in whatever place, each fault is a line of our own words with its place", () => {
  const values = fc.constantFrom<unknown>(
    null,
    7,
    -1,
    1.5,
    1e300,
    true,
    "",
    "x".repeat(3_000),
    [],
    {},
    [[]],
    [7],
    {
      a: 1,
      b: 2,
    },
  );
  fc.assert(
    fc.property(fc.constantFrom(...placesOf(COMPLETE)), values, (place, value) => {
      for (const fault of faultsOf(JSON.stringify(replaced(COMPLETE, place, value), null, 2))) {
        expect(fault).toMatch(/^access\.yaml:[1-9][0-9]*:[1-9][0-9]* [^\n]{10,300}$/);
        expect(fault).not.toMatch(
          /expected|received|Invalid|Too (?:small|big)|Unrecognized|undefined|\[object/,
        );
      }
    }),
    { numRuns: 1_000 },
  );
});

describe("a document that is a bomb is rejected in a moment", () => {
  test.each([
    ["lists in lists", "[".repeat(200_000)],
    ["lists in lists, closed", `${"[".repeat(50_000)}${"]".repeat(50_000)}`],
    ["mappings in mappings", `version: 1\ncallers: ${"{a: ".repeat(50_000)}1${"}".repeat(50_000)}`],
    ["lists in lines", `version: 1\ncallers: ${"- ".repeat(20_000)}a`],
    ["indented lines", Array.from({ length: 3_000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
    [
      "a large part that is referred to a thousand times",
      `version: 1\ngroups:\n  agents:\n    a: &a [${'"x",'.repeat(100_000)}"x"]\n${Array.from({ length: 900 }, (_, index) => `    b${String(index)}: *a`).join("\n")}`,
    ],
    ["a hundred thousand references", `version: 1\ngroups: {agents: {a: [&a x${", *a".repeat(100_000)}]}}`],
    ["a part of itself", "version: 1\ncallers: &a {b: *a}"],
    [
      "references to references",
      `version: 1\nx0: &x0 [a]\n${Array.from({ length: 5_000 }, (_, index) => `x${String(index + 1)}: &x${String(index + 1)} [*x${String(index)}]`).join("\n")}`,
    ],
  ])(
    "%s",
    (_, text) => {
      const start = performance.now();
      const faults = faultsOf(text);
      expect(performance.now() - start).toBeLessThan(10_000);
      expect(faults.length).toBeGreaterThan(0);
      for (const fault of faults)
        expect(fault).toMatch(/^access\.yaml:[0-9]+:[0-9]+ |^and [0-9]+ more faults/);
    },
    30_000,
  );

  test("in a process whose stack is small, which it does not end", async () => {
    const reader = new URL("../../../dist/config/access/read-access.js", import.meta.url).href;
    const script = `
      const { readAccess } = await import(${JSON.stringify(reader)});
      for (const open of ["[", "{a: ", "- ", "? "]) for (const count of [60, 1e3, 1e4, 1e5])
        console.log(readAccess("a", "version: 1\\ncallers: " + open.repeat(count)).faults[0]);`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--stack-size=400",
      "--input-type=module",
      "--eval",
      script,
    ]);
    expect(stdout.trim().split("\n").length).toBe(16);
    expect(stdout).toContain("the document is nested too deeply");
  });

  test("and one of many honest callers is read in a time that grows as it does", () => {
    const secret = `hmac-sha256:${"a".repeat(12)}:${"A".repeat(22)}:${"A".repeat(43)}`;
    const text = (count: number) =>
      `version: 1\ncallers:\n${Array.from({ length: count }, (_, index) => `  c${String(index)}: {owner: o, proofs: [{secret: "${secret}"}]}`).join("\n")}`;
    const time = (count: number): number => {
      const start = performance.now();
      expect(readAccess("a", text(count)).kind).toBe("read");
      return performance.now() - start;
    };
    time(2_000);
    const small = time(4_000);
    expect(time(16_000)).toBeLessThan(small * 12);
  }, 60_000);
});
