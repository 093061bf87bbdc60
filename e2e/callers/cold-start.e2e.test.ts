import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ForeignSigner, foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  bearer,
  ISSUER,
  requestText,
} from "../support/access.ts";
import { ask, RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";

// A service that has just started, and all callers of one issuer at once: its keys are not known yet.

const CALLERS = 1_000;
const FORGED = 2_000;
/** Less than a request to an issuer may take. */
const HELD_MS_MAX = 3_000;

interface SlowIssuer {
  readonly issuer: string;
  readonly signer: ForeignSigner;
  asked: number;
  /** From now on the keys are given out, also to who waits for them. */
  open(): void;
  close(): Promise<void>;
}

async function slowIssuer(): Promise<SlowIssuer> {
  const signer = await foreignSigner("issuer-key");
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const server = createServer((_, answer) => {
    slow.asked += 1;
    const held = setTimeout(open, HELD_MS_MAX);
    void opened.then(() => {
      clearTimeout(held);
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ keys: [signer.publicJwk] }));
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const slow: SlowIssuer = {
    issuer: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    signer,
    asked: 0,
    open,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return slow;
}

let issuer: SlowIssuer;
let folder: AccessFolder;
let service: RunningService;
let adminPort: number;

beforeAll(async () => {
  issuer = await slowIssuer();
  folder = await accessFolder({
    version: 1,
    issuers: {
      ci: {
        preset: "oidc",
        issuer: issuer.issuer,
        keys: { jwks_url: `${issuer.issuer}/keys` },
        private_network: true,
      },
    },
    callers: { jobs: { proofs: [{ workload: { issuer: "ci", subject: "job-*" } }] } },
    grants: [{ name: "jobs", callers: ["jobs"], senders: ["agent://job/*"], scopes: ALL_SCOPES }],
  });
  service = await startService({
    ...folder.env,
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_ADMIN_PORT: "0",
  });
  adminPort = Number((await service.event("admin_listening"))["port"]);
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await issuer.close();
  await folder.remove();
});

/** A token of a job of its own. */
function tokenOf(index: number, kid = issuer.signer.kid): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { sub: `job-${String(index)}`, aud: ISSUER, iat: now, exp: now + 600, jti: randomUUID() };
  return foreignToken({ ...issuer.signer, kid }, { iss: issuer.issuer, ...claims });
}

async function statusOf(token: string): Promise<number> {
  const body = JSON.stringify({ sender: "agent://job/1" });
  const headers = { "content-type": "application/json", ...bearer(token) };
  return (await ask(service.port, { method: "POST", path: "/tokens", headers, body })).status;
}

test("a thousand callers of one issuer, at once and before its keys are known, all get a token, and it is asked once", async () => {
  const tokens = await Promise.all(Array.from({ length: CALLERS }, (_, index) => tokenOf(index)));
  const connections = await RawConnection.openMany(service.port, CALLERS);
  const answers = connections.map((connection, index) => {
    const credential = `authorization: Bearer ${tokens[index] ?? ""}`;
    connection.send(requestText("POST /tokens", [credential], '{"sender":"agent://job/1"}'));
    return connection.response({ msMax: 30_000 });
  });
  await expect.poll(() => issuer.asked, { timeout: 10_000 }).toBe(1);
  // Answered after what was sent before it was read.
  await ask(adminPort, { method: "GET", path: "/readyz" });
  issuer.open();
  const statuses = (await Promise.all(answers)).map((answer) => answer?.status);
  for (const connection of connections) connection.destroy();
  expect(statuses).toEqual(Array.from({ length: CALLERS }, () => 200));
  expect(issuer.asked).toBe(1);
});

test("thousands of forged key ids hold no caller up and ask the issuer for nothing", async () => {
  const forged = await Promise.all(
    Array.from({ length: FORGED }, (_, index) => tokenOf(index, `forged-${String(index)}`)),
  );
  const before = issuer.asked;
  const flood = Array.from({ length: 20 }, async (_, lane) => {
    const statuses = new Set<number>();
    for (let index = lane; index < FORGED; index += 20) statuses.add(await statusOf(forged[index] ?? ""));
    return [...statuses];
  });
  const honest = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => statusOf(await tokenOf(CALLERS + index))),
  );
  expect(honest).toEqual(Array.from({ length: 50 }, () => 200));
  expect(await Promise.all(flood)).toEqual(Array.from({ length: 20 }, () => [401]));
  // Once, if the machine is so slow that 30 s have passed since the last time.
  expect(issuer.asked).toBeLessThanOrEqual(before + 1);
});
