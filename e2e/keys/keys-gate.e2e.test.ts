import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CommandResult, macpAuthWith } from "../support/operator.ts";
import { ask } from "../support/raw-http.ts";
import { startService } from "../support/service-process.ts";

let folder: string;
let settings: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-gate-"));
  const kek = join(folder, "kek");
  await writeFile(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
  settings = {
    MACP_AUTH_STORE_URL: `sqlite:${join(folder, "keys.db")}`,
    MACP_AUTH_KEK_FILE: kek,
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_ACTIVATION_GATE: "enforce",
    MACP_AUTH_ADMIN_PORT: "0",
  };
});
afterAll(() => rm(folder, { recursive: true }));

test("the enforced gate waits for a twelfth verifier behind one address, which it cannot see, and says so until that is accepted", {
  timeout: 120_000,
}, async () => {
  const service = await startService(settings);
  for (let count = 0; count < 12; count += 1)
    await ask(service.port, {
      path: "/.well-known/jwks.json",
      headers: { "user-agent": `runtime-${String(count)}` },
    });
  const admin = `http://127.0.0.1:${String((await service.event("admin_listening"))["port"])}`;
  // Through the replica, which then reports what it has seen; the rest on the store.
  macpAuthWith(settings, "keys", "prepare", "--admin", admin);
  await service.stop();
  const keys = (...args: readonly string[]): CommandResult => macpAuthWith(settings, "keys", ...args);
  const [, kid = "none"] = /published: +(\S+)/.exec(keys("prepare").out) ?? [];

  const held = keys("activate", "--accept-short-lead", "--", kid);
  expect(held.code).toBe(1);
  expect(held.err).toMatch(
    /^macp-auth: .*8 known verifiers have not fetched .*; 4 fetches, the last from (?:::ffff:)?127\.0\.0\.1, came from untracked verifiers, which may lack the key; they count as behind for \d+ s more; .*--accept-verifiers-behind\n$/,
  );
  expect(keys("list").out).toMatch(
    /More verifiers fetched than are tracked .*\n.*\n +FETCHES .*\n +4 +1 +\S*127\.0\.0\.1 /,
  );
  const accepted = keys("activate", "--accept-short-lead", "--accept-verifiers-behind", "--", kid);
  expect(accepted).toMatchObject({ code: 0, err: "" });
});
