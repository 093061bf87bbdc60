import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadSettings } from "../../../config/environment.ts";
import { clockOf, systemClock } from "../../../kernel/clock.ts";
import { systemRandom } from "../../../kernel/random.ts";
import { systemTimers } from "../../../kernel/timers.ts";
import { openLog } from "../../../telemetry/log.ts";
import {
  type ClientAuthorities,
  type ClientAuthority,
  clientAuthorities,
} from "../../../testing/client-certificates.ts";
import { derOf, derOfKey, type MadeSvid, makeSvid } from "../../../testing/spiffe/svids.ts";
import { type GivenSvid, WorkloadApiDouble } from "../../../testing/spiffe/workload-api-double.ts";
import { loadTls } from "../../tls.ts";
import type { OpenTls } from "../open-tls.ts";

const HOUR_SECONDS = 3_600;
let authorities: ClientAuthorities;
let authority: ClientAuthority;
let first: MadeSvid;
let second: MadeSvid;
let other: MadeSvid;
let api: WorkloadApiDouble;
let lines: Record<string, unknown>[];
let servers: Server[];
let opened: OpenTls[];
let now: number;

beforeAll(async () => {
  const start = systemClock.now();
  authorities = await clientAuthorities(start);
  authority = await authorities.root("spire");
  first = await makeSvid(authority, "first", { notAfter: start + HOUR_SECONDS });
  second = await makeSvid(authority, "second", { notAfter: start + 2 * HOUR_SECONDS });
  other = await makeSvid(authority, "other", { id: "spiffe://example.org/other", names: "" });
}, 60_000);
afterAll(() => authorities.remove());
beforeEach(async () => {
  api = new WorkloadApiDouble();
  await api.start();
  [lines, servers, opened, now] = [[], [], [], systemClock.now()];
});
afterEach(() => {
  for (const tls of opened) tls.close();
  for (const server of servers) server.close().closeAllConnections();
  api.remove();
});

const machine = {
  clock: clockOf(() => now),
  timers: systemTimers,
  random: systemRandom(),
};

const load = (environment: Record<string, string> = {}) =>
  loadTls(loadSettings({ MACP_AUTH_SPIFFE_SOCKET: api.endpoint, ...environment }), machine, {
    msMax: 500,
    notice: () => undefined,
  });

async function open(environment: Record<string, string> = {}): Promise<OpenTls> {
  const tls = await load(environment);
  if (tls === undefined) throw new Error("TLS is off");
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const open = tls.open(openLog("info", { write }));
  opened.push(open);
  return open;
}

async function faultOf(environment: Record<string, string> = {}): Promise<string> {
  return load(environment).then(
    () => "",
    (thrown: unknown) => (thrown as Error).message.replace(api.endpoint, "PLACE"),
  );
}

