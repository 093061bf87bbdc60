import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type StoredPlace, sqlitePlace } from "../../service/src/testing/store-places.ts";
import type { Change } from "../outside/example.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { type Environment, type RunningService, startService } from "../support/service-process.ts";

const ADMIN_TOKEN = randomBytes(32).toString("base64url");
export const ISSUER = "macp-auth-service";

/** A runtime, real or not, behind the proxy. */
export interface RuntimeBehind {
  readonly address: string;
  readonly httpUrl: string;
  stop(): Promise<void>;
}

/** What stands behind a proxy. */
export interface Behind {
  /** The listener of each guard that the proxy asks. */
  readonly guards: readonly number[];
  /** `127.0.0.1:PORT`. */
  readonly grpc: string;
  /** `http://127.0.0.1:PORT`. */
  readonly http: string;
}

/** A proxy that asks a guard about each call. */
export interface ProxyInFront {
  /** `127.0.0.1:PORT`, for gRPC. */
  readonly address: string;
  /** `http://127.0.0.1:PORT`, for HTTP/JSON and server-sent events. */
  readonly httpUrl: string;
  stop(): Promise<void>;
}

/** A kind of proxy, and at which listener of the guard it asks. */
export interface Front<One extends ProxyInFront> {
  readonly guardEvent: "guard_listening" | "guard_grpc_listening";
  /** Starts one with the configuration of its example. `more`: what else is changed in it. */
  start(behind: Behind, more?: readonly Change[]): Promise<One>;
}

export interface Minted {
  readonly token: string;
  readonly token_id: string;
}

/** One or two replicas with a guard, a runtime that has their keys, and a proxy in front of it. */
export interface Guarded<Runtime extends RuntimeBehind, One extends ProxyInFront> {
  readonly replicas: readonly RunningService[];
  readonly guardPorts: readonly number[];
  readonly runtime: Runtime;
  readonly proxy: One;
  /** At one of the replicas, the first unless it is said. */
  mint(body?: object, replica?: number): Promise<Minted>;
  /** Resolves once the revocation is answered. */
  revoke(selector: object, replica?: number): Promise<void>;
  /** Another proxy in front of the same runtime, with other changes of the configuration. */
  another(changes: readonly Change[], guardPorts?: readonly number[]): Promise<One>;
  stop(): Promise<void>;
}

/** Settings of a story, where they are not those of a single replica on SQLite. */
interface Wanted {
  readonly replicas?: number;
  readonly place?: () => Promise<StoredPlace>;
  readonly env?: Environment;
}

export async function startGuarded<Runtime extends RuntimeBehind, One extends ProxyInFront>(
  front: Front<One>,
  startRuntime: (jwksUrl: string) => Promise<Runtime>,
  { replicas: count = 1, place: makePlace = sqlitePlace, env = {} }: Wanted = {},
): Promise<Guarded<Runtime, One>> {
  const place = await makePlace();
  const settings = {
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: place.url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
    MACP_AUTH_GUARD_PORT: "0",
    MACP_AUTH_GUARD_GRPC_PORT: "0",
    ...env,
  };
  const replicas: RunningService[] = [];
  for (let started = 0; started < count; started += 1) replicas.push(await startService(settings));
  const guardPorts = await Promise.all(
    replicas.map(async (replica) => Number((await replica.event(front.guardEvent))["port"])),
  );
  const runtime = await startRuntime(`http://127.0.0.1:${String(replicas[0]?.port)}/.well-known/jwks.json`);
  const behind = { guards: guardPorts, grpc: runtime.address, http: runtime.httpUrl };
  const proxy = await front.start(behind);
  const others: One[] = [];
  const at = (replica: number): RunningService => replicas[replica] as RunningService;
  return {
    replicas,
    guardPorts,
    runtime,
    proxy,
    async mint(body = {}, replica = 0) {
      const answer = await postTokens(at(replica).port, { sender: "agent://story", ...body });
      if (answer.status !== 200) throw new Error(`no token: ${answer.text}`);
      return JSON.parse(answer.text) as Minted;
    },
    async revoke(selector, replica = 0) {
      const answer = await ask(Number((await at(replica).event("admin_listening"))["port"]), {
        method: "POST",
        path: "/revocations",
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ reason: "a story", ...selector }),
      });
      if (answer.status >= 300) throw new Error(`not revoked: ${answer.text}`);
    },
    async another(changes, ports = guardPorts) {
      const one = await front.start({ ...behind, guards: ports }, changes);
      others.push(one);
      return one;
    },
    async stop() {
      await Promise.all([proxy, ...others].map((one) => one.stop()));
      await Promise.all([runtime.stop(), ...replicas.map((replica) => replica.stop("SIGKILL"))]);
      await place.remove();
    },
  };
}

/** On a slow machine a replica may not know at once what is revoked, and says so: the same call is made again. */
export async function settled(call: () => Promise<string>): Promise<string> {
  for (let tries = 0; tries < 200; tries += 1) {
    const result = await call();
    if (result !== "UNAVAILABLE" && result !== "HTTP 503") return result;
    await pause(50);
  }
  throw new Error("the guard never knew");
}
