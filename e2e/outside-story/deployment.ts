import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { makeAuthority } from "../../service/src/testing/certificates.ts";
import { clientAuthorities } from "../../service/src/testing/client-certificates.ts";
import { postgresPlace, sqlitePlace } from "../../service/src/testing/store-places.ts";
import { accessFolder, type OwnSecret, ownSecret } from "../support/access.ts";
import { freePort } from "../support/free-port.ts";
import { RedisServer } from "../support/redis-server.ts";
import { type RunningService, startService } from "../support/service-process.ts";
import { startTcpHaproxy } from "../support/tcp-haproxy.ts";
import { TlsClient, type TlsIdentity } from "../support/tls-client.ts";

export const REPLICAS = 2;
export const CONNECTIONS_PER_ADDRESS = 20;
/** Of the greedy caller: so many at once, and so many a second. */
export const GREEDY = { burst: 20, perSecond: 20 } as const;
/** From where haproxy connects to the replicas. All else connects from other addresses of this machine. */
const PROXY_ADDRESS = "127.0.0.9";
const FLAG_MS_MAX = 30_000;

const DOCUMENT = {
  version: 1,
  client_cas: { mesh: { ca_file: "mesh.pem" } },
  grants: [
    { name: "planner", callers: ["planner"], senders: ["agent://planner/*"], scopes: {} },
    { name: "scheduler", callers: ["scheduler"], senders: ["agent://scheduler"], scopes: {} },
    { name: "greedy", callers: ["greedy"], senders: ["agent://greedy/*"], scopes: {} },
  ],
  limits: {
    global: "4000/1s",
    one_caller: 50,
    caller: "1000/1s",
    sender: "500/1s",
    address: "1000/1s",
    connections_per_address: CONNECTIONS_PER_ADDRESS,
  },
};
const certificateOf = (name: string) => ({
  certificate: { ca: "mesh", uri: `spiffe://example.org/ns/prod/sa/${name}` },
});

/** Two replicas with everything on, behind haproxy, and what its callers have. */
export interface Deployment {
  /** haproxy's port before TLS, and before the plain JWKS. */
  readonly port: number;
  readonly jwksPort: number;
  readonly replicas: readonly RunningService[];
  readonly redis: RedisServer;
  /** The authority of the service, for clients without a certificate. */
  readonly ca: string;
  readonly planner: TlsIdentity;
  readonly greedy: TlsIdentity;
  /** The caller that proves itself by a shared secret. */
  readonly scheduler: OwnSecret;
  /** Waits until each replica says whether it limits by itself: in its readiness, its metric and its log. */
  untilLocal(local: boolean): Promise<void>;
  /** The sum of a metric over the replicas. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** Makes certificates, secrets and keys, and starts all of it. */
export async function deploy(): Promise<Deployment> {
  const place = await (process.env["MACP_TEST_POSTGRES_URL"] ? postgresPlace() : sqlitePlace());
  const [authority, clients] = [
    await makeAuthority(),
    await clientAuthorities(Math.floor(Date.now() / 1_000)),
  ];
  const served = await authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
  const mesh = await clients.root("mesh");
  const scheduler = ownSecret();
  const folder = await accessFolder({
    ...DOCUMENT,
    callers: {
      planner: { proofs: [certificateOf("planner")] },
      scheduler: { proofs: [{ secret: scheduler.line }] },
      greedy: {
        limit: { rate: `${String(GREEDY.perSecond)}/1s`, burst: GREEDY.burst },
        proofs: [certificateOf("greedy")],
      },
    },
  });
  await folder.file("mesh.pem", mesh.certificate);
  const redis = await RedisServer.start();
  const env = {
    ...folder.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: place.url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_PLAIN_PORT: "0",
    MACP_AUTH_TLS_CERT_FILE: served.certificatePath,
    MACP_AUTH_TLS_KEY_FILE: served.keyPath,
    MACP_AUTH_TRUSTED_PROXIES: PROXY_ADDRESS,
    MACP_AUTH_PROXY_PROTOCOL: "v2",
    MACP_AUTH_LIMITS_URL: redis.url,
    MACP_AUTH_LIMITS_REPLICAS: String(REPLICAS),
  };
  const replicas: RunningService[] = [];
  for (let count = 0; count < REPLICAS; count += 1) replicas.push(await startService(env));
  const portsOf = (event: string): Promise<number[]> =>
    Promise.all(replicas.map(async (one) => Number((await one.event(event))["port"])));

  const [port, jwksPort] = [await freePort(), await freePort()];
  const options = `send-proxy-v2 source ${PROXY_ADDRESS}`;
  const stopHaproxy = await startTcpHaproxy([
    { port, replicas: replicas.map((one) => one.port), options },
    { port: jwksPort, replicas: await portsOf("plain_listening"), options },
  ]);

  const ca = await readFile(authority.path, "utf8");
  const identityOf = async (name: string): Promise<TlsIdentity> => {
    const names = `URI:spiffe://example.org/ns/prod/sa/${name}`;
    const { certificate, key } = await mesh.issue(name, { names });
    return { ca, cert: certificate, key };
  };
  const admins = (await portsOf("admin_listening")).map((admin) => new TlsClient(admin, { ca }));
  const textsOf = (path: string): Promise<string[]> =>
    Promise.all(admins.map(async (admin) => (await admin.ask("GET", path)).body));
  return {
    ...{ port, jwksPort, replicas, redis, ca, scheduler },
    planner: await identityOf("planner"),
    greedy: await identityOf("greedy"),
    async untilLocal(local) {
      const holds = async (): Promise<boolean> => {
        const [ready, metrics] = [await textsOf("/readyz"), await textsOf("/metrics")];
        const limits = `"limits":{"local":${String(local)}}`;
        return (
          ready.every((text) => text.includes('"ready":true') && text.includes(limits)) &&
          metrics.every((text) => text.includes(`macp_auth_limits_local ${local ? "1" : "0"}`))
        );
      };
      const deadline = performance.now() + FLAG_MS_MAX;
      while (!(await holds())) {
        if (performance.now() > deadline)
          expect.unreachable(`not every replica says that its limits are ${local ? "" : "not "}local`);
        await pause(50);
      }
    },
    async metric(name) {
      const values = (await textsOf("/metrics")).map((text) =>
        Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0),
      );
      return values.reduce((sum, value) => sum + value, 0);
    },
    async stop() {
      for (const admin of admins) admin.close();
      await stopHaproxy();
      await Promise.all(replicas.map((one) => one.stop()));
      await redis.remove();
      await Promise.all([folder.remove(), clients.remove(), authority.remove(), place.remove()]);
    },
  };
}
