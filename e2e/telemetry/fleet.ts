import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type RequestOptions, request as requestSecurely } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, makeAuthority } from "../../service/src/testing/certificates.ts";
import { postgresPlace, type StoredPlace } from "../../service/src/testing/store-places.ts";
import { type AccessFolder, ALL_SCOPES, accessFolder, bearer, ISSUER, ownSecret } from "../support/access.ts";
import { type OtlpReceiver, otlpReceiver } from "../support/otlp-receiver.ts";
import { ask } from "../support/raw-http.ts";
import { RedisServer } from "../support/redis-server.ts";
import { type RunningService, startService } from "../support/service-process.ts";
import { type TcpProxy, tcpProxy } from "../support/tcp-proxy.ts";

export const ADMIN_TOKEN = randomBytes(32).toString("base64url");

/** The rotation of a week in seconds. */
const FAST = {
  MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
  MACP_AUTH_JWKS_MAX_AGE_SECONDS: "0",
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "1",
  MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: "0",
  MACP_AUTH_KEY_LEAD_SECONDS: "4",
  MACP_AUTH_KEY_ROTATION_SECONDS: "8",
  MACP_AUTH_MAX_TTL_SECONDS: "20",
};

/** A service of a fleet, and where its figures are. */
export interface Member {
  readonly name: string;
  readonly service: RunningService;
  readonly adminPort: number;
  readonly isSecure: boolean;
}

/** Sends one request over TLS, to a service whose certificate only its test knows; resolves to the body of the answer. */
export async function overTls(port: number, options: RequestOptions, body?: string): Promise<string> {
  const out = requestSecurely({
    host: "127.0.0.1",
    rejectUnauthorized: false,
    agent: false,
    ...options,
    port,
  });
  out.end(body);
  const [response] = (await once(out, "response")) as [NodeJS.ReadableStream];
  let text = "";
  for await (const piece of response) text += String(piece);
  return text;
}

/** What Prometheus reads of a member. */
export async function figuresOf({ adminPort, isSecure }: Member): Promise<string> {
  const headers = bearer(ADMIN_TOKEN);
  if (isSecure) return overTls(adminPort, { path: "/metrics", headers });
  return (await ask(adminPort, { path: "/metrics", headers })).text;
}

/**
 * Everything that has figures: two replicas over PostgreSQL with callers, limits in Redis, a ledger with a witness, a guard, traces, status
 * lists and a receiver of events, of which the second reaches its store through a proxy that a story can cut; a guard of its own process,
 * which reaches the first through another one; and a service with TLS that only observes.
 */
export interface Fleet {
  readonly members: readonly [Member, Member, Member];
  /** The guard of its own process. */
  readonly guard: Member;
  readonly secrets: Readonly<Record<"planner" | "guard", string>>;
  readonly access: AccessFolder;
  readonly document: object;
  readonly store: TcpProxy;
  /** Between the guard and its mint. */
  readonly feed: TcpProxy;
  readonly redis: RedisServer;
  readonly receiver: OtlpReceiver;
  /** What the witness answers from now on. */
  readonly witnessAnswers: (status: number) => void;
  /** What the receiver of events answers from now on. */
  readonly eventsAnswer: (status: number) => void;
  /** Puts other files in the place of the certificate and of the client CA of the third. */
  readonly putTls: (which: "renewed" | "broken") => Promise<void>;
  end(): Promise<void>;
}

