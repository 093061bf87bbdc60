import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { type AccessFolder, accessFolder, bearer, ISSUER, linesOf } from "../support/access.ts";
import { postTokens } from "../support/raw-http.ts";
import { type RunningService, withService } from "../support/service-process.ts";
import { prepareIssuer } from "./toolchains.ts";

// Proofs that the code of Kubernetes and of SPIRE made, and the keys as each of them publishes its own.

const BUILD_MS_MAX = 900_000;

interface Made {
  readonly tokens: Readonly<Record<string, string>>;
  /** The key set, as a document. */
  readonly jwks?: object;
  readonly bundle?: object;
}

async function madeBy(name: "kubernetes" | "spire", issuer: string): Promise<Made> {
  const prepared = await prepareIssuer(name);
  if (!prepared.ready) throw new Error(prepared.why);
  const { stdout } = await promisify(execFile)(join(prepared.folder, "issuer"), [issuer, ISSUER]);
  return JSON.parse(stdout) as Made;
}

const mint = async ({ port }: RunningService, token: string | undefined, sender: string) =>
  (await postTokens(port, { sender }, bearer(token ?? ""))).status;

describe("proofs made by others", { timeout: BUILD_MS_MAX }, () => {
  test("a token by the service account code of Kubernetes mints for its own agents and nothing else", async () => {
    const issuer = "https://kubernetes.default.svc";
    const { tokens, jwks } = await madeBy("kubernetes", issuer);
    const folder: AccessFolder = await accessFolder("");
    await folder.file("keys.json", JSON.stringify(jwks));
    await folder.put({
      version: 1,
      issuers: { cluster: { preset: "kubernetes", issuer, keys: { jwks_file: "keys.json" } } },
      callers: {
        pods: { proofs: [{ workload: { issuer: "cluster", subject: "system:serviceaccount:prod:*" } }] },
      },
      grants: [
        {
          name: "own",
          callers: ["pods"],
          senders: ["agent://{claims.namespace}/{claims.serviceaccount}/*"],
          claims: { node: "node-1", pod: "*-0" },
          scopes: {},
        },
      ],
    });
    await withService(folder.env, async (service) => {
      expect(await mint(service, tokens["planner"], "agent://prod/planner/1")).toBe(200);
      expect(await mint(service, tokens["planner"], "agent://prod/other/1")).toBe(403);
      expect(await mint(service, tokens["other"], "agent://prod/other/1")).toBe(200);
      expect(await mint(service, tokens["otherNamespace"], "agent://dev/planner/1")).toBe(401);
      expect(await mint(service, tokens["forOthers"], "agent://prod/planner/1")).toBe(401);
      const reasons = (await linesOf(service, "caller_rejected", 2)).map(({ reason }) => reason);
      expect(reasons).toEqual(["subject_unmatched", "audience_mismatch"]);
    });
    await folder.remove();
  });

  test("a JWT-SVID signed by the server code of SPIRE proves the workload that it names, under the bundle that SPIRE writes", async () => {
    const { tokens, bundle } = await madeBy("spire", "example.org");
    const folder: AccessFolder = await accessFolder("");
    await folder.file("bundle.json", JSON.stringify(bundle));
    await folder.put({
      version: 1,
      issuers: {
        spire: {
          preset: "spiffe",
          issuer: "spiffe://example.org",
          keys: { spiffe_bundle_file: "bundle.json" },
        },
      },
      callers: {
        planner: {
          proofs: [{ workload: { issuer: "spire", subject: "spiffe://example.org/ns/prod/sa/planner" } }],
        },
      },
      grants: [
        { name: "own", callers: ["planner"], senders: ["agent://{claims.trust_domain}/planner"], scopes: {} },
      ],
    });
    await withService(folder.env, async (service) => {
      expect(await mint(service, tokens["planner"], "agent://example.org/planner")).toBe(200);
      expect(await mint(service, tokens["planner"], "agent://example.com/planner")).toBe(403);
      expect(await mint(service, tokens["other"], "agent://example.org/planner")).toBe(401);
      expect(await mint(service, tokens["forOthers"], "agent://example.org/planner")).toBe(401);
      const reasons = (await linesOf(service, "caller_rejected", 2)).map(({ reason }) => reason);
      expect(reasons).toEqual(["subject_unmatched", "audience_mismatch"]);
    });
    await folder.remove();
  });
});
