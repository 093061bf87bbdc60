import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemRandom } from "../../service/src/kernel/random.ts";
import { systemTimers } from "../../service/src/kernel/timers.ts";
import { followSvids } from "../../service/src/outbound/workload-api/follow-svids.ts";
import type { X509SvidMessage } from "../../service/src/outbound/workload-api/messages.ts";
import { streamOpener } from "../../service/src/outbound/workload-api/open-stream.ts";
import { bundlesIn } from "../../service/src/wiring/tls/spiffe/bundles.ts";
import { svidIn } from "../../service/src/wiring/tls/spiffe/svid-texts.ts";
import { accessFolder } from "../support/access.ts";
import { withService } from "../support/service-process.ts";
import { TlsClient } from "../support/tls-client.ts";
import { prepareIssuer } from "./toolchains.ts";

// The Workload API as the code of SPIRE's agent serves it, with what the code of SPIRE's server issues, replaced under load.

/** How long the load runs between two steps. */
const PAUSE_MS = 300;
const WORKERS = 2;
/** The authority is replaced, a trust domain is federated, the agent is restarted, and the identity is withdrawn for a while. */
const STEPS = [
  "svid",
  "prepare",
  "activate",
  "svid",
  "retire",
  "federate",
  "stop",
  "start",
  "withdraw",
  "svid",
] as const;
/** The events of the service that show that it has followed a step. */
const SHOWN_BY = {
  svid: ["tls_changed"],
  prepare: ["tls_changed", "access_changed"],
  activate: ["tls_changed"],
  retire: ["tls_changed", "access_changed"],
  federate: ["tls_changed", "access_changed"],
  stop: ["spiffe_unavailable"],
  start: ["spiffe_available"],
  withdraw: ["spiffe_unavailable"],
} as const satisfies Readonly<Record<(typeof STEPS)[number], readonly string[]>>;

/** The program that serves it. */
class Agent {
  readonly #program: ChildProcessByStdio<Writable, Readable, null>;

  constructor(program: string, socket: string) {
    this.#program = spawn(program, ["example.org", "workload-api", socket, "120"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  async does(step: string): Promise<void> {
    this.#program.stdin.write(`${step}\n`);
    await once(this.#program.stdout, "data");
  }

  end(): void {
    this.#program.stdin.end();
  }
}

/** What a client of the service has: its own identity, and the authorities of its trust domain. */
function identityIn(message: X509SvidMessage) {
  const svid = svidIn(message, undefined);
  if (svid.kind === "faulty") throw new Error(svid.fault.kind);
  return {
    ca: bundlesIn(message).get("example.org") ?? "",
    cert: svid.texts.certificate,
    key: svid.texts.key.reveal(),
  };
}

test("the Workload API of SPIRE gives the certificate and the client CA, and no change of them fails a handshake or a mint", {
  timeout: 900_000,
}, async () => {
  const prepared = await prepareIssuer("spire");
  if (!prepared.ready) throw new Error(prepared.why);
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-workload-api-"));
  const socket = join(folder, "agent.sock");
  const agent = new Agent(join(prepared.folder, "issuer"), socket);
  await agent.does("svid");
  let message: X509SvidMessage | undefined;
  const end = followSvids(
    streamOpener({ kind: "unix", path: socket }),
    { timers: systemTimers, random: systemRandom() },
    {
      onMessage: (next) => {
        message = next;
      },
      onFailure: () => undefined,
    },
  );
  const access = await accessFolder({
    version: 1,
    client_cas: { spire: { spiffe_trust_domain: "example.org" } },
    callers: {
      own: { proofs: [{ certificate: { ca: "spire", uri: "spiffe://example.org/ns/macp/sa/*" } }] },
    },
    grants: [{ name: "own", callers: ["own"], senders: ["agent://{claims.serviceaccount}"], scopes: {} }],
  });
  const settings = {
    ...access.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_SPIFFE_SOCKET: `unix://${socket}`,
  };
  await withService(settings, async (service) => {
    await expect.poll(() => message, { timeout: 20_000 }).toBeDefined();
    let isOver = false;
    const outcomes = new Map<number | string, number>();
    const worker = async (): Promise<void> => {
      while (!isOver && message !== undefined) {
        const client = new TlsClient(service.port, identityIn(message));
        const outcome = await client.mint("agent://macp-auth").then(
          ({ status }) => status,
          (fault: unknown) => (fault as Error).message,
        );
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        client.close();
      }
    };
    const workers = Array.from({ length: WORKERS }, worker);
    for (const step of STEPS) {
      await pause(PAUSE_MS);
      const before = SHOWN_BY[step].map((event) => service.events(event).length);
      await agent.does(step);
      for (const [index, event] of SHOWN_BY[step].entries())
        await expect
          .poll(() => service.events(event).length, { timeout: 60_000 })
          .toBeGreaterThan(before[index] ?? 0);
    }
    isOver = true;
    await Promise.all(workers);
    const changes = service.events("tls_changed").length;
    console.log(
      `Workload API: ${String(changes)} new certificates, outcomes ${JSON.stringify([...outcomes])}`,
    );
    expect(changes).toBe(STEPS.filter((step) => SHOWN_BY[step][0] === "tls_changed").length);
    expect([...outcomes.keys()]).toEqual([200]);
    expect(service.events("tls_rejected")).toEqual([]);
    const reasons = service.events("spiffe_unavailable").map(({ fault }) => String(fault));
    expect(reasons.some((reason) => reason.includes("no identity issued"))).toBe(true);
  });
  end();
  agent.end();
  await Promise.all([access.remove(), rm(folder, { recursive: true })]);
});
