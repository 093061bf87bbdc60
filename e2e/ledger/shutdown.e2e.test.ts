import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openAdapter } from "../../service/src/stores/open.ts";
import { sqlLedger } from "../../service/src/stores/sql/ledger.ts";
import { storeAt } from "../../service/src/testing/store-places.ts";
import { until } from "../support/managed-service.ts";
import { withService } from "../support/service-process.ts";
import { expectNone, faultsOf } from "./minters.ts";
import { RECORDING, RecordedLoad } from "./recorded-load.ts";

/** The kinds of the last entry of each chain. */
async function lastKinds(url: string): Promise<readonly (string | undefined)[]> {
  const database = await openAdapter(storeAt(url));
  try {
    const ledger = sqlLedger(database);
    const ends = (await ledger.heads()).map(({ chain, seq }) => ledger.entriesOf(chain, seq - 1, 1));
    return (await Promise.all(ends)).map(([last]) => last?.kind);
  } finally {
    await database.close();
  }
}

test("a service that is ended by SIGTERM under load has an entry of every token that left, and its chain ends with one that says so", async () => {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-shutdown-"));
  const url = `sqlite:${join(folder, "keys.db")}`;
  await withService({ ...RECORDING, MACP_AUTH_STORE_URL: url }, async (service) => {
    const load = new RecordedLoad(service);
    expect((await load.mint()).status).toBe(200);
    const clients = load.run(8);
    await until(() => Promise.resolve(load.tokens.size > 50));
    const atSignal = load.tokens.size;
    expect(await service.stop("SIGTERM")).toBe(0);
    load.stop();
    await clients;
    console.log(
      `${String(load.tokens.size)} tokens had left, ${String(load.tokens.size - atSignal)} after SIGTERM`,
    );
    expectNone(await faultsOf(url, load.tokens));
    expect(await lastKinds(url)).toEqual(["end"]);
  });
  await rm(folder, { recursive: true });
});
