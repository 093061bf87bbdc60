import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type ClientAuthorities,
  type ClientAuthority,
  clientAuthorities,
} from "../../service/src/testing/client-certificates.ts";
import { derOfKey, type MadeSvid, makeSvid } from "../../service/src/testing/spiffe/svids.ts";
import { WorkloadApiDouble } from "../../service/src/testing/spiffe/workload-api-double.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningService, runToExit, startService, withService } from "../support/service-process.ts";
import { TlsClient } from "../support/tls-client.ts";

const ROTATIONS = 30;
const CLIENTS = 3;

let authorities: ClientAuthorities;
let authority: ClientAuthority;
const svids: MadeSvid[] = [];
let api: WorkloadApiDouble;

beforeAll(async () => {
  const now = Math.floor(Date.now() / 1_000);
  authorities = await clientAuthorities(now);
  authority = await authorities.root("spire");
  // One after the other: openssl numbers them in a file.
  for (const name of ["one", "two", "three", "four"])
    svids.push(await makeSvid(authority, name, { notAfter: now + 3_600 }));
});
afterAll(() => authorities.remove());
beforeEach(async () => {
  api = new WorkloadApiDouble();
  await api.start();
});
afterEach(() => {
  api.remove();
});

function svid(index: number): MadeSvid {
  const made = svids[index % svids.length];
  if (made === undefined) throw new Error("no identity was made");
  return made;
}

const environment = (more: Record<string, string> = {}) => ({
  HOST: "127.0.0.1",
  MACP_AUTH_SIGNING_ALG: "ES256",
  MACP_AUTH_SPIFFE_SOCKET: api.endpoint,
  ...more,
});

/** The serial of the certificate that a new connection is given; rejects when the handshake fails. */
function servedSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", ca: authority.certificate, servername: "localhost" };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

/** Mints over connections of their own until it is stopped; gives every status, and every fault of a connection. */
async function mintUntil(port: number, isOver: () => boolean): Promise<readonly (number | string)[]> {
  const outcomes: (number | string)[] = [];
  while (!isOver()) {
    const client = new TlsClient(port, { ca: authority.certificate });
    outcomes.push(
      await client.mint("agent://planner").then(
        ({ status: answered }) => answered,
        (fault: unknown) => (fault as Error).message,
      ),
    );
    client.close();
  }
  return outcomes;
}

/** A start that is looked at while it waits. */
function launched(env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, ["service/bin/macp-auth.cjs", "serve"], {
    env: { PATH: process.env["PATH"] ?? "", PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const start = {
    child,
    out: "",
    err: "",
    ended: new Promise<number | null>((resolve) => child.once("exit", resolve)),
  };
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    start.out += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    start.err += piece;
  });
  return start;
}

async function untilServed(service: RunningService, serial: string): Promise<void> {
  await expect.poll(() => servedSerial(service.port), { timeout: 20_000, interval: 10 }).toBe(serial);
}

function get(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const out = request({
      port,
      host: "127.0.0.1",
      path,
      agent: false,
      ca: authority.certificate,
      servername: "localhost",
    });
    out.on("error", reject);
    out.on("response", (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (piece: string) => {
        body += piece;
      });
      answer.on("end", () => {
        resolve(body);
      });
    });
    out.end();
  });
}

test("new identities under load, with the agent restarted in the middle, are each served, and no handshake and no mint fails", async () => {
  api.give({ svids: [svid(0).given] });
  await withService(environment(), async (service) => {
    let isOver = false;
    const load = Promise.all(Array.from({ length: CLIENTS }, () => mintUntil(service.port, () => isOver)));
    for (let count = 1; count <= ROTATIONS; count += 1) {
      if (count === ROTATIONS / 2) {
        api.stop();
        await api.start();
      }
      api.give({ svids: [svid(count).given] });
      await untilServed(service, svid(count).serial);
    }
    isOver = true;
    const outcomes = (await load).flat();
    expect(new Set(outcomes)).toEqual(new Set([200]));
    expect(outcomes.length).toBeGreaterThan(ROTATIONS);
    expect(service.events("tls_rejected")).toEqual([]);
    for (const { key } of svids) {
      expect(service.output()).not.toContain(key.split("\n")[1]);
      expect(service.output()).not.toContain(derOfKey(key).toString("base64").slice(40, 80));
    }
    expect(service.stderr).toEqual([]);
  });
}, 60_000);

test("readiness, metrics and the log say which certificate is served, and whether the agent is lost", async () => {
  api.give({ svids: [svid(0).given] });
  const admin = await freePort();
  await withService(environment({ MACP_AUTH_ADMIN_PORT: String(admin) }), async (service) => {
    const tlsNow = async () => (JSON.parse(await get(admin, "/readyz")) as { tls: { serial: string } }).tls;
    const loaded = service.events("tls_loaded")[0];
    expect(loaded).toMatchObject({ serial: svid(0).serial });
    expect(await tlsNow()).toEqual({
      serial: svid(0).serial,
      not_after: loaded?.["not_after"],
      stale: false,
    });
    expect(await get(admin, "/metrics")).toContain(
      `macp_auth_tls_not_after_seconds{certificate="server"} ${String(loaded?.["not_after"])}`,
    );
    await expect.poll(() => api.streams).toBe(1);
    api.end(status.PERMISSION_DENIED, "no identity issued");
    await expect.poll(() => service.events("spiffe_unavailable").length, { timeout: 20_000 }).toBe(1);
    expect(await tlsNow()).toMatchObject({ serial: svid(0).serial, stale: true });
    expect(await get(admin, "/metrics")).toContain("macp_auth_tls_stale 1");
    expect(await servedSerial(service.port)).toBe(svid(0).serial);
    api.give({ svids: [svid(1).given] });
    await untilServed(service, svid(1).serial);
    expect(await tlsNow()).toMatchObject({ serial: svid(1).serial, stale: false });
    expect(service.events("spiffe_available")).toHaveLength(1);
  });
});

