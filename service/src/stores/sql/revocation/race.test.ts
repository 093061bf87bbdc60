import { describe, expect, onTestFinished, test } from "vitest";
import { after, systemClock, systemStopwatch } from "../../../kernel/clock.ts";
import { type Jti, newJti } from "../../../kernel/ids.ts";
import { systemRandom } from "../../../kernel/random.ts";
import { systemTimers } from "../../../kernel/timers.ts";
import type { MintFacts } from "../../../ledger/entry.ts";
import { durableLedger, type Ledger, type Release } from "../../../ledger/ledger.ts";
import { RevocationView } from "../../../ledger/revocation/revocation-view.ts";
import { LedgerWriter } from "../../../ledger/writer.ts";
import { LIFE_SECONDS_MAX, order } from "../../../testing/contracts/revocations-contract.ts";
import { onEachEngine } from "../../../testing/each-engine.ts";
import { mintFacts } from "../../../testing/ledger-entries.ts";
import { storeAt } from "../../../testing/store-places.ts";
import { openAdapter } from "../../open.ts";
import type { Database } from "../database.ts";
import { sqlLedger } from "../ledger.ts";
import { migrate } from "../migrate.ts";
import { sqlRevocations } from "./revocations.ts";

const REPLICAS = 8;
const ROUNDS = 6;
const random = systemRandom();

/** A replica with connections, a chain and a view of its own. It learns what is revoked only from what its entries find. */
interface Replica {
  readonly ledger: Ledger;
  readonly view: RevocationView;
}

function replicaOn(database: Database): Replica {
  const store = sqlRevocations(database, LIFE_SECONDS_MAX);
  const view = new RevocationView({ store, clock: systemClock, stopwatch: systemStopwatch });
  const writer = new LedgerWriter({
    store: sqlLedger(database),
    timers: systemTimers,
    stopwatch: systemStopwatch,
    random,
    nowMs: () => systemClock.nowMs(),
    writer: {},
  });
  return {
    ledger: durableLedger({ writer, rejections: { note: () => undefined }, revocations: view }),
    view,
  };
}

function tokenNow(parent?: Jti): MintFacts {
  const now = systemClock.now();
  const lineage = parent === undefined ? {} : { parent, root: parent, depth: 1 };
  return mintFacts(newJti(random, now), { iat: now, exp: after(now, 300), ...lineage });
}

/** Stops a parent while all replicas mint under it, each again and again. Resolves to the children that left. */
async function race(
  replicas: readonly Replica[],
  revoke: (parent: Jti) => Promise<unknown>,
): Promise<readonly MintFacts[]> {
  const parent = tokenNow();
  expect(await replicas[0]?.ledger.recordMint(parent)).toBe("released");
  const children: MintFacts[] = [];
  const begun = newSignal();
  let isAnswered = false;
  const mint = async ({ ledger }: Replica): Promise<Release> => {
    const child = tokenNow(parent.jti);
    const release = await ledger.recordMint(child);
    if (release === "released") children.push(child);
    if (children.length >= 2 * REPLICAS) begun.give();
    return release;
  };
  const minting = replicas.map(async (replica) => {
    while ((await mint(replica)) !== "stopped" && !isAnswered);
    return mint(replica);
  });
  await begun.given;
  await revoke(parent.jti).finally(() => {
    isAnswered = true;
  });
  expect(await Promise.all(minting)).not.toContain("released");
  return children;
}

function newSignal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

/** Those that a replica accepts for what it knows of them alone: what is minted under them later must be stopped too. */
async function aliveAt({ view }: Replica, children: readonly MintFacts[]): Promise<readonly MintFacts[]> {
  await view.poll();
  return children.filter(({ jti, sender: sub, iat, kid }) => !view.isStopped({ jti, sub, iat, kid }));
}

onEachEngine((name, makePlace) => {
  describe(`replicas that share ${name}`, () => {
    test("no child of a stopped parent lives, whichever is committed first", {
      timeout: 60_000,
    }, async () => {
      const place = await makePlace();
      const open = (): Promise<Database> => openAdapter(storeAt(place.url));
      const databases = await Promise.all(Array.from({ length: REPLICAS }, open));
      onTestFinished(async () => {
        for (const database of databases) await database.close();
        await place.remove();
      });
      await migrate(place.database);
      const store = sqlRevocations(place.database, LIFE_SECONDS_MAX);
      const replicas = databases.map(replicaOn);
      for (let round = 0; round < ROUNDS; round += 1) {
        const children = await race(replicas, (jti) => store.revoke({ kind: "jti", jti }, order()));
        for (const replica of replicas) expect(await aliveAt(replica, children)).toEqual([]);
      }
    });
  });
});