async function listening(tls: OpenTls): Promise<number> {
  const server = tls.createServer({ handshakeTimeout: 5_000 }, () => undefined);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function serialOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

const events = (name: string) => lines.filter(({ event }) => event === name);

async function untilEvents(name: string, count: number): Promise<void> {
  await expect.poll(() => events(name).length, { timeout: 20_000, interval: 10 }).toBe(count);
}

describe("a start", () => {
  test("serves the identity that the agent gives, without a file", async () => {
    api.give({ svids: [first.given] });
    const tls = await open();
    expect(await serialOf(await listening(tls))).toBe(first.serial);
    expect(tls.status()).toMatchObject({ serial: first.serial, isStale: false });
    expect(lines).toMatchObject([
      {
        event: "tls_loaded",
        serial: first.serial,
        not_after: Date.parse(new X509Certificate(first.certificate).validTo) / 1_000,
      },
    ]);
  });

  test("serves the chain whole", async () => {
    const below = await authority.authorityBelow("below");
    const svid = await makeSvid(below, "chained");
    const chain = Buffer.concat([svid.given.x509_svid ?? Buffer.alloc(0), derOf(below.certificate)]);
    api.give({ svids: [{ ...svid.given, x509_svid: chain }] });
    const port = await listening(await open());
    const socket = connect({ port, host: "127.0.0.1", ca: authority.certificate, servername: "localhost" });
    await new Promise((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    expect(socket.authorized).toBe(true);
    socket.destroy();
  });

  test("serves the first of several identities, says so, and serves the one that a setting names", async () => {
    api.give({ svids: [first.given, other.given] });
    const loaded = await load();
    expect(loaded?.warnings).toEqual([
      "MACP_AUTH_SPIFFE_SOCKET: 2 identities are given, and the first is served; name one with MACP_AUTH_SPIFFE_ID",
    ]);
    expect(await serialOf(await listening(await open()))).toBe(first.serial);
    const named = { MACP_AUTH_SPIFFE_ID: "spiffe://example.org/other" };
    expect(await serialOf(await listening(await open(named)))).toBe(other.serial);
    expect((await load(named))?.warnings).toEqual([expect.stringMatching(/has no DNS name, .* -dns NAME$/)]);
  });

  const faults: readonly [string, () => readonly GivenSvid[], RegExp][] = [
    ["no identity", () => [], /^PLACE gave no identity; register one/],
    ["no key", () => [{ ...first.given, x509_svid_key: Buffer.alloc(0) }], /without a private key/],
    ["a key that is none", () => [{ ...first.given, x509_svid_key: Buffer.from("x") }], /key that cannot be/],
    ["another's key", () => [{ ...first.given, x509_svid_key: derOfKey(second.key) }], /not of its certific/],
    ["no certificate", () => [{ ...first.given, x509_svid: Buffer.alloc(0) }], /without a certificate/],
    [
      "a damaged certificate",
      () => [{ ...first.given, x509_svid: first.given.x509_svid?.subarray(0, -1) ?? Buffer.alloc(0) }],
      /with a certificate that cannot be read/,
    ],
    [
      "no SPIFFE id",
      () => [{ ...first.given, spiffe_id: "https://example.org/x" }],
      /gave an identity for https:\/\/example.org\/x, which is no SPIFFE id/,
    ],
    [
      "a certificate of another id",
      () => [{ ...first.given, spiffe_id: "spiffe://example.org/b" }],
      /does not have this id as its only URI/,
    ],
  ];
  test.each(faults)("with %s is rejected, in a line that says so", async (_, svids, line) => {
    api.give({ svids: svids() });
    const fault = (await faultOf()).replace("MACP_AUTH_SPIFFE_SOCKET: ", "");
    expect(fault).toMatch(/^PLACE gave /);
    expect(fault).toMatch(line);
    expect(fault.split("\n")).toHaveLength(1);
  });

  test("with the certificate of an authority, or one that has expired or is not valid yet, is rejected", async () => {
    const extensions = [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,keyCertSign,digitalSignature",
    ];
    const authoritys = await makeSvid(authority, "authoritys", { extensions });
    api.give({ svids: [authoritys.given] });
    expect(await faultOf()).toMatch(/with the certificate of an authority/);
    api.give({ svids: [first.given] });
    now += 2 * HOUR_SECONDS;
    expect(await faultOf()).toMatch(
      /that expired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ; read the log of the SPIFFE agent/,
    );
    now -= 4 * HOUR_SECONDS;
    expect(await faultOf()).toMatch(/that is not valid before/);
  });

  test("with another identity than the named one says which there are", async () => {
    api.give({ svids: [other.given] });
    expect(await faultOf({ MACP_AUTH_SPIFFE_ID: "spiffe://example.org/macp-auth" })).toMatch(
      /did not give spiffe:\/\/example.org\/macp-auth, but spiffe:\/\/example.org\/other; register it/,
    );
  });

  test("with an agent that has no identity for it, or does not answer, gives up with the reason and the fix", async () => {
    api.end(status.PERMISSION_DENIED, "no identity issued");
    expect(await faultOf()).toBe(
      "MACP_AUTH_SPIFFE_SOCKET: PLACE has no identity for this process (PERMISSION_DENIED: no identity issued); register one, for SPIRE with: spire-server entry create",
    );
    api.beSilent();
    expect(await faultOf()).toMatch(
      /PLACE did not answer within 0.5 seconds; read the log of the SPIFFE agent$/,
    );
    api.stop();
    expect(await faultOf()).toMatch(/PLACE cannot be reached \(UNAVAILABLE: .*ENOENT/);
  });

  test("reports a fault of the authorities of clients too, with what the agent gave", async () => {
    api.give({ svids: [] });
    const fault = await faultOf({ MACP_AUTH_TLS_CLIENT_CA_FILE: "/nowhere/ca.pem" });
    expect(fault.split("\n")).toEqual([
      expect.stringContaining("gave no identity") as string,
      expect.stringMatching(/^MACP_AUTH_TLS_CLIENT_CA_FILE: \/nowhere\/ca.pem does not exist/),
    ]);
  });
});

describe("a change", () => {
  test("is served to new connections at once, without a restart", async () => {
    api.give({ svids: [first.given] });
    const tls = await open();
    const port = await listening(tls);
    await expect.poll(() => api.streams).toBe(1);
    api.give({ svids: [second.given] });
    await untilEvents("tls_changed", 1);
    expect(await serialOf(port)).toBe(second.serial);
    expect(events("tls_changed")).toMatchObject([{ serial: second.serial }]);
    // The same once more is no change.
    api.give({ svids: [second.given] });
    api.give({ svids: [first.given] });
    await untilEvents("tls_changed", 2);
    expect(tls.status()).toMatchObject({ serial: first.serial, isStale: false });
  });

  test("that cannot be served changes nothing, is reported once without the key, and is over with the next one", async () => {
    api.give({ svids: [first.given] });
    const tls = await open();
    const port = await listening(tls);
    await expect.poll(() => api.streams).toBe(1);
    const mixed = { svids: [{ ...second.given, x509_svid_key: derOfKey(first.key) }] };
    api.give(mixed);
    api.give(mixed);
    await untilEvents("tls_rejected", 1);
    await tls.look();
    await tls.look();
    expect(events("tls_rejected")).toMatchObject([
      {
        fault: expect.stringContaining("with a key that is not of its certificate") as string,
        in_force: first.serial,
      },
    ]);
    expect([await serialOf(port), tls.status().isStale]).toEqual([first.serial, true]);
    api.give({ svids: [second.given] });
    await untilEvents("tls_changed", 1);
    expect([await serialOf(port), tls.status().isStale]).toEqual([second.serial, false]);
    for (const { key } of [first, second]) {
      expect(JSON.stringify(lines)).not.toContain(key.split("\n")[1]);
      expect(JSON.stringify(lines)).not.toContain(derOfKey(key).toString("base64").slice(40, 80));
    }
  });

  test("into an identity that is not the named one changes nothing", async () => {
    api.give({ svids: [first.given] });
    const tls = await open({ MACP_AUTH_SPIFFE_ID: first.given.spiffe_id ?? "" });
    await expect.poll(() => api.streams).toBe(1);
    api.give({ svids: [other.given] });
    await untilEvents("tls_rejected", 1);
    expect(tls.status()).toMatchObject({ serial: first.serial, isStale: true });
  });

  test("into a certificate that is not valid yet is served when its time has come, without another message", async () => {
    api.give({ svids: [first.given] });
    const tls = await open();
    await expect.poll(() => api.streams).toBe(1);
    const later = await makeSvid(authority, "later", { notBefore: now + 600, notAfter: now + HOUR_SECONDS });
    api.give({ svids: [later.given] });
    await untilEvents("tls_rejected", 1);
    now += 601;
    await tls.look();
    expect(tls.status()).toMatchObject({ serial: later.serial, isStale: false });
  });
});

test("a certificate that lives for an hour is reported when a quarter of that is left, and when it is over, each once", async () => {
  const hour = await makeSvid(authority, "hour", { notBefore: now, notAfter: now + HOUR_SECONDS });
  api.give({ svids: [hour.given] });
  const tls = await open();
  const start = now;
  for (const minutes of [44, 46, 47, 61, 62]) {
    now = start + minutes * 60;
    await tls.look();
  }
  expect(
    lines
      .filter(({ event }) => String(event).startsWith("tls_expire"))
      .map(({ event, days }) => [event, days]),
  ).toEqual([
    ["tls_expires", 0],
    ["tls_expired", undefined],
  ]);
});

describe("an agent that is lost", () => {
  test("is reported once for each reason, leaves the certificate in force, and is reported when it is back", async () => {
    api.give({ svids: [first.given] });
    const tls = await open();
    const port = await listening(tls);
    await expect.poll(() => api.streams).toBe(1);
    api.end(status.PERMISSION_DENIED, "no identity issued");
    await untilEvents("spiffe_unavailable", 1);
    expect(events("spiffe_unavailable")[0]?.["fault"]).toMatch(/has no identity for this process/);
    expect([await serialOf(port), tls.status().isStale]).toEqual([first.serial, true]);
    api.give({ svids: [first.given] });
    await untilEvents("spiffe_available", 1);
    expect(tls.status()).toMatchObject({ serial: first.serial, isStale: false });
    expect([events("tls_rejected"), events("tls_changed")]).toEqual([[], []]);
  });

  test("does not keep the files of client authorities from being followed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "macp-auth-svid-"));
    const path = join(folder, "ca.pem");
    writeFileSync(path, authority.certificate);
    api.give({ svids: [first.given] });
    const tls = await open({ MACP_AUTH_TLS_CLIENT_CA_FILE: path });
    await expect.poll(() => api.streams).toBe(1);
    api.end(status.UNAVAILABLE, "is restarted");
    await untilEvents("spiffe_unavailable", 1);
    writeFileSync(path, (await authorities.root("new")).certificate);
    await tls.look();
    await tls.look();
    expect(events("tls_changed")).toMatchObject([{ serial: first.serial }]);
    rmSync(folder, { recursive: true });
  });

  test("is asked no more once the service ends", async () => {
    api.give({ svids: [first.given] });
    const tls = await open();
    await expect.poll(() => api.streams).toBe(1);
    tls.close();
    await expect.poll(() => api.streams).toBe(0);
  });
});
