import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, type Certificate, makeAuthority } from "../../service/src/testing/certificates.ts";
import { BOOT_MS_MAX, withService } from "../support/service-process.ts";

const run = promisify(execFile);
const hasSslscan = spawnSync("sslscan", ["--version"]).status === 0;

let authority: Authority;
let server: Certificate;
beforeAll(async () => {
  authority = await makeAuthority();
  server = await authority.issue("server", "DNS:localhost,IP:127.0.0.1", 90);
});
afterAll(() => authority.remove());

/** What sslscan finds: the versions, the suites of each, and what it says of the rest. */
async function scan(port: number): Promise<{ protocols: object; suites: readonly string[]; text: string }> {
  const { stdout } = await run("sslscan", ["--no-colour", "--xml=-", `127.0.0.1:${String(port)}`], {
    maxBuffer: 1_000_000,
  });
  const protocols = Object.fromEntries(
    [...stdout.matchAll(/<protocol type="(\w+)" version="([\d.]+)" enabled="(\d)"/g)].map(
      ([, type, version, enabled]) => [`${String(type)}${String(version)}`, enabled === "1"],
    ),
  );
  const suites = [...stdout.matchAll(/<cipher [^>]*sslversion="([^"]+)"[^>]*cipher="([^"]+)"/g)].map(
    ([, version, suite]) => `${String(version)} ${String(suite)}`,
  );
  return { protocols, suites: suites.toSorted(), text: stdout };
}

const TLS_1_3 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"].map(
  (suite) => `TLSv1.3 ${suite}`,
);
const OLD = { ssl2: false, ssl3: false, "tls1.0": false, "tls1.1": false };

// CI installs sslscan.
describe.skipIf(!hasSslscan)("sslscan finds", { timeout: BOOT_MS_MAX * 2 }, () => {
  const environment = () => ({
    MACP_AUTH_TLS_CERT_FILE: server.certificatePath,
    MACP_AUTH_TLS_KEY_FILE: server.keyPath,
  });

  test("TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, and nothing else", () =>
    withService(environment(), async (service) => {
      const { protocols, suites, text } = await scan(service.port);
      expect(protocols).toMatchObject({ ...OLD, "tls1.2": true, "tls1.3": true });
      expect(suites).toEqual([
        ...[
          "ECDHE-ECDSA-AES128-GCM-SHA256",
          "ECDHE-ECDSA-AES256-GCM-SHA384",
          "ECDHE-ECDSA-CHACHA20-POLY1305",
        ].map((suite) => `TLSv1.2 ${suite}`),
        ...TLS_1_3,
      ]);
      expect(text).toMatch(/<renegotiation supported="0"/);
      // A finite-field group, or a large curve, lets a client choose how much work a handshake is for the service.
      const groups = [...text.matchAll(/<group [^>]*name="([^ "]+)/g)].map(([, name]) => name);
      expect(new Set(groups)).toEqual(new Set(["secp256r1", "secp384r1", "x25519"]));
      expect(text).not.toMatch(/<heartbleed [^>]*vulnerable="1"/);
    }));

  test("TLS 1.3 only where clients are asked for certificates", () =>
    withService({ ...environment(), MACP_AUTH_TLS_CLIENT_CA_FILE: authority.path }, async (service) => {
      const { protocols, suites } = await scan(service.port);
      expect(protocols).toMatchObject({ ...OLD, "tls1.2": false, "tls1.3": true });
      expect(suites).toEqual(TLS_1_3);
    }));
});
