import type { EpochSeconds } from "../kernel/clock.ts";
import { type Clock, clockOf } from "../kernel/clock.ts";
import type { Jti, Kid } from "../kernel/ids.ts";
import { systemRandom } from "../kernel/random.ts";
import { sealingWith } from "../keys/custody/sealing.ts";
import { type PurposeKeys, purposeKeys } from "../keys/purposes/purpose-keys.ts";
import { type ChainHead, type ChainName, newChainName } from "../ledger/chain.ts";
import type { Entry, MintFacts } from "../ledger/entry.ts";
import type { RevocationStore } from "../ledger/revocation/revocation-store.ts";
import { IndexSupply, type TokenStatus } from "../status-lists/index-supply.ts";
import type { StatusListStore } from "../status-lists/status-list-store.ts";
import { StatusListView, type ViewDeps } from "../status-lists/status-list-view.ts";
import { memoryLedger } from "../stores/memory/ledger.ts";
import { memoryLedgerQuestions } from "../stores/memory/ledger-questions.ts";
import { memoryPurposeKeys } from "../stores/memory/purpose-keys.ts";
import { memoryRecords } from "../stores/memory/records.ts";
import { memoryRevocations } from "../stores/memory/revocations.ts";
import { memoryStatusLists } from "../stores/memory/status-lists.ts";
import { keksUnder } from "./custodies.ts";
import { batchAfter, headAfter, mintFacts } from "./ledger-entries.ts";

/** Where a test's lists are. */
const PUBLIC_URL = "https://auth.example";
const ISSUER = "macp-auth-service";
export const TTL_SECONDS = 15;

/** A service with status lists in memory, whose time a test moves. */
export interface StatusHouse {
  readonly clock: Clock;
  readonly store: StatusListStore;
  readonly revocations: RevocationStore;
  readonly keys: { readonly lists: PurposeKeys; readonly ids: PurposeKeys };
  readonly view: StatusListView;
  move(seconds: number): void;
  /** Another replica of it; override what a test is about. */
  replica(override?: Partial<ViewDeps>): StatusListView;
  /** Mints a token, and records it. */
  mint(facts?: Partial<MintFacts>): Promise<MintedStatus>;
  /** Mints many, and records those together that a test is about; all when it does not say. */
  mintAll(
    all: readonly Partial<MintFacts>[],
    isRecorded?: (facts: MintFacts) => boolean,
  ): Promise<readonly MintedStatus[]>;
}

export interface MintedStatus extends TokenStatus {
  readonly jti: Jti;
  readonly facts: MintFacts;
}

const random = systemRandom();
const LIFE_SECONDS = 3_720;

/** Opens one, with its first look done. */
export async function statusHouse(ttlSeconds = TTL_SECONDS): Promise<StatusHouse> {
  let seconds = 1_800_000_000;
  const clock = clockOf(() => seconds);
  const records = memoryRecords();
  const ledger = memoryLedger(records);
  const store = memoryStatusLists(clock);
  const revocations = memoryRevocations(records, LIFE_SECONDS, clock);
  const keys = { lists: keysFor("status-lists", clock), ids: keysFor("status-ids", clock) };
  const deps: ViewDeps = {
    store,
    keys,
    revocations,
    questions: memoryLedgerQuestions(records),
    clock,
    stopwatch: { elapsed: () => seconds },
    issuer: ISSUER,
    publicUrl: PUBLIC_URL,
    ttlSeconds,
  };
  const view = new StatusListView(deps);
  await view.look();
  const supply = new IndexSupply({
    store,
    ids: () => view.ids,
    random,
    clock,
    publicUrl: PUBLIC_URL,
    lifeSeconds: LIFE_SECONDS,
  });
  let head: ChainHead | ChainName = newChainName(random);
  const record = async (entries: readonly Entry[]): Promise<void> => {
    const batch = batchAfter(head, entries, clock.nowMs());
    await ledger.append(batch);
    head = headAfter(batch);
  };
  const status = async (facts: Partial<MintFacts>): Promise<MintedStatus> => {
    const taken = await supply.take(facts.kid ?? ("k" as Kid));
    if (taken === undefined) throw new Error("a token got no index");
    const life = { iat: clock.now(), exp: (clock.now() + 300) as EpochSeconds };
    const jti = taken.idAt(clock.now());
    return { ...taken, jti, facts: mintFacts(jti, { ...life, ...facts, status: taken.place }) };
  };
  const mintAll: StatusHouse["mintAll"] = async (all, isRecorded = () => true) => {
    const minted: MintedStatus[] = [];
    for (const facts of all) minted.push(await status(facts));
    const recorded = minted.filter(({ facts }) => isRecorded(facts));
    await record(recorded.map(({ facts }) => ({ kind: "mint", facts })));
    return minted;
  };
  return {
    clock,
    store,
    revocations,
    keys,
    view,
    move: (by) => {
      seconds += by;
    },
    replica: (override) => new StatusListView({ ...deps, ...override }),
    async mint(facts = {}) {
      const [minted] = await mintAll([facts]);
      if (minted === undefined) throw new Error("nothing was minted");
      return minted;
    },
    mintAll,
  };
}

function keysFor(purpose: "status-lists" | "status-ids", clock: Clock): PurposeKeys {
  const sealing = sealingWith(keksUnder(1));
  return purposeKeys({ purpose, store: memoryPurposeKeys(), sealing, nowMs: () => clock.nowMs() });
}
