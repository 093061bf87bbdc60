import { writeFileSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Authority, type Certificate, makeAuthority } from "../../service/src/testing/certificates.ts";
import { type RunningService, withService } from "../support/service-process.ts";

const RELOADS = 100;
const CERTIFICATES = 10;
const CLIENTS = 4;
const BODY = '{"sender":"agent://planner"}';

let authority: Authority;
const certificates: Certificate[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-reload-"));
  authority = await makeAuthority();
  // One after the other: openssl numbers them in a file.
  for (let index = 0; index < CERTIFICATES; index += 1)
    certificates.push(await authority.issue(`server-${String(index)}`, "DNS:localhost,IP:127.0.0.1", 90));
});
afterAll(async () => {
  await authority.remove();
  await rm(folder, { recursive: true });
});

/** Each file is replaced at once, and the two one after the other, as cert-manager and spiffe-helper do. */
async function put({ certificate, key }: Certificate): Promise<void> {
  for (const [name, text] of [
    ["tls.key", key],
    ["tls.crt", certificate],
  ] as const) {
    writeFileSync(join(folder, `${name}.new`), text);
    await rename(join(folder, `${name}.new`), join(folder, name));
  }
}

/** The serial of the certificate that a new connection is given. */
function servedSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

/** Mints over a connection of its own; resolves to the status, or to what failed. */
function mintOnce(port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const out = request({
      port,
      host: "127.0.0.1",
      method: "POST",
      path: "/tokens",
      agent: false,
      rejectUnauthorized: false,
      headers: { "content-type": "application/json" },
    });
    out.on("error", (fault) => {
      resolve(fault.message);
    });
    out.on("response", (answer) => {
      answer.resume().on("end", () => {
        resolve(answer.statusCode ?? 0);
      });
    });
    out.end(BODY);
  });
}

/** Reads the new files now, and gives the serial of what is served then. */
async function reloaded(service: RunningService, count: number): Promise<string> {
  service.signal("SIGHUP");
  await expect
    .poll(() => service.events("tls_changed").length, { timeout: 10_000, interval: 10 })
    .toBe(count);
  return servedSerial(service.port);
}

test(`${String(RELOADS)} new certificates under load: each is served at once, and no handshake and no mint fails`, {
  timeout: 120_000,
}, async () => {
  const [first] = certificates;
  if (first === undefined) throw new Error("no certificate was made");
  await put(first);
  const environment = {
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_TLS_CERT_FILE: join(folder, "tls.crt"),
    MACP_AUTH_TLS_KEY_FILE: join(folder, "tls.key"),
  };
  await withService(environment, async (service) => {
    const outcomes = new Map<number | string, number>();
    let isOver = false;
    const load = Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (!isOver) {
          const outcome = await mintOnce(service.port);
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      }),
    );
    const serials = new Set<string>();
    let before = await servedSerial(service.port);
    for (let count = 1; count <= RELOADS; count += 1) {
      const next = certificates[count % CERTIFICATES];
      if (next !== undefined) await put(next);
      const serial = await reloaded(service, count);
      expect(serial).toBe(service.events("tls_changed").at(-1)?.["serial"]);
      expect(serial).not.toBe(before);
      serials.add(serial);
      before = serial;
    }
    isOver = true;
    await load;
    expect(serials.size).toBe(CERTIFICATES);
    expect([...outcomes.keys()]).toEqual([200]);
    expect(outcomes.get(200)).toBeGreaterThan(RELOADS);
    expect(service.events("tls_rejected")).toEqual([]);
  });
});
