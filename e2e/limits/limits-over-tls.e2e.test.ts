import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, makeAuthority } from "../../service/src/testing/certificates.ts";
import {
  type ClientAuthorities,
  type ClientAuthority,
  type ClientCertificate,
  clientAuthorities,
} from "../../service/src/testing/client-certificates.ts";
import { type AccessFolder, accessFolder } from "../support/access.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { TlsClient, tlsConnection } from "../support/tls-client.ts";

const SENDER = "agent://planner";
const PER_ADDRESS = 5;
const PER_CREDENTIAL = 12;
const CONNECTIONS = 20;

describe("limits on a listener that speaks TLS and accepts client certificates", () => {
  let own: Authority;
  let ca: string;
  let authorities: ClientAuthorities;
  let mesh: ClientAuthority;
  let planner: ClientCertificate;
  let revoked: ClientCertificate;
  /** It has the names of the planner. */
  let leaked: ClientCertificate;
  let folder: AccessFolder;
  let service: RunningService;
  let adminPort: number;
  const now = Math.floor(Date.now() / 1_000);
  beforeAll(async () => {
    own = await makeAuthority();
    ca = await readFile(own.path, "utf8");
    const served = await own.issue("localhost", "DNS:localhost,IP:127.0.0.1");
    authorities = await clientAuthorities(now);
    mesh = await authorities.root("mesh");
    [planner, revoked] = [
      await issued("planner"),
      await mesh.issue("revoked", { names: "DNS:former.example" }),
    ];
    leaked = await issued("leaked");
    await mesh.revoke(revoked);
    await mesh.revoke(leaked);
    folder = await accessFolder("");
    await folder.file("mesh-ca.pem", mesh.certificate);
    await folder.file("mesh.crl", await mesh.revocationList());
    await folder.put({
      version: 1,
      client_cas: { mesh: { ca_file: "mesh-ca.pem", crl_file: "mesh.crl" } },
      callers: {
        planner: { proofs: [{ certificate: { ca: "mesh", dns: "planner.example" } }] },
        watcher: { role: "viewer", proofs: [{ certificate: { ca: "mesh", dns: "watcher.example" } }] },
      },
      grants: [{ name: "own", callers: ["planner"], senders: [SENDER], scopes: {} }],
      limits: {
        failures_per_address: `${String(PER_ADDRESS)}/1h`,
        failures_per_credential: PER_CREDENTIAL,
        connections_per_address: CONNECTIONS,
      },
    });
    service = await startService({
      ...folder.env,
      HOST: "127.0.0.1",
      MACP_AUTH_SIGNING_ALG: "ES256",
      MACP_AUTH_TLS_CERT_FILE: served.certificatePath,
      MACP_AUTH_TLS_KEY_FILE: served.keyPath,
      MACP_AUTH_ADMIN_PORT: "0",
    });
    adminPort = Number((await service.event("admin_listening"))["port"]);
  }, BOOT_MS_MAX);
  afterAll(async () => {
    await service.stop();
    await Promise.all([folder.remove(), authorities.remove(), own.remove()]);
  });

  const issued = (name: string, order: { notBefore?: number; notAfter?: number } = {}) =>
    mesh.issue(name, { names: "DNS:planner.example", ...order });

  /** The statuses of so many requests with one certificate from one address. */
  async function statuses(
    { certificate, key }: Pick<ClientCertificate, "certificate" | "key">,
    localAddress: string,
    count = 1,
  ): Promise<readonly number[]> {
    const client = new TlsClient(service.port, { ca, cert: certificate, key, localAddress });
    const all: number[] = [];
    for (let turn = 0; turn < count; turn += 1) all.push((await client.mint(SENDER)).status);
    client.close();
    return all;
  }
  const times = (count: number, status: number) => Array.from({ length: count }, () => status);

  const WRONG: Readonly<Record<string, () => Promise<Pick<ClientCertificate, "certificate" | "key">>>> = {
    "of an authority that is not declared": async () => {
      const stranger = await authorities.root("stranger");
      return stranger.issue("x", { names: "DNS:planner.example" });
    },
    "that has expired": () => issued("expired", { notBefore: now - 90, notAfter: now - 1 }),
    "that is revoked": async () => revoked,
    "of no caller": () => mesh.issue("other", { names: "DNS:other.example" }),
  };

  test.each(Object.keys(WRONG))(
    "a certificate %s is a failed proof, and its address is locked for strangers and open for its caller (R36)",
    async (kind) => {
      const address = `127.0.5.${String(Object.keys(WRONG).indexOf(kind) + 1)}`;
      expect(await statuses(planner, address)).toEqual([200]);
      const wrong = await (WRONG[kind] ?? (async () => revoked))();
      expect(await statuses(wrong, address, PER_ADDRESS + 2)).toEqual([
        ...times(PER_ADDRESS, 401),
        ...times(2, 429),
      ]);
      // Another wrong one does not get further; the caller does, with its next certificate too.
      expect(await statuses(await authorities.root(`self ${kind}`), address)).toEqual([429]);
      expect(await statuses(planner, address, 2)).toEqual([200, 200]);
      expect(await statuses(await issued(`renewed ${address}`), address)).toEqual([200]);
    },
  );

  test("a certificate has its own number of tries from all addresses together, and another one has its own", async () => {
    const [one, other] = [await authorities.root("one"), await authorities.root("other")];
    const all: number[] = [];
    for (let host = 1; host <= 5; host += 1) all.push(...(await statuses(one, `127.0.6.${String(host)}`, 4)));
    expect(all).toEqual([...times(PER_CREDENTIAL, 401), ...times(20 - PER_CREDENTIAL, 429)]);
    expect(await statuses(other, "127.0.6.1")).toEqual([401]);
  });

  test("a revoked certificate of a caller counts against itself, where the caller mints too", async () => {
    expect(await statuses(planner, "127.0.6.9")).toEqual([200]);
    expect(await statuses(leaked, "127.0.6.9", PER_CREDENTIAL + 1)).toEqual([
      ...times(PER_CREDENTIAL, 401),
      429,
    ]);
    expect(await statuses(planner, "127.0.6.9")).toEqual([200]);
    expect(await statuses(await issued("young"), "127.0.6.9")).toEqual([200]);
  });

  test("a certificate that proves no operator is a failed proof on the admin listener too", async () => {
    const { certificate, key } = await authorities.root("no operator");
    const client = new TlsClient(adminPort, { ca, cert: certificate, key, localAddress: "127.0.7.1" });
    const all: number[] = [];
    for (let turn = 0; turn < PER_ADDRESS + 1; turn += 1)
      all.push((await client.ask("GET", "/readyz")).status);
    client.close();
    expect(all).toEqual([...times(PER_ADDRESS, 401), 429]);
  });

  test("an address has as many connections as are allowed, before their handshake and after it", async () => {
    const sockets: Socket[] = [];
    const open = async (localAddress: string): Promise<Socket> => {
      const socket = connect({ host: "127.0.0.1", port: service.port, localAddress });
      socket.on("error", () => undefined);
      await once(socket, "connect");
      return socket;
    };
    // Half of them never begin a handshake.
    for (let count = 0; count < CONNECTIONS; count += 2) {
      sockets.push(await open("127.0.8.1"));
      sockets.push(await tlsConnection(service.port, { ca, localAddress: "127.0.8.1" }));
    }
    await once(await open("127.0.8.1"), "close");
    const above = tlsConnection(service.port, { ca, localAddress: "127.0.8.1" });
    await expect(above).rejects.toThrow(/disconnected|ECONNRESET|EPIPE/);
    expect(await statuses(planner, "127.0.8.2")).toEqual([200]);
    expect((await service.event("connection_limited"))["remote"]).toBe("127.0.8.1");
    // A place is free when a connection has ended.
    const [first, ...others] = sockets;
    first?.destroy();
    await expect
      .poll(
        () =>
          tlsConnection(service.port, { ca, localAddress: "127.0.8.1" }).then(
            (one) => sockets.push(one),
            () => 0,
          ),
        {
          timeout: 20_000,
        },
      )
      .toBeGreaterThan(0);
    for (const socket of [...others, ...sockets]) socket.destroy();
  });
});
