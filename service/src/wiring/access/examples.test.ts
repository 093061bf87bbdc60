import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CERTIFICATE_CLAIMS } from "../../callers/certificates/check-certificate.ts";
import type { CallerEntry, CallerRegistry } from "../../callers/declared/registry.ts";
import { PRESET_RULES } from "../../callers/foreign/presets.ts";
import { readExpectations } from "../../cli/policy/read-requests.ts";
import { readAccess } from "../../config/access/read-access.ts";
import { loadSettings } from "../../config/environment.ts";
import { parseEnvironmentFile } from "../../config/environment-file.ts";
import { checkExpectations } from "../../policy/review/check-expectations.ts";
import { type CallerLintFacts, lintPolicy } from "../../policy/review/lint-policy.ts";
import { type Authority, makeAuthority } from "../../testing/certificates.ts";
import { expandAccess } from "./expand/expand-access.ts";
import { policyOf } from "./expand/expand-policy.ts";

// Each folder of deploy/examples is a worked deployment of docs/policy-guide.md.

const EXAMPLES = new URL("../../../../deploy/examples/", import.meta.url);
const names = readdirSync(EXAMPLES);
const textIn = (name: string, file: string) => readFileSync(new URL(`${name}/${file}`, EXAMPLES), "utf8");

let authority: Authority;
beforeAll(async () => {
  authority = await makeAuthority();
});
afterAll(() => authority.remove());

async function openExample(name: string) {
  const { values } = parseEnvironmentFile(textIn(name, "macp-auth.env"));
  const { settings } = loadSettings(values);
  const read = readAccess("access.yaml", textIn(name, "access.yaml"));
  if (read.kind === "rejected") throw new Error(read.faults.join("\n"));
  const expanded = await expandAccess(read.access, {
    ownIssuer: settings.tokens.issuer,
    policyRules: settings.tokens,
    reserved: [],
    pathOf: (path) => path,
    // Only certificates of authorities are in files.
    readFile: () => readFile(authority.path, "utf8"),
  });
  if (expanded.kind === "rejected") throw new Error(expanded.faults.map(read.lineOf).join("\n"));
  const { registry, policy: compiled } = expanded;
  const policy = policyOf(read.access, new Set(registry.callers.map(({ id }) => id)), []);
  return { settings, registry, compiled, policy };
}

describe.each(names)("deploy/examples/%s", (name) => {
  test("is loaded without a fault, and the lint finds nothing in it", async () => {
    const { settings, registry, policy } = await openExample(name);
    const callers = new Map(registry.callers.map((caller) => [caller.id, lintFactsOf(caller, registry)]));
    expect(lintPolicy(policy, { callers, maxTtlSeconds: settings.tokens.maxTtlSeconds })).toEqual([]);
  });

  test("decides as its table of expectations says, for each of its callers and grants", async () => {
    const { settings, registry, compiled, policy } = await openExample(name);
    const read = readExpectations("expectations.yaml", textIn(name, "expectations.yaml"), {
      registry,
      settings,
    });
    if (read.kind === "rejected") throw new Error(read.faults.join("\n"));
    const expectations = read.items.map(({ item }) => item);
    const results = checkExpectations(compiled, expectations);
    const differing = results.flatMap(({ index, differs, decision }) =>
      differs.length === 0 ? [] : [{ at: read.items[index]?.at, differs, decision }],
    );
    expect(differing).toEqual([]);
    expect(new Set(expectations.map(({ caller }) => caller.id))).toEqual(
      new Set(registry.callers.map(({ id }) => id)),
    );
    const granted = results.flatMap(({ decision }) => (decision.kind === "granted" ? [decision.grant] : []));
    expect(new Set(granted)).toEqual(new Set(policy.grants.map((grant) => grant.name)));
  });

  test("has a README of at most a page, which names its files", () => {
    const page = textIn(name, "README.md");
    expect(page.split("\n").length).toBeLessThanOrEqual(60);
    for (const file of ["access.yaml", "expectations.yaml", "macp-auth.env"]) expect(page).toContain(file);
  });

  test("is in the policy guide", () => {
    const guide = readFileSync(new URL("../../docs/policy-guide.md", EXAMPLES), "utf8");
    expect(guide).toContain(`../deploy/examples/${name}/README.md`);
  });
});

test("the Kubernetes example mounts the files that its document names, and the document itself whole", () => {
  const { issuers } = parse(textIn("kubernetes", "access.yaml")) as {
    readonly issuers: { readonly cluster: { readonly keys: Readonly<Record<string, string>> } };
  };
  const { spec } = parse(textIn("kubernetes", "service.yaml")) as {
    readonly spec: { readonly template: { readonly spec: PatchedPod } };
  };
  const [container] = spec.template.spec.containers;
  const mounted = (container?.volumeMounts ?? []).flatMap(({ name, mountPath, subPath }) => {
    expect(subPath).toBeUndefined();
    const sources =
      spec.template.spec.volumes.find((volume) => volume.name === name)?.projected?.sources ?? [];
    const paths = sources.flatMap(({ serviceAccountToken, configMap }) => [
      ...(serviceAccountToken === undefined ? [] : [serviceAccountToken.path]),
      ...(configMap?.items ?? []).map(({ path }) => path),
    ]);
    return paths.map((path) => `${mountPath}/${path}`);
  });
  const { ca_file: ca, bearer_token_file: token } = issuers.cluster.keys;
  expect(mounted.toSorted()).toEqual([ca, token]);
  const { values } = parseEnvironmentFile(textIn("kubernetes", "macp-auth.env"));
  expect(container?.env).toEqual([{ name: "MACP_AUTH_CONFIG_FILE", value: values["MACP_AUTH_CONFIG_FILE"] }]);
});

interface PatchedPod {
  readonly containers: readonly {
    readonly env: readonly unknown[];
    readonly volumeMounts: readonly {
      readonly name: string;
      readonly mountPath: string;
      readonly subPath?: string;
    }[];
  }[];
  readonly volumes: readonly {
    readonly name: string;
    readonly projected?: {
      readonly sources: readonly {
        readonly serviceAccountToken?: { readonly path: string };
        readonly configMap?: { readonly items: readonly { readonly path: string }[] };
      }[];
    };
  }[];
}

function lintFactsOf(caller: CallerEntry, { issuers }: CallerRegistry): CallerLintFacts {
  const presets = caller.workloads.flatMap(
    ({ issuer }) => issuers.find((entry) => entry.name === issuer)?.preset ?? [],
  );
  const claims = presets.flatMap((preset) => {
    const { claimNames } = PRESET_RULES[preset];
    return claimNames === "any" ? [] : claimNames;
  });
  if (caller.certificates.length > 0) claims.push(...CERTIFICATE_CLAIMS);
  return { isActive: !caller.isDisabled, claims: new Set(claims), hasBareGithubSubject: false };
}
