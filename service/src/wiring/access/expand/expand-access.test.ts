import { expect, test } from "vitest";
import { readAccess } from "../../../config/access/read-access.ts";
import { expandAccess } from "./expand-access.ts";

const POLICY_RULES = { audience: "macp-runtime", defaultTtlSeconds: 300, maxTtlSeconds: 3_600 };

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
