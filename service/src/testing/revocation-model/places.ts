import { epochMs } from "../../kernel/clock.ts";
import { memoryLedger } from "../../stores/memory/ledger.ts";
import { memoryRecords } from "../../stores/memory/records.ts";
import { memoryRevocations } from "../../stores/memory/revocations.ts";
import type { Database } from "../../stores/sql/database.ts";
import { sqlLedger } from "../../stores/sql/ledger.ts";
import { sqlRevocations } from "../../stores/sql/revocation/revocations.ts";
import { openTwice, type SharedStore } from "../each-engine.ts";
import type { StoredPlace } from "../store-places.ts";
import type { SharedStores } from "./link.ts";
import { LIFE_SECONDS_MAX } from "./replica.ts";
import { ModelTime } from "./time.ts";
import type { WorldPlace } from "./world.ts";

/** Makes a place for each run. */
export interface Places {
  next(): Promise<WorldPlace>;
  close(): Promise<void>;
}

/** An empty memory for each run. */
export function memoryPlaces(): Places {
  return {
    next: () => {
      const [time, records] = [new ModelTime(), memoryRecords()];
      const revocations = memoryRevocations(records, LIFE_SECONDS_MAX, time.clock());
      const stores = { ledger: memoryLedger(records), revocations };
      return Promise.resolve({ time, stores: [stores, stores], epoch: 0 });
    },
    close: () => Promise.resolve(),
  };
}

/** Chains and rows of so many runs are in one database: later than all before, a run finds nothing of them that is live. */
const RUNS_A_DATABASE = 50;

/** A database whose clock is that of a run; it is used for many runs. */
export function databasePlaces(makePlace: () => Promise<StoredPlace>): Places {
  let shared: SharedStore | undefined;
  let runs = 0;
  return {
    async next() {
      if (runs % RUNS_A_DATABASE === 0) {
        const before = shared;
        shared = undefined;
        await before?.close();
        shared = await openTwice(makePlace);
      }
      runs += 1;
      const time = new ModelTime();
      const [one, other] = (shared as SharedStore).databases.map((database) => storesOf(database, time));
      const stores = [one as SharedStores, other as SharedStores] as const;
      const [last] = await stores[0].revocations.list(undefined, 1);
      return { time, stores, epoch: last?.epoch ?? 0 };
    },
    close: async () => shared?.close(),
  };
}

function storesOf(database: Database, time: ModelTime): SharedStores {
  const timed = withClock(database, time);
  return { ledger: sqlLedger(timed), revocations: sqlRevocations(timed, LIFE_SECONDS_MAX) };
}

/** A database that knows only the time of a world. */
function withClock(database: Database, time: ModelTime): Database {
  return {
    get dialect() {
      return { ...database.dialect, now: `SELECT ${String(Math.floor(epochMs(time.ms) / 1_000))} AS now` };
    },
    read: (work) => database.read(work),
    write: (work, how) => database.write(work, how),
    writeKnown: (statements, how) => database.writeKnown(statements, how),
    close: () => Promise.resolve(),
  };
}
