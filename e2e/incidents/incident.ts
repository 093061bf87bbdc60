import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { postgresPlace, sqlitePlace } from "../../service/src/testing/store-places.ts";
import { ALL_SCOPES, accessFolder, bearer, ownSecret } from "../support/access.ts";
import { postTokens } from "../support/raw-http.ts";
import { type RunningService, startService } from "../support/service-process.ts";
import type { Shell } from "../support/transcript.ts";

const LAUNCHER = fileURLToPath(new URL("../../service/bin/macp-auth.cjs", import.meta.url));

/** Two replicas over one store, a fleet that has tokens, and a shell in which the handbook's commands work. */
export interface Incident {
  readonly replicas: readonly [RunningService, RunningService];
  readonly shell: Shell;
  /** Does what somebody could with the rights of the database: puts another agent's name on an entry. */
  tamper(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the service, and has tokens minted as an orchestrator would: a planner, whose token leaks, and two agents under it. */
export async function beginIncident(): Promise<Incident> {
  const place = await (process.env["MACP_TEST_POSTGRES_URL"] ? postgresPlace() : sqlitePlace());
  const [orchestrator, gateway] = [ownSecret(), ownSecret()];
  const access = await accessFolder({
    version: 1,
    callers: {
      orchestrator: { proofs: [{ secret: orchestrator.line }] },
      gateway: { introspects: ["macp-runtime"], proofs: [{ secret: gateway.line }] },
    },
    grants: [{ name: "fleet", callers: ["orchestrator"], senders: ["agent://**"], scopes: ALL_SCOPES }],
  });
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-incident-"));
  const adminToken = randomBytes(32).toString("base64url");
  const env = {
    ...access.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    // A key may leave the JWKS at once: its successor has been served for longer than verifiers cache the set.
    MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
    MACP_AUTH_JWKS_MAX_AGE_SECONDS: "0",
    MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "1",
    MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: "0",
    MACP_AUTH_KEY_LEAD_SECONDS: "3600",
    MACP_AUTH_KEY_ROTATION_SECONDS: "7200",
    MACP_AUTH_STORE_URL: place.url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: adminToken,
  };
  const replicas = [await startService(env), await startService(env)] as const;
  const [one, other] = replicas;

  const mint = async (replica: RunningService, body: object): Promise<string> => {
    const answer = await postTokens(replica.port, body, bearer(orchestrator.secret));
    expect(answer.status, answer.text).toBe(200);
    return (JSON.parse(answer.text) as { token: string }).token;
  };
  const planner = await mint(one, { sender: "agent://planner", run: "nightly-42" });
  const coder = await mint(other, { sender: "agent://coder", parent: planner });
  await mint(one, { sender: "agent://tester", parent: coder });
  await mint(other, { sender: "agent://writer", run: "nightly-43" });

  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "macp-auth"), `#!/bin/sh\nexec "${process.execPath}" "${LAUNCHER}" "$@"\n`);
  await chmod(join(bin, "macp-auth"), 0o755);
  await writeFile(join(folder, "leaked.jwt"), `${planner}\n`);
  await writeFile(join(folder, "admin-token"), `${adminToken}\n`, { mode: 0o600 });
  const admin = Number((await one.event("admin_listening"))["port"]);
  return {
    replicas,
    shell: {
      folder,
      environment: {
        PATH: `${bin}:${process.env["PATH"] ?? ""}`,
        ADMIN: `http://127.0.0.1:${String(admin)}`,
        MACP_AUTH_ADMIN_TOKEN_FILE: join(folder, "admin-token"),
        REPLICA_A: `http://127.0.0.1:${String(one.port)}`,
        REPLICA_B: `http://127.0.0.1:${String(other.port)}`,
        GATEWAY_SECRET: gateway.secret,
        ORCHESTRATOR_SECRET: orchestrator.secret,
        ACCESS: access.path,
        MACP_AUTH_STORE_URL: env.MACP_AUTH_STORE_URL,
        MACP_AUTH_KEK: env.MACP_AUTH_KEK,
      },
    },
    tamper: () =>
      place.sql("UPDATE ledger_entries SET sender = $1 WHERE sender = $2", [
        "agent://ghost",
        "agent://tester",
      ]),
    async stop() {
      for (const replica of replicas) await replica.stop();
      await access.remove();
      await place.remove();
      await rm(folder, { recursive: true });
    },
  };
}
