import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openAdapter } from "../../service/src/stores/open.ts";
import type { Database, Parameter, Query } from "../../service/src/stores/sql/database.ts";
import { type CommandResult, macpAuthWith } from "../support/operator.ts";
import { ask } from "../support/raw-http.ts";
import { type RunningService, startService } from "../support/service-process.ts";

type Row = Readonly<Record<string, Parameter>>;
type Backup = Readonly<Record<(typeof TABLES)[number], readonly Row[]>>;
const TABLES = ["key_sets", "signing_keys"] as const;

/** What a backup by the database's own means holds of the keys. */
async function backUp(query: Query): Promise<Backup> {
  const [key_sets, signing_keys] = [
    await query(`SELECT * FROM key_sets`),
    await query("SELECT * FROM signing_keys"),
  ];
  return { key_sets: key_sets as readonly Row[], signing_keys: signing_keys as readonly Row[] };
}

/** Puts a backup in place of what is there, as a restore under running replicas does; resolves to what was there. */
async function restore(database: Database, backup: Backup): Promise<Backup> {
  return database.write(async (query) => {
    const before = await backUp(query);
    for (const table of TABLES) {
      await query(`DELETE FROM ${table}`);
      for (const row of backup[table]) {
        const columns = Object.keys(row);
        const slots = columns.map((_, index) => `$${String(index + 1)}`).join(", ");
        await query(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${slots})`, Object.values(row));
      }
    }
    return before;
  });
}

describe("a store that was put back to an older state", { timeout: 120_000 }, () => {
  let folder: string;
  let settings: Record<string, string>;
  let service: RunningService;
  let database: Database;
  let older: Backup;
  let revoked: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-restored-"));
    const [path, kek] = [join(folder, "keys.db"), join(folder, "kek")];
    await writeFile(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
    settings = {
      MACP_AUTH_STORE_URL: `sqlite:${path}`,
      MACP_AUTH_KEK_FILE: kek,
      MACP_AUTH_KEY_VERSION_FILE: join(folder, "version"),
      MACP_AUTH_SIGNING_ALG: "ES256",
      MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
    };
    service = await startService(settings);
    database = await openAdapter({ kind: "sqlite", path });
    older = await database.read(backUp);
    revoked = (await kids())[0] ?? "none";
    expect(keys("revoke", "--accept-short-lead", "--reason", "leaked", "--", revoked).code).toBe(0);
    await service.event("key_changed", ({ change }) => change === "revoke");
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await service.stop("SIGKILL");
    await rm(folder, { recursive: true });
  });

  const keys = (...args: readonly string[]): CommandResult => macpAuthWith(settings, "keys", ...args);
  const kids = async (): Promise<readonly string[]> => {
    const { text } = await ask(service.port, { path: "/.well-known/jwks.json" });
    return (JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  };
  const statuses = async (): Promise<readonly number[]> => {
    const body = JSON.stringify({ sender: "a" });
    const headers = { "content-type": "application/json" };
    const minted = await ask(service.port, { method: "POST", path: "/tokens", headers, body });
    return [minted.status, (await ask(service.port, { path: "/.well-known/jwks.json" })).status];
  };
  const rejected = { event: "fenced", reason: "store_older" };
  /** The next line of this name and kind after what is done now; a second of load can fence a replica too, at these bounds. */
  const lineAfter = async (name: string, work: () => Promise<unknown>, reason?: string) => {
    const before = service.events(name).length;
    await work();
    const wanted = () =>
      service
        .events(name)
        .slice(before)
        .find((line) => reason === undefined || line["reason"] === reason);
    await service.event(name, () => wanted() !== undefined);
    return wanted();
  };

  test("is rejected by a running replica, which says what to do; once the newer one is back it continues without a restart", async () => {
    let newer = older;
    const fenced = await lineAfter(
      "fenced",
      async () => {
        newer = await restore(database, older);
      },
      "store_older",
    );
    expect(fenced?.["message"]).toMatch(
      /Put the newer store back, and it continues without a restart; to continue with this store instead: stop all/,
    );
    expect(await statuses()).toEqual([503, 503]);
    await lineAfter("unfenced", () => restore(database, newer));
    expect(await statuses()).toEqual([200, 200]);
    expect(await kids()).not.toContain(revoked);
  });

  test("is rejected after a restart too, and is used again after the steps in the line: stop, revoke again, remove the version file, start", async () => {
    await lineAfter("fenced", () => restore(database, older), "store_older");
    await service.stop();
    service = await startService(settings);
    expect(service.events("fenced")).toMatchObject([rejected]);
    expect(await statuses()).toEqual([503, 503]);

    await service.stop();
    expect(keys("revoke", "--accept-short-lead", "--", revoked).code).toBe(0);
    await rm(join(folder, "version"));
    service = await startService(settings);
    expect(await statuses()).toEqual([200, 200]);
    expect(await kids()).not.toContain(revoked);
  });
});
