import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { macpAuthWith } from "../support/operator.ts";
import { ask } from "../support/raw-http.ts";
import { startService } from "../support/service-process.ts";

/** A key is served for 30 s before it signs, signs for 30 s, and ends after 61 s. B1 is 4 s, B2 adds the grace. */
const FAST = {
  MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
  MACP_AUTH_SIGNING_ALG: "ES256",
  MACP_AUTH_MAX_TTL_SECONDS: "1",
  MACP_AUTH_JWKS_MAX_AGE_SECONDS: "0",
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: "1",
  MACP_AUTH_KEY_LEAD_SECONDS: "30",
  MACP_AUTH_KEY_ROTATION_SECONDS: "30",
};
/** Then the first key has ended. */
const SHUTDOWN_MS = 63_000;

describe.concurrent("a service that starts again after its signing key has ended", {
  timeout: 180_000,
}, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-shutdown-"));
    await writeFile(join(folder, "kek"), randomBytes(32).toString("base64url"), { mode: 0o600 });
  });
  afterAll(() => rm(folder, { recursive: true }));

  const settingsOf = (name: string, graceSeconds: number): Record<string, string> => ({
    ...FAST,
    MACP_AUTH_STORE_URL: `sqlite:${join(folder, `${name}.db`)}`,
    MACP_AUTH_KEK_FILE: join(folder, "kek"),
    MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: String(graceSeconds),
  });
  const mint = (port: number) =>
    ask(port, {
      method: "POST",
      path: "/tokens",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sender: "a" }),
    });
  const served = async (port: number): Promise<readonly string[]> => {
    const { text } = await ask(port, { path: "/.well-known/jwks.json" });
    return (JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  };
  /** Serves for a moment, so that the standby key has nearly all of its lead before it, and stays away. */
  const serveAndStayAway = async (settings: Record<string, string>): Promise<string | undefined> => {
    const service = await startService(settings);
    const [, standby] = await served(service.port);
    await pause(1_000);
    await service.stop();
    await pause(SHUTDOWN_MS);
    return standby;
  };

  test("and after B2: its standby key signs the first requested token, and no verifier can hold a set without it", async () => {
    const settings = settingsOf("long", 1);
    const standby = await serveAndStayAway(settings);
    const service = await startService(settings);
    const { status, text } = await mint(service.port);
    expect(status).toBe(200);
    const [header = ""] = (JSON.parse(text) as { token: string }).token.split(".");
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toMatchObject({ kid: standby });
    expect(service.events("fenced")).toEqual([]);
    await service.stop();
  });

  test("and before B2: says which command ends the wait and what it costs, and that command ends it", async () => {
    const settings = settingsOf("short", 3_600);
    const standby = await serveAndStayAway(settings);
    const service = await startService(settings);
    expect((await mint(service.port)).status).toBe(503);
    expect(await served(service.port)).toContain(standby);
    const { message } = await service.event("fenced");
    expect(message).toMatch(
      /^no key may sign: this replica mints nothing; the standby key \S+ starts to sign in 2\d s, when every verifier knows it\. To sign now: macp-auth keys activate --accept-\S+ .*; then verifiers .* reject its tokens.*, up to \d+ s/,
    );
    const [, command = ""] = /To sign now: macp-auth ([^;]+);/.exec(String(message)) ?? [];
    const { MACP_AUTH_STORE_URL = "", MACP_AUTH_KEK_FILE = "" } = settings;
    expect(macpAuthWith({ MACP_AUTH_STORE_URL, MACP_AUTH_KEK_FILE }, ...command.split(" "))).toMatchObject({
      code: 0,
      err: "",
    });
    await service.event("unfenced");
    expect((await mint(service.port)).status).toBe(200);
    await service.stop();
  });
});