test("SIGTERM ends the service at once while a stream is open, and while one is opened again", async () => {
  api.give({ svids: [svid(0).given] });
  for (const isLost of [false, true]) {
    const service = await startService(environment());
    await expect.poll(() => api.streams).toBe(1);
    if (isLost) {
      api.end(status.UNAVAILABLE, "is stopped");
      await expect.poll(() => service.events("spiffe_unavailable").length, { timeout: 20_000 }).toBe(1);
    }
    expect(await service.stop()).toBe(0);
    api.give({ svids: [svid(0).given] });
    expect(service.events("stopped")).toMatchObject([{ code: 0 }]);
  }
});

describe("a start", () => {
  test("waits for an agent that comes later, and says so in one line", async () => {
    api.stop();
    const start = launched(environment());
    await expect.poll(() => start.err, { timeout: 20_000, interval: 10 }).toMatch(/\n$/);
    api.give({ svids: [svid(0).given] });
    await api.start();
    await expect.poll(() => start.out, { timeout: 20_000, interval: 10 }).toContain('"event":"listening"');
    start.child.kill("SIGTERM");
    expect(await start.ended).toBe(0);
    expect(start.err).toMatch(
      /^macp-auth: MACP_AUTH_SPIFFE_SOCKET: unix:.*agent.sock cannot be reached \(UNAVAILABLE: .*ENOENT.*\); start the SPIFFE agent, let this user open its socket, or correct the address; waiting 30 seconds for it\n$/,
    );
  });

  test("that has another fault does not wait for an agent, and reports both", async () => {
    api.stop();
    const start = launched({ ...environment(), MACP_AUTH_PROXY_PROTOCOL: "v2" });
    expect(await start.ended).toBe(1);
    expect(start.err).not.toContain("waiting");
    expect(start.err).toContain("MACP_AUTH_PROXY_PROTOCOL is set and MACP_AUTH_TRUSTED_PROXIES is not");
    expect(start.err).toContain("MACP_AUTH_SPIFFE_SOCKET: unix:");
    expect(start.err.trimEnd().split("\n").length).toBe(2);
  });

  test("that is stopped while nobody answers at the socket ends", async () => {
    api.stop();
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(api.path, resolve));
    const connected = new Promise((resolve) => silent.once("connection", resolve));
    const start = launched(environment());
    await connected;
    start.child.kill("SIGTERM");
    expect(await start.ended).toBe(1);
    silent.close();
  });

  test("at a socket of something else ends with exit code 1 and the fix", async () => {
    api.stop();
    const other = new Server();
    await new Promise<void>((resolve, reject) => {
      other.bindAsync(`unix:${api.path}`, ServerCredentials.createInsecure(), (fault) => {
        if (fault === null) resolve();
        else reject(fault);
      });
    });
    const { code, stderr } = await runToExit(environment());
    other.forceShutdown();
    expect([code, stderr]).toEqual([
      1,
      [
        expect.stringMatching(
          /agent.sock is no SPIFFE Workload API \(UNIMPLEMENTED: .*\); name the socket that the agent serves workloads on$/,
        ),
      ],
    ]);
  });

  test("with an identity that cannot be served ends with exit code 1, every other fault beside it, and no key", async () => {
    api.give({ svids: [{ ...svid(0).given, x509_svid_key: derOfKey(svid(1).key) }] });
    const { code, stderr } = await runToExit(
      environment({ MACP_AUTH_SIGNING_KEY_FILE: "/nowhere/key.json" }),
    );
    expect([code, stderr]).toEqual([
      1,
      [
        expect.stringContaining("MACP_AUTH_SIGNING_KEY_FILE"),
        expect.stringContaining("with a key that is not of its certificate"),
      ],
    ]);
  });

  test("with files of a certificate too is rejected in one line for each", async () => {
    const folder = mkdtempSync(join(tmpdir(), "macp-auth-both-"));
    const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
    writeFileSync(cert, svid(0).certificate);
    writeFileSync(key, svid(0).key);
    const files = { MACP_AUTH_TLS_CERT_FILE: cert, MACP_AUTH_TLS_KEY_FILE: key };
    const { code, stderr } = await runToExit(environment(files));
    rmSync(folder, { recursive: true });
    expect([code, stderr]).toEqual([
      1,
      ["CERT", "KEY"].map(
        (name) =>
          `macp-auth: MACP_AUTH_TLS_${name}_FILE and MACP_AUTH_SPIFFE_SOCKET are both set; unset the one that is not meant`,
      ),
    ]);
  });
});

test("doctor says for how long the identity is valid, and why there is none", async () => {
  api.give({ svids: [svid(0).given] });
  const good = await runToExit(environment(), ["doctor"]);
  expect(good.stdout.join("\n")).toMatch(
    /tls-certificate +the certificate of the listeners is valid for \d+ more minutes/,
  );
  api.end(status.PERMISSION_DENIED, "no identity issued");
  const bad = await runToExit(environment(), ["doctor"]);
  expect(bad.code).toBe(1);
  expect(bad.stdout.join("\n")).toMatch(/tls-certificate +.*agent.sock has no identity for this process/);
});
