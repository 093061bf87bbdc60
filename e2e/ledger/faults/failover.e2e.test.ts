import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type OwnPostgres, startOwnPostgres } from "../../../service/src/testing/postgres/own-postgres.ts";
import { onPostgresAt } from "../../../service/src/testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut } from "../../../service/src/testing/store-places.ts";
import { until } from "../../support/managed-service.ts";
import { macpAuthWith } from "../../support/operator.ts";
import { ask } from "../../support/raw-http.ts";
import { type RunningService, withService } from "../../support/service-process.ts";
import { expectNone, faultsOf } from "../minters.ts";
import { percentile, RECORDED_REFUSAL, RECORDING, RecordedLoad } from "../recorded-load.ts";
import { processesOf } from "./postgres-processes.ts";

const CONNECTED = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'";

describe.skipIf(mayLeavePostgresOut())(
  "a ledger whose PostgreSQL fails over (skipped: set MACP_TEST_POSTGRES_URL, to show that this machine has PostgreSQL)",
  () => {
    let primary: OwnPostgres;
    let standby: OwnPostgres;
    let folder: string;
    let env: Record<string, string>;

    beforeEach(async () => {
      primary = await startOwnPostgres();
      standby = await startOwnPostgres(primary.url);
      folder = await mkdtemp(join(tmpdir(), "macp-auth-failover-"));
      const hosts = [primary, standby].map(({ url }) => new URL(url).host).join(",");
      env = {
        ...RECORDING,
        MACP_AUTH_STORE_URL: `postgres://macp@${hosts}/postgres`,
        MACP_AUTH_LEDGER_WITNESS: join(folder, "notes.jsonl"),
      };
      await until(async () => (await onPostgresAt(primary.url, CONNECTED)).length > 0);
    });
    afterEach(async () => {
      await Promise.all([standby.stop(), primary.stop()]);
      await rm(folder, { recursive: true, force: true });
    });

    /** Ends the primary as its machine ends, under load, and promotes the standby a moment later. */
    const failOver = async (service: RunningService, load: RecordedLoad): Promise<void> => {
      const before = load.answers.length;
      (await processesOf(primary.url)).signal("KILL");
      const rejected = () => load.answers.slice(before).filter(({ status }) => status !== 200);
      await until(() => Promise.resolve(rejected().length > 10));
      for (const path of ["/.well-known/jwks.json", "/healthz"])
        expect([path, (await ask(service.port, { path })).status]).toEqual([path, 200]);
      await onPostgresAt(standby.url, "SELECT pg_promote()");
      const [promoted, tokens] = [performance.now(), load.tokens.size];
      await until(() => Promise.resolve(load.tokens.size > tokens + 50));
      const resumedMs = Math.round(performance.now() - promoted);
      const slowestMs = percentile(rejected(), 1);
      console.log(
        `${String(rejected().length)} rejected after at most ${String(slowestMs)} ms, 50 tokens within ${String(resumedMs)} ms`,
      );
      expect(new Set(rejected().map(({ status, text }) => `${String(status)} ${text}`))).toEqual(
        new Set([RECORDED_REFUSAL]),
      );
    };

    test("to a synchronous standby goes on by itself: every token that left is recorded, and nothing was changed", async () => {
      await primary.change({ synchronous_standby_names: "*" }, async () => {
        const [row] = await onPostgresAt(primary.url, "SELECT sync_state FROM pg_stat_replication");
        return (row as { readonly sync_state: string }).sync_state === "sync";
      });
      await withService(env, async (service) => {
        const load = new RecordedLoad(service);
        const clients = load.run(4);
        await until(() => Promise.resolve(load.tokens.size > 50));
        await failOver(service, load);
        load.stop();
        await clients;
        await service.stop();
        expect(service.events("ledger_forked")).toEqual([]);
        expectNone(await faultsOf(standby.url, load.tokens));
      });
      expect(macpAuthWith(env, "ledger", "verify")).toMatchObject({ code: 0 });
    });

    test("to an asynchronous standby that was behind loses entries of tokens that left: it says so, begins a new chain, and the notes outside show it", async () => {
      await withService(env, async (service) => {
        const load = new RecordedLoad(service);
        // As many as a note covers come sooner than the time after which one is signed.
        const clients = load.run(16);
        await until(async () => (await notesIn(folder)).length > 0);
        // From now on the standby gets nothing.
        await standby.change({ primary_conninfo: "" }, async () => {
          return (await onPostgresAt(primary.url, CONNECTED)).length === 0;
        });
        const before = (await notesIn(folder)).length;
        await until(async () => (await notesIn(folder)).length > before);
        await failOver(service, load);
        load.stop();
        await clients;
        expect((await service.event("ledger_forked"))["chain"]).toMatch(/^[\w-]{16}$/);
        await service.stop();
        // What is there is whole; what is missing are entries, and of no token is there another one's.
        const faults = await faultsOf(standby.url, load.tokens);
        expect(faults.length).toBeGreaterThan(0);
        expect(faults.filter((fault) => !fault.endsWith(" has 0 entries"))).toEqual([]);
        console.log(`${String(faults.length / 2)} of ${String(load.tokens.size)} tokens without an entry`);
      });
      const { code, out } = macpAuthWith(env, "ledger", "verify", "--notes", join(folder, "notes.jsonl"));
      expect([code, out]).toEqual([
        1,
        expect.stringMatching(/^CHANGED: chain [\w-]{16}, rows \d+ to \d+ are missing$/m),
      ]);
    });
  },
);

async function notesIn(folder: string): Promise<readonly string[]> {
  const text = await readFile(join(folder, "notes.jsonl"), "utf8").catch(() => "");
  return text.split("\n").filter(Boolean);
}
