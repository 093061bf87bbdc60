import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { ask, postTokens } from "./raw-http.ts";
import type { Environment, RunningService } from "./service-process.ts";

const ADMIN_TOKEN = randomBytes(32).toString("base64url");

/** F, scaled from a minute to a second by the fast rotation. */
export const F_MS = 1_000;

/**
 * A service with managed keys, a lease of F_MS and an admin listener; add the store. No key rotates during a test, and no ledger is kept:
 * what becomes of keys without their store would not be seen behind what becomes of entries.
 */
export const FAST_LEASE: Environment = {
  MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
  MACP_AUTH_SIGNING_ALG: "ES256",
  MACP_AUTH_JWKS_MAX_AGE_SECONDS: "0",
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "1",
  MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: "0",
  MACP_AUTH_KEY_LEAD_SECONDS: "3600",
  MACP_AUTH_KEY_ROTATION_SECONDS: "7200",
  MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  MACP_AUTH_LEDGER: "off",
  MACP_AUTH_ADMIN_PORT: "0",
  MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
};

interface AdminAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Calls the admin listener; a call with a body is a POST. */
export async function admin(service: RunningService, path: string, body?: object): Promise<AdminAnswer> {
  const answer = await ask(Number((await service.event("admin_listening"))["port"]), {
    path,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: JSON.parse(answer.text) as Record<string, unknown> };
}

export async function mintStatus(service: RunningService): Promise<number> {
  return (await postTokens(service.port, { sender: "a" })).status;
}

/** Waits until it holds, for a limited time. */
export async function until(holds: () => Promise<boolean>, secondsMax = 30): Promise<void> {
  for (let tries = 0; tries < secondsMax * 20; tries += 1) {
    if (await holds()) return;
    await sleep(50);
  }
  expect.unreachable("the expected state did not come in time");
}
