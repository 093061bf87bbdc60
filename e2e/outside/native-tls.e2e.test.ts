import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { makeAuthority } from "../../service/src/testing/certificates.ts";
import { macpAuth } from "../support/operator.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { tlsConnection } from "../support/tls-client.ts";
import { copyOfExample, type Example } from "./example.ts";

// deploy/examples/native-tls, followed step by step as its README says, with curl as the caller.

const hasCurl = spawnSync("curl", ["--version"]).status === 0;
const RENEWED_MS_MAX = 30_000;
const testWithCurl = test.skipIf(!hasCurl && process.env["CI"] === undefined);

let example: Example;
let service: RunningService;
let plainPort: number;

beforeAll(async () => {
  example = await copyOfExample("native-tls");
  await example.follow("private-ca.sh");
  await example.makeSecret();
  service = await startService({}, ["serve", "--settings", await example.settings()]);
  plainPort = Number((await service.event("plain_listening"))["port"]);
  await example.leadCurl({ "auth.example.org:3200": service.port, "auth.example.org:3202": plainPort });
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop();
  await example.remove();
});

/** The serial of the certificate that a new connection is given. */
async function servedSerial(): Promise<string> {
  const socket = await tlsConnection(service.port, { rejectUnauthorized: false });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** New files are looked at every second; a slow machine takes longer. */
async function untilServed(serial: string): Promise<void> {
  for (const deadline = performance.now() + RENEWED_MS_MAX; (await servedSerial()) !== serial; ) {
    if (performance.now() > deadline) expect.unreachable("the new certificate is not served");
    await pause(100);
  }
}

async function serialOf(file: string): Promise<string> {
  return new X509Certificate(await readFile(join(example.folder, file))).serialNumber;
}

const plain = (path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${String(plainPort)}${path}`, init);

test("the commands that check the document find nothing wrong", async () => {
  expect(await example.follow("policy lint")).toContain("3 expectations");
});

testWithCurl(
  "the caller mints over TLS with its secret and the authority, and nobody without either",
  async () => {
    const minted = JSON.parse(await example.follow("orchestrator.secret)")) as Record<string, unknown>;
    expect(minted).toMatchObject({ sender: "agent://planner/1", expires_in_seconds: 300 });
    await example.edit("README.md", [["--cacert tls/ca.pem -H", "-H"]]);
    await expect(example.follow("orchestrator.secret)")).rejects.toThrow(/ended with 60/);
  },
);

testWithCurl(
  "the runtime gets the same keys from the plain port and over TLS, and nobody mints at the plain port",
  async () => {
    const { keys } = (await (await plain("/.well-known/jwks.json")).json()) as { readonly keys: unknown[] };
    expect(keys).toHaveLength(1);
    await example.edit("README.md", [["tls/ca.pem)\n", 'tls/ca.pem)\n   echo "$MACP_AUTH_JWKS_JSON"\n']]);
    expect(JSON.parse(await example.follow("MACP_AUTH_JWKS_JSON"))).toEqual({ keys });
    const mint = { method: "POST", headers: { "content-type": "application/json" }, body: '{"sender":"a"}' };
    expect((await plain("/tokens", mint)).status).toBe(404);
    const { out } = macpAuth("doctor", "--url", `http://127.0.0.1:${String(plainPort)}`);
    expect(out).toContain("POST /tokens is not served at this address");
  },
);

test("a certificate that the script makes again, and one that certbot's hook copies, are served without a restart", async () => {
  const before = await serialOf("tls/fullchain.pem");
  expect(await servedSerial()).toBe(before);
  await example.follow("private-ca.sh");
  const second = await serialOf("tls/fullchain.pem");
  expect(second).not.toBe(before);
  await untilServed(second);

  const authority = await makeAuthority();
  const { certificatePath, keyPath } = await authority.issue("auth", "DNS:auth.example.org");
  const lineage = join(example.folder, "lineage");
  await mkdir(lineage);
  execFileSync("cp", [certificatePath, join(lineage, "fullchain.pem")]);
  execFileSync("cp", [keyPath, join(lineage, "privkey.pem")]);
  const group = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
  execFileSync(join(example.folder, "certbot-hook.sh"), {
    env: { PATH: process.env["PATH"], RENEWED_LINEAGE: lineage, MACP_AUTH_GROUP: group },
  });
  await untilServed(await serialOf("lineage/fullchain.pem"));
  await authority.remove();
});

test("a certificate of cert-manager has the name that callers use", async () => {
  const { spec } = parse(await example.text("certificate.yaml")) as { readonly spec: { dnsNames: string[] } };
  expect(await example.text("README.md")).toContain(`https://${String(spec.dnsNames[0])}:3200/tokens`);
});
