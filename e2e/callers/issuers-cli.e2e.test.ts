import { afterAll, beforeAll, expect, test } from "vitest";
import { foreignSigner } from "../../service/src/testing/callers.ts";
import {
  type AccessFolder,
  accessFolder,
  bearer,
  ISSUER,
  type OwnSecret,
  ownSecret,
} from "../support/access.ts";
import { type CommandResult, macpAuthWith } from "../support/operator.ts";
import { ask } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";

let viewer: OwnSecret;
let operator: OwnSecret;
let folder: AccessFolder;
let service: RunningService;
let admin: string;

beforeAll(async () => {
  [viewer, operator] = [ownSecret(), ownSecret()];
  folder = await accessFolder("");
  await folder.file("ci.jwks.json", JSON.stringify({ keys: [(await foreignSigner()).publicJwk] }));
  await folder.put({
    version: 1,
    issuers: {
      ci: { preset: "oidc", issuer: "https://ci.example", keys: { jwks_file: "ci.jwks.json" } },
      // Nothing listens there.
      far: {
        preset: "oidc",
        issuer: "https://far.example",
        keys: { jwks_url: "https://127.0.0.1:1/jwks" },
        private_network: true,
      },
    },
    callers: {
      viewer: { role: "viewer", proofs: [{ secret: viewer.line }] },
      operator: { role: "operator", proofs: [{ secret: operator.line }] },
      far: { proofs: [{ workload: { issuer: "far" } }] },
    },
  });
  service = await startService({ ...folder.env, HOST: "127.0.0.1", MACP_AUTH_ADMIN_PORT: "0" });
  admin = `http://127.0.0.1:${String((await service.event("admin_listening"))["port"])}`;
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop();
  await folder.remove();
});

function issuersAs(secret: OwnSecret, ...args: readonly string[]): CommandResult {
  return macpAuthWith({ MACP_AUTH_ADMIN_TOKEN: secret.secret }, "issuers", ...args, "--admin", admin);
}

test("a viewer sees the issuers, the state of their keys and the last failure", async () => {
  const before = issuersAs(viewer, "list");
  expect(before).toMatchObject({ code: 0, err: "" });
  expect(before.out).toMatch(
    /^NAME +STATE .*\nci +fresh +1 +pinned +- +https:\/\/ci\.example\nfar +not asked yet +0 +jwks_url/,
  );
  const now = Math.floor(Date.now() / 1_000);
  const parts = [
    { alg: "ES256", typ: "JWT" },
    { iss: "https://far.example", sub: "a", aud: ISSUER, iat: now, exp: now + 60 },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const token = [...parts, Buffer.alloc(64).toString("base64url")].join(".");
  const { status } = await ask(service.port, {
    method: "POST",
    path: "/tokens",
    headers: bearer(token),
  });
  expect(status).toBe(401);
  expect(issuersAs(viewer, "list").out).toMatch(/far: the last attempt failed \(connect_failed\) at 20/);
  expect(JSON.parse(issuersAs(viewer, "list", "--json").out)).toMatchObject({
    issuers: [
      { name: "ci", state: "fresh" },
      { name: "far", last_failure: { reason: "connect_failed" } },
    ],
  });
});

test("an operator drops the keys of an issuer; pinned keys stay, and a viewer may not", () => {
  expect(issuersAs(operator, "forget", "far")).toMatchObject({
    code: 0,
    out: "far: its keys are dropped on this replica, and fetched for its next token\n",
  });
  expect(issuersAs(operator, "forget", "ci").out).toContain("stay; correct them there");
  expect(issuersAs(viewer, "list").out).not.toContain("last attempt failed");
  const rejected = issuersAs(viewer, "forget", "far");
  expect(rejected.code).toBe(1);
  expect(rejected.err).toContain("answered 403");
});

test("an unknown issuer, a wrong secret and a missing --admin are each one line", () => {
  expect(issuersAs(operator, "forget", "fra")).toMatchObject({
    code: 1,
    err: `macp-auth: fra is no issuer of this service; see: macp-auth issuers list --admin ${admin}\n`,
  });
  const stranger = issuersAs(ownSecret(), "list");
  expect(stranger.code).toBe(1);
  expect(stranger.err).toContain("does not accept the token of MACP_AUTH_ADMIN_TOKEN");
  expect(macpAuthWith({}, "issuers", "list")).toMatchObject({
    code: 2,
    err: "macp-auth: required option '--admin <URL>' not specified; see: macp-auth issuers list --help\n",
  });
});
