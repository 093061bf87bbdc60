import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { makeAuthority } from "../../service/src/testing/certificates.ts";
import { clientAuthorities } from "../../service/src/testing/client-certificates.ts";
import { hasHaproxy } from "../restarts/haproxy.ts";
import { accessFolder } from "../support/access.ts";
import { freePort } from "../support/free-port.ts";
import { BOOT_MS_MAX, startService } from "../support/service-process.ts";
import { startTcpHaproxy } from "../support/tcp-haproxy.ts";
import { TlsClient } from "../support/tls-client.ts";

// A proxy that passes TCP on passes the proof on: two replicas behind haproxy, callers with the certificates of their connections.

test.skipIf(!hasHaproxy() && process.env["CI"] === undefined)(
  "behind haproxy in TCP mode a certificate proves its caller at either replica, and at the other one when one stops",
  { timeout: BOOT_MS_MAX },
  async () => {
    const authority = await makeAuthority();
    const served = await authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
    const ca = await readFile(authority.path, "utf8");
    const authorities = await clientAuthorities(Math.floor(Date.now() / 1_000));
    const mesh = await authorities.root("mesh");
    const { certificate: cert, key } = await mesh.issue("planner", {
      names: "URI:spiffe://example.org/planner",
    });
    const access = await accessFolder({
      version: 1,
      client_cas: { mesh: { ca_file: "ca.pem" } },
      callers: {
        planner: { proofs: [{ certificate: { ca: "mesh", uri: "spiffe://example.org/planner" } }] },
      },
      grants: [{ name: "own", callers: ["planner"], senders: ["agent://planner"], scopes: {} }],
    });
    await access.file("ca.pem", mesh.certificate);
    const env = {
      ...access.env,
      HOST: "127.0.0.1",
      MACP_AUTH_SIGNING_ALG: "ES256",
      MACP_AUTH_TLS_CERT_FILE: served.certificatePath,
      MACP_AUTH_TLS_KEY_FILE: served.keyPath,
    };
    const replicas = [await startService(env), await startService(env)];
    const port = await freePort();
    const stopHaproxy = await startTcpHaproxy([{ port, replicas: replicas.map((replica) => replica.port) }]);
    const minted = () => replicas.map((replica) => replica.events("token_minted").length);
    const mintOnce = async (identity: { readonly cert: string; readonly key: string } | undefined) => {
      const client = new TlsClient(port, { ca, ...identity });
      const { status } = await client.mint("agent://planner");
      client.close();
      return status;
    };

    for (let count = 1; count <= 10; count += 1) expect(await mintOnce({ cert, key })).toBe(200);
    expect(await mintOnce(undefined)).toBe(401);
    await replicas[0]?.event("token_minted");
    await replicas[1]?.event("token_minted");
    expect(Math.min(...minted())).toBeGreaterThan(0);
    await replicas[0]?.stop();
    for (let count = 1; count <= 10; count += 1) expect(await mintOnce({ cert, key })).toBe(200);

    await replicas[1]?.stop();
    await stopHaproxy();
    await Promise.all([access.remove(), authorities.remove(), authority.remove()]);
  },
);
