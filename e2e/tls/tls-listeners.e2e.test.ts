import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, type Certificate, makeAuthority } from "../../service/src/testing/certificates.ts";
import { ask, postTokens, RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type Environment, runToExit, withService } from "../support/service-process.ts";

let authority: Authority;
let certificate: Certificate;
let environment: Environment;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "macp-auth-tls-"));
  authority = await makeAuthority();
  certificate = await authority.issue("server", "DNS:localhost,IP:127.0.0.1", 90);
  environment = {
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_TLS_CERT_FILE: certificate.certificatePath,
    MACP_AUTH_TLS_KEY_FILE: certificate.keyPath,
  };
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await authority.remove();
});

/** The status and the text of the answer to a GET, whose server is checked. */
function getSecurely(port: number, path: string): Promise<readonly [number | undefined, string]> {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", path, ca: authorityPem(), agent: false }, (answer) => {
      text(answer).then((body) => {
        resolve([answer.statusCode, body]);
      }, reject);
    }).on("error", reject);
  });
}

const authorityPem = (): string =>
  execFileSync("openssl", ["x509", "-in", authority.path], { encoding: "utf8" });
const HEALTHY = [200, '{"ok":true}'];

describe("with a certificate", { timeout: BOOT_MS_MAX }, () => {
  test("both listeners speak TLS and nothing else; the log and /readyz name the certificate", () =>
    withService({ ...environment, MACP_AUTH_ADMIN_PORT: "0" }, async (service) => {
      expect(await getSecurely(service.port, "/healthz")).toEqual(HEALTHY);
      const { serial, not_after } = await service.event("tls_loaded");
      const admin = Number((await service.event("admin_listening"))["port"]);
      const [status, body] = await getSecurely(admin, "/readyz");
      expect([status, JSON.parse(body)]).toEqual([
        200,
        { ready: true, reasons: [], tls: { serial, not_after, stale: false } },
      ]);
      expect((await getSecurely(admin, "/metrics"))[1]).toContain(
        `macp_auth_tls_not_after_seconds{certificate="server"} ${String(not_after)}\n`,
      );
      for (const port of [service.port, admin]) {
        const plain = await RawConnection.openPlainly(port);
        plain.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(await plain.response().catch(() => undefined)).toBeUndefined();
      }
    }));

  test("a plain listener beside it serves the JWKS and health, and cannot mint", () =>
    withService({ ...environment, MACP_AUTH_PLAIN_PORT: "0" }, async (service) => {
      const plain = Number((await service.event("plain_listening"))["port"]);
      expect((await ask(plain, { path: "/healthz" })).text).toBe(HEALTHY[1]);
      const jwks = await ask(plain, { path: "/.well-known/jwks.json" });
      expect([200, jwks.text]).toEqual(await getSecurely(service.port, "/.well-known/jwks.json"));
      expect((await postTokens(plain, { sender: "a" })).status).toBe(404);
      expect((await ask(plain, { path: "/readyz" })).status).toBe(404);
    }));

  test("the command line reads both listeners, and says how to where it does not know the authority", () =>
    withService({ ...environment, MACP_AUTH_ADMIN_PORT: "0" }, async (service) => {
      const admin = Number((await service.event("admin_listening"))["port"]);
      const caFile = ["--ca-file", authority.path];
      const url = ["--url", `https://127.0.0.1:${String(service.port)}`];
      const minted = await runToExit({}, ["mint", "--sender", "a", ...url, ...caFile]);
      expect([minted.code, minted.stderr]).toEqual([0, []]);
      expect((await runToExit({}, ["verify", ...url, ...caFile, minted.stdout[0] ?? ""])).code).toBe(0);
      const unknown = await runToExit({}, ["mint", "--sender", "a", ...url]);
      expect([unknown.code, unknown.stderr.join()]).toEqual([
        1,
        expect.stringMatching(/not from an authority that is known here; name the authority with --ca-file/),
      ]);
      const issuers = ["issuers", "list", "--admin", `https://127.0.0.1:${String(admin)}`];
      expect((await runToExit({}, [...issuers, ...caFile])).code).toBe(0);
      const noCa = join(folder, "none.pem");
      writeFileSync(noCa, "none");
      expect((await runToExit({}, [...issuers, "--ca-file", noCa])).stderr.join()).toMatch(
        /holds no certificate/,
      );
    }));

  test("nothing is read of the files, and plain HTTP is spoken, where none is set", () =>
    withService({}, async (service) => {
      expect(service.events("tls_loaded")).toEqual([]);
      expect((await ask(service.port, { path: "/healthz" })).status).toBe(200);
    }));
});

test("a start reports the faults of the TLS files with those of the other settings", {
  timeout: BOOT_MS_MAX,
}, async () => {
  const { code, stderr } = await runToExit({
    ...environment,
    PORT: "x",
    MACP_AUTH_TLS_KEY_FILE: join(folder, "missing"),
  });
  expect([code, stderr]).toEqual([
    1,
    [
      expect.stringMatching(/^macp-auth: PORT must be/),
      expect.stringMatching(/^macp-auth: MACP_AUTH_TLS_KEY_FILE: .*missing does not exist/),
    ],
  ]);
});
