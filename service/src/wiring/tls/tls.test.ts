import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadSettings } from "../../config/environment.ts";
import { clockOf, systemClock } from "../../kernel/clock.ts";
import { systemRandom } from "../../kernel/random.ts";
import { systemTimers } from "../../kernel/timers.ts";
import { openLog } from "../../telemetry/log.ts";
import { type Authority, type Certificate, makeAuthority } from "../../testing/certificates.ts";
import { loadTls } from "../tls.ts";
import type { OpenTls } from "./open-tls.ts";

let authority: Authority;
let other: Authority;
let first: Certificate;
let second: Certificate;
let client: Certificate;
let folder: string;
let lines: Record<string, unknown>[];
let servers: Server[];
let now: number;

beforeAll(async () => {
  [authority, other] = await Promise.all([makeAuthority(), makeAuthority()]);
  first = await authority.issue("first", "DNS:localhost,IP:127.0.0.1", 90);
  second = await authority.issue("second", "DNS:localhost,IP:127.0.0.1", 90);
  client = await authority.issue("client", "DNS:client", 90);
});
afterAll(async () => {
  await Promise.all([authority.remove(), other.remove()]);
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "macp-auth-tls-"));
  [lines, servers, now] = [[], [], systemClock.now()];
});
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);
const NAMES = {
  MACP_AUTH_TLS_CERT_FILE: "tls.crt",
  MACP_AUTH_TLS_KEY_FILE: "tls.key",
  MACP_AUTH_TLS_CLIENT_CA_FILE: "ca.crt",
  MACP_AUTH_TLS_CRL_FILE: "ca.crl",
} as const;

/** Puts texts into files, and gives the variables that name them. */
function filesOf(texts: Partial<Record<keyof typeof NAMES, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([variable, text]) => {
      const path = at(NAMES[variable as keyof typeof NAMES]);
      writeFileSync(path, text);
      return [variable, path];
    }),
  );
}
const pairOf = ({ certificate, key }: Certificate) => ({
  MACP_AUTH_TLS_CERT_FILE: certificate,
  MACP_AUTH_TLS_KEY_FILE: key,
});

const NO_WAIT = { msMax: 0, notice: () => undefined };
const machine = {
  clock: clockOf(() => now),
  timers: systemTimers,
  random: systemRandom(),
};

async function opened(environment: Record<string, string>): Promise<OpenTls> {
  const tls = await loadTls(loadSettings(environment), machine, NO_WAIT);
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  if (tls === undefined) throw new Error("TLS is off");
  return tls.open(openLog("info", { write }));
}

async function faultOf(environment: Record<string, string>): Promise<string> {
  return loadTls(loadSettings(environment), machine, NO_WAIT).then(
    () => "",
    (thrown: unknown) => (thrown as Error).message.replaceAll(folder, ""),
  );
}

/** A server that answers nothing: handshakes are what is looked at. */
async function listening(tls: OpenTls): Promise<number> {
  const server = tls.createServer({ handshakeTimeout: 5_000 }, () => undefined);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A finished handshake; rejects with the fault of one that fails, also one that the server reports after it. */
function shakeHands(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      resolve(socket);
    });
  });
}

