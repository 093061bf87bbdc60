import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { makeAuthority } from "../../service/src/testing/certificates.ts";
import { accessFolder } from "../support/access.ts";
import { type RunningService, withService } from "../support/service-process.ts";
import { TlsClient } from "../support/tls-client.ts";
import { prepareIssuer } from "./toolchains.ts";

// Certificates that the code of SPIRE's server issues, replaced under load, with the file names of spiffe-helper.

/** The long form rotates every minute for this long; the short one every three seconds, through one change of the authority. */
const MINUTES = Number(process.env["MACP_SVID_MINUTES"] ?? "0");
const PERIOD_MS = MINUTES > 0 ? 60_000 : 3_000;
const SVID_SECONDS = MINUTES > 0 ? 180 : 30;
const SENDER = "agent://example.org/prod/planner";
const WORKERS = 4;
/** In this order: the bundle gets a second authority, which then signs, and at last is the only one. */
const STEPS = ["svid", "prepare", "svid", "activate", "svid", "retire", "svid"];

/** The program that issues, and the folder that it writes into. */
class Issuer {
  readonly #program: ChildProcessByStdio<Writable, Readable, null>;

  constructor(path: string, folder: string) {
    this.#program = spawn(path, ["example.org", "x509", folder, String(SVID_SECONDS)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  async write(step: string): Promise<void> {
    this.#program.stdin.write(`${step}\n`);
    await once(this.#program.stdout, "data");
  }

  end(): void {
    this.#program.stdin.end();
  }
}

/** Resolves when the service has read what changed. */
async function followed(service: RunningService, changes: number): Promise<void> {
  for (let tries = 0; service.events("access_changed").length < changes; tries += 1) {
    if (tries > 1_000) expect.unreachable("the service did not follow the bundle in ten seconds");
    await pause(10);
  }
}

test("X509-SVIDs that SPIRE issues and replaces, its authority too, never fail a mint", {
  timeout: 900_000 + MINUTES * 60_000,
}, async () => {
  const prepared = await prepareIssuer("spire");
  if (!prepared.ready) throw new Error(prepared.why);
  const svids = await mkdtemp(join(tmpdir(), "macp-auth-svids-"));
  const issuer = new Issuer(join(prepared.folder, "issuer"), svids);
  await issuer.write("svid");
  const authority = await makeAuthority();
  const served = await authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
  const ca = await readFile(authority.path, "utf8");
  const access = await accessFolder({
    version: 1,
    client_cas: { spire: { ca_file: join(svids, "svid_bundle.pem") } },
    callers: {
      planner: { proofs: [{ certificate: { ca: "spire", uri: "spiffe://example.org/ns/prod/sa/*" } }] },
    },
    grants: [
      {
        name: "own",
        callers: ["planner"],
        senders: ["agent://{claims.trust_domain}/{claims.namespace}/{claims.serviceaccount}"],
        scopes: {},
      },
    ],
  });
  const clientNow = async (): Promise<TlsClient> => {
    const [cert, key] = await Promise.all(
      ["svid.pem", "svid_key.pem"].map((name) => readFile(join(svids, name), "utf8")),
    );
    return new TlsClient(service.port, { ca, cert: cert ?? "", key: key ?? "" });
  };
  let service: RunningService;
  const settings = {
    ...access.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_TLS_CERT_FILE: served.certificatePath,
    MACP_AUTH_TLS_KEY_FILE: served.keyPath,
  };
  await withService(settings, async (running) => {
    service = running;
    let rotation = 0;
    let isOver = false;
    const statuses = new Map<number, number>();
    const worker = async (): Promise<void> => {
      let client = await clientNow();
      for (let seen = rotation; !isOver; ) {
        if (seen !== rotation) {
          client.close();
          client = await clientNow();
          seen = rotation;
        }
        const { status } = await client.mint(SENDER);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      client.close();
    };
    const before = await clientNow();
    expect((await before.mint(SENDER)).status).toBe(200);
    const workers = Array.from({ length: WORKERS }, worker);
    const rounds = Math.max(STEPS.length, MINUTES);
    for (let round = 0; round < rounds; round += 1) {
      await pause(PERIOD_MS);
      const step = STEPS[round] ?? "svid";
      const changes = service.events("access_changed").length;
      await issuer.write(step);
      rotation += 1;
      if (step === "prepare" || step === "retire") await followed(service, changes + 1);
    }
    await pause(PERIOD_MS);
    isOver = true;
    await Promise.all(workers);
    console.log(
      `SVIDs: ${String(rotation)} rotations, ${String(statuses.get(200))} mints, statuses ${[...statuses.keys()].join(", ")}`,
    );
    expect([...statuses.keys()]).toEqual([200]);
    expect(statuses.get(200)).toBeGreaterThan(1_000);
    // Its authority is not in the bundle any more, and the connection is still open.
    expect((await before.mint(SENDER)).status).toBe(401);
    before.close();
  });
  issuer.end();
  await Promise.all([access.remove(), authority.remove(), rm(svids, { recursive: true })]);
});