export async function startFleet(): Promise<Fleet> {
  const place = await postgresPlace();
  const [redis, receiver] = [await RedisServer.start(), await otlpReceiver()];
  const [witness, events] = [await startTaker("notes"), await startTaker("events")];
  const [planner, guard] = [ownSecret(), ownSecret()];
  const document = {
    version: 1,
    callers: {
      planner: { proofs: [{ secret: planner.line }], revokes: ["agent://**"] },
      guard: { guards: true, introspects: ["macp-runtime"], proofs: [{ secret: guard.line }] },
    },
    grants: [{ name: "all", callers: ["planner"], senders: ["agent://**"], scopes: ALL_SCOPES }],
    limits: { sender: { rate: "2000/1s", burst: 2_000 }, connections_per_address: 60 },
  };
  const access = await accessFolder(document);
  const { url, proxy: store } = await throughProxy(place);
  const shared = {
    ...FAST,
    ...access.env,
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
    MACP_AUTH_GUARD_PORT: "0",
    MACP_AUTH_LIMITS_URL: redis.url,
    MACP_AUTH_LIMITS_REPLICAS: "2",
    MACP_AUTH_LEDGER_WITNESS: witness.url,
    MACP_AUTH_EVENTS_URL: events.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    MACP_AUTH_STATUS_LISTS: "on",
    MACP_AUTH_PUBLIC_URL: "https://auth.example",
  };
  // The first makes the tables.
  const first = await startService({ ...shared, MACP_AUTH_STORE_URL: place.url });
  const [second, outside] = await Promise.all([
    startService({ ...shared, MACP_AUTH_STORE_URL: url }),
    startOutside(),
  ]);
  const members = await Promise.all(
    [first, second, outside.service].map(async (service, index) => ({
      name: ["auth-1", "auth-2", "outside"][index] ?? "",
      service,
      adminPort: Number((await service.event("admin_listening"))["port"]),
      isSecure: service === outside.service,
    })),
  );
  const feed = await tcpProxy(first.port);
  const sidecar = await startSidecar(feed.port, await access.file("guard.secret", guard.secret));
  return {
    guard: { name: "guard-1", service: sidecar, adminPort: sidecar.port, isSecure: false },
    feed,
    members: members as unknown as Fleet["members"],
    secrets: { planner: planner.secret, guard: guard.secret },
    access,
    document,
    store,
    redis,
    receiver,
    witnessAnswers: witness.answer,
    eventsAnswer: events.answer,
    putTls: outside.put,
    async end() {
      store.restore();
      await Promise.all(
        [sidecar, ...members.map(({ service }) => service)].map((one) => one.stop("SIGKILL")),
      );
      await Promise.all([store, feed, receiver, witness, events].map((one) => one.close()));
      await Promise.all([outside.remove(), redis.remove()]);
      await Promise.all([access.remove(), place.remove()]);
    },
  };
}

async function throughProxy(place: StoredPlace): Promise<{ readonly url: string; readonly proxy: TcpProxy }> {
  const url = new URL(place.url);
  const proxy = await tcpProxy(Number(url.port || "5432"));
  url.port = String(proxy.port);
  return { url: url.href, proxy };
}

function startSidecar(mintPort: number, secretFile: string): Promise<RunningService> {
  return startService(
    {
      MACP_AUTH_ISSUER: ISSUER,
      MACP_AUTH_GUARD_PORT: "0",
      MACP_AUTH_GUARD_MINT_URL: `http://127.0.0.1:${String(mintPort)}`,
      MACP_AUTH_GUARD_MINT_TOKEN_FILE: secretFile,
    },
    ["guard", "serve"],
  );
}

/** Something that is sent notes or events, and takes none at first. */
interface Taker {
  readonly url: string;
  readonly answer: (status: number) => void;
  close(): Promise<void>;
}

async function startTaker(path: string): Promise<Taker> {
  let status = 503;
  const server = createServer((incoming, outgoing) => {
    incoming.resume().on("end", () => outgoing.writeHead(status).end());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/${path}`,
    answer(next) {
      status = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

interface Outside {
  readonly service: RunningService;
  readonly put: (which: "renewed" | "broken") => Promise<void>;
  remove(): Promise<void>;
}

/** A service that ends TLS itself, asks clients for certificates, and only observes callers and limits. */
async function startOutside(): Promise<Outside> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-outside-"));
  const authorities: Authority[] = [await makeAuthority()];
  const file = (name: string): string => join(folder, name);
  const put = async (days: number): Promise<void> => {
    const by = authorities.at(-1);
    if (by === undefined) throw new Error("no authority");
    const { certificatePath, keyPath } = await by.issue(`outside-${String(days)}`, "IP:127.0.0.1", days);
    await Promise.all([copyFile(certificatePath, file("cert.pem")), copyFile(keyPath, file("key.pem"))]);
    await copyFile(by.path, file("client-ca.pem"));
  };
  await put(1);
  const access = await accessFolder({
    version: 1,
    client_cas: { fleet: { ca_file: file("client-ca.pem") } },
    callers: { one: { proofs: [{ secret: ownSecret().line }] } },
    limits: { mode: "observe", sender: "1/1m" },
  });
  const service = await startService({
    ...access.env,
    MACP_AUTH_CALLER_AUTH: "observe",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_TLS_CERT_FILE: file("cert.pem"),
    MACP_AUTH_TLS_KEY_FILE: file("key.pem"),
    MACP_AUTH_TLS_CLIENT_CA_FILE: file("client-ca.pem"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
  });
  return {
    service,
    async put(which) {
      if (which === "broken") return writeFile(file("cert.pem"), "not a certificate");
      authorities.push(await makeAuthority());
      return put(2);
    },
    async remove() {
      await Promise.all([access.remove(), ...authorities.map((one) => one.remove())]);
      await rm(folder, { recursive: true });
    },
  };
}