async function serialOf(port: number): Promise<string> {
  const socket = await shakeHands(port);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

const serialIn = ({ certificatePath }: Certificate): string =>
  execFileSync("openssl", ["x509", "-in", certificatePath, "-noout", "-serial"], { encoding: "utf8" })
    .trim()
    .replace("serial=", "");

describe("a start", () => {
  const faults: readonly [string, () => Partial<Record<keyof typeof NAMES, string>>, RegExp][] = [
    [
      "no certificate",
      () => ({ ...pairOf(first), MACP_AUTH_TLS_CERT_FILE: first.key }),
      /CERT_FILE: \/tls.crt holds no certificate/,
    ],
    [
      "no key",
      () => ({ ...pairOf(first), MACP_AUTH_TLS_KEY_FILE: first.certificate }),
      /KEY_FILE: \/tls.key holds no private key/,
    ],
    [
      "two keys",
      () => ({ ...pairOf(first), MACP_AUTH_TLS_KEY_FILE: first.key + second.key }),
      /holds more than one private key/,
    ],
    [
      "the key of another certificate",
      () => ({ ...pairOf(first), MACP_AUTH_TLS_KEY_FILE: second.key }),
      /KEY_FILE: \/tls.key is not the key of the certificate/,
    ],
    [
      "a chain in the wrong order",
      () => ({
        ...pairOf(first),
        MACP_AUTH_TLS_CERT_FILE: readFileSync(authority.path, "utf8") + first.certificate,
      }),
      /CERT_FILE: \/tls.crt does not begin with the certificate of the key, which is number 2/,
    ],
    [
      "a damaged certificate",
      () => ({ ...pairOf(first), MACP_AUTH_TLS_CERT_FILE: first.certificate.replace("MII", "MIJ") }),
      /has a certificate that cannot be read, number 1/,
    ],
    [
      "authorities without a certificate",
      () => ({ ...pairOf(first), MACP_AUTH_TLS_CLIENT_CA_FILE: "none" }),
      /CLIENT_CA_FILE: \/ca.crt holds no certificate/,
    ],
    [
      "a revocation list that is none",
      () => ({
        ...pairOf(first),
        MACP_AUTH_TLS_CLIENT_CA_FILE: readFileSync(authority.path, "utf8"),
        MACP_AUTH_TLS_CRL_FILE: "none",
      }),
      /CRL_FILE: \/ca.crl holds no revocation list/,
    ],
    [
      "a damaged revocation list",
      () => ({
        ...pairOf(first),
        MACP_AUTH_TLS_CLIENT_CA_FILE: readFileSync(authority.path, "utf8"),
        MACP_AUTH_TLS_CRL_FILE: "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----",
      }),
      /CRL_FILE: \/ca.crl has a revocation list that cannot be read/,
    ],
  ];
  test.each(faults)("with %s is rejected, in a line that says so", async (_, texts, line) => {
    expect(await faultOf(filesOf(texts()))).toMatch(line);
  });

  test("with an encrypted key is rejected, with the command that decrypts it", async () => {
    const encrypted = execFileSync(
      "openssl",
      ["pkcs8", "-topk8", "-in", first.keyPath, "-passout", "pass:x"],
      { encoding: "utf8" },
    );
    expect(await faultOf(filesOf({ ...pairOf(first), MACP_AUTH_TLS_KEY_FILE: encrypted }))).toMatch(
      /KEY_FILE: \/tls.key is an encrypted key; decrypt it .*openssl pkey/,
    );
  });

  test("with an expired certificate, or one that is not valid yet, is rejected", async () => {
    const files = filesOf(pairOf(first));
    now += 91 * 86_400;
    expect(await faultOf(files)).toMatch(
      /has a certificate that expired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ; renew it/,
    );
    now -= 182 * 86_400;
    expect(await faultOf(files)).toMatch(/has a certificate that is not valid before/);
  });

  test("with files that are not there names each of them", async () => {
    const fault = await faultOf({ MACP_AUTH_TLS_CERT_FILE: at("a"), MACP_AUTH_TLS_KEY_FILE: at("b") });
    expect(fault.split("\n")).toEqual([
      expect.stringMatching(/^MACP_AUTH_TLS_CERT_FILE: \/a does not exist/),
      expect.stringMatching(/^MACP_AUTH_TLS_KEY_FILE: \/b does not exist/),
    ]);
  });
});

describe("a listener", () => {
  test("speaks TLS 1.2 and 1.3, nothing older, and does not renegotiate", async () => {
    const port = await listening(await opened(filesOf(pairOf(first))));
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await shakeHands(port, { minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    await expect(
      shakeHands(port, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    ).rejects.toThrow();
    const socket = await shakeHands(port, { maxVersion: "TLSv1.2" });
    socket.on("error", () => undefined);
    const outcome = await new Promise((resolve) => {
      setTimeout(resolve, 500, "ignored");
      socket.renegotiate({}, (fault) => {
        resolve(fault?.message ?? "renegotiated");
      });
    });
    expect(outcome).not.toBe("renegotiated");
    socket.destroy();
  });

  test("agrees on nothing without forward secrecy and authenticated encryption", async () => {
    const port = await listening(await opened(filesOf(pairOf(first))));
    for (const ciphers of ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"])
      await expect(shakeHands(port, { maxVersion: "TLSv1.2", ciphers })).rejects.toThrow();
  });

  test("chooses http/1.1 where a client offers h2 too, and ends the handshake of one that offers only h2", async () => {
    const port = await listening(await opened(filesOf(pairOf(first))));
    const socket = await shakeHands(port, { ALPNProtocols: ["h2", "http/1.1"] });
    expect(socket.alpnProtocol).toBe("http/1.1");
    socket.destroy();
    await expect(shakeHands(port, { ALPNProtocols: ["h2"] })).rejects.toThrow(/no application protocol/);
  });

  test("with authorities of clients speaks TLS 1.3 only, asks for a certificate, and needs none for the handshake", async () => {
    const ca = readFileSync(authority.path, "utf8");
    const tls = await opened(filesOf({ ...pairOf(first), MACP_AUTH_TLS_CLIENT_CA_FILE: ca }));
    const port = await listening(tls);
    await expect(shakeHands(port, { maxVersion: "TLSv1.2" })).rejects.toThrow();
    const seen = new Promise<boolean>((resolve) => {
      servers[0]?.once("secureConnection", (socket: TLSSocket) => {
        resolve(socket.authorized);
      });
    });
    const socket = await shakeHands(port, { cert: client.certificate, key: client.key });
    expect(await seen).toBe(true);
    socket.destroy();
    (await shakeHands(port)).destroy();
  });

  test("with authorities of clients resumes no session", async () => {
    const ca = readFileSync(authority.path, "utf8");
    const port = await listening(
      await opened(filesOf({ ...pairOf(first), MACP_AUTH_TLS_CLIENT_CA_FILE: ca })),
    );
    for (const options of [{}, { cert: client.certificate, key: client.key }]) {
      const one = await shakeHands(port, options);
      const sessions: Buffer[] = [];
      one.on("session", (session: Buffer) => sessions.push(session));
      await new Promise((resolve) => setTimeout(resolve, 50));
      one.destroy();
      for (const session of sessions) {
        const again = await shakeHands(port, { ...options, session });
        expect(again.isSessionReused()).toBe(false);
        again.destroy();
      }
    }
  });

  test("asks for certificates from the moment that an authority is declared beside the settings, and no longer than that", async () => {
    const tls = await opened(filesOf(pairOf(first)));
    const port = await listening(tls);
    const certificateSeen = async (): Promise<boolean | undefined> => {
      const seen = new Promise<boolean | undefined>((resolve) => {
        servers[0]?.once("secureConnection", (socket: TLSSocket) => {
          resolve(socket.getPeerX509Certificate() === undefined ? undefined : socket.authorized);
        });
      });
      const socket = await shakeHands(port, { cert: client.certificate, key: client.key });
      // Its end could overtake what the client still has to send.
      await seen;
      socket.destroy();
      return seen;
    };
    expect(await certificateSeen()).toBeUndefined();
    tls.trust([readFileSync(other.path, "utf8")]);
    expect(await certificateSeen()).toBe(false);
    tls.trust([readFileSync(authority.path, "utf8")]);
    expect(await certificateSeen()).toBe(true);
    tls.trust(["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]);
    expect(await certificateSeen()).toBe(false);
    tls.trust([]);
    expect(await certificateSeen()).toBeUndefined();
  });
});

describe("a change of the files", () => {
  async function looked(tls: OpenTls): Promise<void> {
    await tls.look();
    await tls.look();
  }

  test("is served to new connections, and not before two looks agree on it", async () => {
    const tls = await opened(filesOf(pairOf(first)));
    const port = await listening(tls);
    expect(await serialOf(port)).toBe(serialIn(first));
    filesOf(pairOf(second));
    await tls.look();
    expect(await serialOf(port)).toBe(serialIn(first));
    await tls.look();
    expect(await serialOf(port)).toBe(serialIn(second));
    expect(tls.status()).toMatchObject({ serial: serialIn(second), isStale: false });
    expect(lines.filter(({ event }) => event === "tls_changed")).toMatchObject([
      { serial: serialIn(second) },
    ]);
  });

  test("is seen through the ..data link that Kubernetes swaps", async () => {
    for (const [name, pair] of [
      ["one", first],
      ["two", second],
    ] as const) {
      execFileSync("mkdir", [at(name)]);
      writeFileSync(join(at(name), "tls.crt"), pair.certificate);
      writeFileSync(join(at(name), "tls.key"), pair.key);
    }
    symlinkSync("one", at("..data"));
    symlinkSync("..data/tls.crt", at("tls.crt"));
    symlinkSync("..data/tls.key", at("tls.key"));
    const tls = await opened({
      MACP_AUTH_TLS_CERT_FILE: at("tls.crt"),
      MACP_AUTH_TLS_KEY_FILE: at("tls.key"),
    });
    const port = await listening(tls);
    symlinkSync("two", at("..data_tmp"));
    renameSync(at("..data_tmp"), at("..data"));
    await looked(tls);
    expect(await serialOf(port)).toBe(serialIn(second));
  });

  test("that cannot be served changes nothing, is reported once, and is served when it can be", async () => {
    const tls = await opened(filesOf(pairOf(first)));
    const port = await listening(tls);
    filesOf({ MACP_AUTH_TLS_CERT_FILE: second.certificate });
    for (let round = 0; round < 3; round += 1) await looked(tls);
    expect(await serialOf(port)).toBe(serialIn(first));
    expect(tls.status()).toMatchObject({ serial: serialIn(first), isStale: true });
    expect(lines.filter(({ event }) => event === "tls_rejected")).toMatchObject([
      {
        fault: expect.stringContaining("is not the key of the certificate") as string,
        in_force: serialIn(first),
      },
    ]);
    filesOf(pairOf(second));
    await looked(tls);
    expect(await serialOf(port)).toBe(serialIn(second));
    expect(tls.status().isStale).toBe(false);
  });

  test("into a certificate that is not valid yet is served when its time has come, without another change", async () => {
    const tls = await opened(filesOf(pairOf(first)));
    const port = await listening(tls);
    const later = await authority.issue("later", "DNS:localhost", 90);
    filesOf(pairOf(later));
    // The certificate's own moment: it may be made a second after this test began.
    const validFrom = Date.parse(new X509Certificate(later.certificate).validFrom) / 1_000;
    now = validFrom - 1;
    await looked(tls);
    expect([await serialOf(port), tls.status().isStale]).toEqual([serialIn(first), true]);
    now = validFrom;
    await tls.look();
    expect([await serialOf(port), tls.status().isStale]).toEqual([serialIn(later), false]);
  });

  test("leaves open connections as they are", async () => {
    const tls = await opened(filesOf(pairOf(first)));
    const socket = await shakeHands(await listening(tls));
    let isClosed = false;
    socket.once("close", () => {
      isClosed = true;
    });
    filesOf(pairOf(second));
    await looked(tls);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isClosed).toBe(false);
    socket.destroy();
  });
});

test("the end of a certificate is reported 30, 7 and 1 days before it, each once, and when it is over", async () => {
  const tls = await opened(filesOf(pairOf(first)));
  const start = now;
  for (const days of [59, 61, 62, 82, 84, 89.5, 89.6, 91, 92]) {
    now = start + days * 86_400;
    await tls.look();
  }
  expect(
    lines
      .filter(({ event }) => String(event).startsWith("tls_expire"))
      .map(({ event, days }) => [event, days]),
  ).toEqual([
    ["tls_expires", 30],
    ["tls_expires", 7],
    ["tls_expires", 1],
    ["tls_expired", undefined],
  ]);
});
