import type { z } from "zod";
import {
  CountsAnswer,
  EntriesAnswer,
  LineageAnswer,
  LiveAnswer,
  TokensAnswer,
} from "../../ledger/questions/answers.ts";
import {
  type AskDeps,
  askCounts,
  askEntries,
  askLineage,
  askLive,
  askToken,
} from "../../ledger/questions/ask.ts";
import type { CountsQuery, EntriesQuery, LiveQuery } from "../../ledger/questions/queries.ts";
import { holderOf } from "../../ledger/questions/queries.ts";
import { type AdminCall, adminClient } from "../client/admin-client.ts";
import type { AdminAddress } from "../client/admin-option.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import type { World } from "../terminal/world.ts";
import { withLedger } from "./with-ledger.ts";

/** What is asked, as it was written, and as it is understood. */
export interface Asked<Query> {
  readonly written: Readonly<Record<string, string>>;
  readonly query: Query;
}

/** What the questions are put to: the store itself, or a running service's admin listener. */
export interface LedgerBackend {
  entries(asked: Asked<EntriesQuery>): Promise<EntriesAnswer>;
  live(asked: Asked<LiveQuery>): Promise<LiveAnswer>;
  lineage(jti: string): Promise<LineageAnswer>;
  token(digest: string): Promise<TokensAnswer>;
  counts(asked: Asked<CountsQuery>): Promise<CountsAnswer>;
}

/** Runs on the admin listener when `--admin` is given, otherwise on the store that the environment names. Throws `CommandEnd` or `ConfigError`. */
export async function withQuestions<T>(
  { admin, caFile }: { readonly [Name in keyof AdminAddress]?: AdminAddress[Name] | undefined },
  world: World,
  run: (backend: LedgerBackend) => Promise<T>,
): Promise<T> {
  if (admin !== undefined) return run(onAdmin(await adminClient({ admin, caFile }, world)));
  // A question files what is not filed yet.
  return withLedger(world, "change", async ({ database, settings }) => {
    const [{ RevocationView }, { ledgerQuestions }, { revocationStore }] = await Promise.all([
      import("../../ledger/revocation/revocation-view.ts"),
      import("../../stores/ledger.ts"),
      import("../../stores/revocations.ts"),
    ]);
    const { clock, stopwatch } = world;
    const store = revocationStore(database, settings.tokens.maxTtlSeconds, clock);
    const revocations = new RevocationView({ store, clock, stopwatch });
    await revocations.poll();
    return run(onStore({ questions: ledgerQuestions(database), revocations, clock }));
  });
}

function onAdmin(call: AdminCall): LedgerBackend {
  const get = <T>(
    shape: z.ZodType<T>,
    path: string,
    written: Readonly<Record<string, string>> = {},
  ): Promise<T> => {
    const query = new URLSearchParams(written).toString();
    return call(shape, "GET", query === "" ? path : `${path}?${query}`);
  };
  return {
    entries: ({ written }) => get(EntriesAnswer, "/ledger/entries", written),
    live: ({ written }) => get(LiveAnswer, "/ledger/live", written),
    lineage: (jti) => get(LineageAnswer, `/ledger/lineage/${encodeURIComponent(jti)}`),
    token: (digest) => get(TokensAnswer, "/ledger/tokens", { digest }),
    counts: ({ written }) => get(CountsAnswer, "/ledger/counts", written),
  };
}

function onStore(deps: AskDeps): LedgerBackend {
  return {
    entries: ({ query }) => askEntries(deps, query),
    live: ({ query }) => {
      const holder = holderOf(query);
      if (holder === undefined) throw wrongCall("give one of --sender, --caller and --run");
      return askLive(deps, holder, query);
    },
    lineage: async (jti) => {
      const lineage = await askLineage(deps, jti);
      if (lineage === undefined) throw couldNot("the ledger has no token with this id");
      return lineage;
    },
    token: (digest) => askToken(deps, digest),
    counts: async ({ query }) => {
      const counts = await askCounts(deps, query);
      if (counts === undefined)
        throw wrongCall("--from and --to are too far apart; ask for 31 days by hour, or 366 days by day");
      return counts;
    },
  };
}
