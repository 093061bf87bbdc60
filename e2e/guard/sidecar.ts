import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { sqlitePlace } from "../../service/src/testing/store-places.ts";
import { type AccessFolder, ALL_SCOPES, accessFolder, bearer, ISSUER, ownSecret } from "../support/access.ts";
import { freePort } from "../support/free-port.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { type Environment, type RunningService, startService } from "../support/service-process.ts";

const ADMIN_TOKEN = randomBytes(32).toString("base64url");

/** A mint that guards of their own processes may follow, on a port that stays the same when it is restarted. */
export interface FollowedMint {
  readonly url: string;
  readonly storePath: string;
  readonly folder: AccessFolder;
  service(): RunningService;
  start(): Promise<void>;
  mint(sender?: string, scopes?: object): Promise<string>;
  /** Resolves to the number of the revocation once it is answered. */
  revoke(selector: object): Promise<number>;
  undo(epoch: number): Promise<void>;
  /** A guard that follows it, with `env` over its own settings. */
  guard(env?: Environment): Promise<RunningService>;
  /** The paths of the files with the secrets of its callers. */
  readonly files: Readonly<Record<"guard" | "minter", string>>;
  remove(): Promise<void>;
}

export async function followedMint(env: Environment = {}): Promise<FollowedMint> {
  const secrets = { guard: ownSecret(), minter: ownSecret() };
  const folder = await accessFolder({
    version: 1,
    callers: {
      guard: { guards: true, proofs: [{ secret: secrets.guard.line }] },
      minter: { proofs: [{ secret: secrets.minter.line }] },
    },
    grants: [
      {
        name: "all",
        callers: ["minter"],
        senders: ["**"],
        scopes: ALL_SCOPES,
        on_excess: "narrow",
        audiences: ["macp-runtime"],
      },
    ],
  });
  const place = await sqlitePlace();
  const port = await freePort();
  const settings = {
    ...folder.env,
    HOST: "127.0.0.1",
    PORT: String(port),
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: place.url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
    ...env,
  };
  let running: RunningService | undefined;
  const guards: RunningService[] = [];
  const service = (): RunningService => {
    if (running === undefined) throw new Error("the mint was not started");
    return running;
  };
  const admin = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await ask(Number((await service().event("admin_listening"))["port"]), {
      method: "POST",
      path,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ reason: "a story", ...body }),
    });
    if (answer.status >= 300) throw new Error(answer.text);
    return JSON.parse(answer.text) as Record<string, unknown>;
  };
  const url = `http://127.0.0.1:${String(port)}`;
  const files = {
    guard: await folder.file("guard.secret", `${secrets.guard.secret}\n`),
    minter: await folder.file("minter.secret", `${secrets.minter.secret}\n`),
  };
  return {
    url,
    storePath: place.url.slice("sqlite:".length),
    folder,
    service,
    async start() {
      running = await startService(settings);
    },
    async mint(sender = "agent://story", scopes = {}) {
      const answer = await postTokens(port, { sender, scopes }, bearer(secrets.minter.secret));
      if (answer.status !== 200) throw new Error(answer.text);
      return (JSON.parse(answer.text) as { token: string }).token;
    },
    revoke: async (selector) => Number((await admin("/revocations", selector))["epoch"]),
    async undo(epoch) {
      await admin(`/revocations/${String(epoch)}/undo`, {});
    },
    async guard(own = {}) {
      const guard = await startService(
        {
          MACP_AUTH_ISSUER: ISSUER,
          MACP_AUTH_GUARD_PORT: "0",
          MACP_AUTH_GUARD_MINT_URL: url,
          MACP_AUTH_GUARD_MINT_TOKEN_FILE: files.guard,
          ...own,
        },
        ["guard", "serve"],
      );
      guards.push(guard);
      return guard;
    },
    files,
    async remove() {
      await Promise.all(
        [...guards, ...(running === undefined ? [] : [running])].map((one) => one.stop("SIGKILL")),
      );
      await Promise.all([folder.remove(), place.remove()]);
    },
  };
}

/** What a guard answers a proxy about a request with this token. */
export async function checked(guard: RunningService, token: string): Promise<number> {
  return (await ask(guard.port, { path: "/check", headers: bearer(token) })).status;
}

/** Waits for an answer that must come, however slow the machine is. */
export async function untilChecked(guard: RunningService, token: string, status: number): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await checked(guard, token)) === status) return;
    await pause(50);
  }
  expect.unreachable(`the guard never answered ${String(status)}: ${guard.output().slice(-2_000)}`);
}

/** Waits until it knows enough to decide, however slow the machine is. */
export async function untilReady(guard: RunningService): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await ask(guard.port, { path: "/readyz" })).status === 200) return;
    await pause(50);
  }
  expect.unreachable(`the guard never knew: ${guard.output().slice(-2_000)}`);
}
