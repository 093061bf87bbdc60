import { type Clock, type EpochSeconds, epochMs, epochSeconds } from "../../kernel/clock.ts";
import type { TokenFacts } from "../ledger.ts";
import type { StoredEntry } from "../ledger-store.ts";
import type { RevocationView } from "../revocation/revocation-view.ts";
import type {
  CountsAnswer,
  EntriesAnswer,
  EntryAnswer,
  LineageAnswer,
  LiveAnswer,
  TokenState,
  TokensAnswer,
} from "./answers.ts";
import { COUNTS_MAX, type Holder, type LedgerQuestions } from "./ledger-questions.ts";
import { type Lineage, type LineageNode, lineageOf } from "./lineage.ts";
import { liveTokens, tokenOf } from "./live-tokens.ts";
import { type CountsQuery, cursorAfter, type EntriesQuery, type LiveQuery, spanOf } from "./queries.ts";
import { recordOf } from "./record.ts";

/** What answers questions to the ledger. All reject with `StoreUnavailable`. */
export interface AskDeps {
  readonly questions: LedgerQuestions;
  readonly revocations: Pick<RevocationView, "stoppedBy">;
  readonly clock: Clock;
}

/** Entries by what they are about. */
export async function askEntries(
  { questions }: Pick<AskDeps, "questions">,
  { limit, after, ...filter }: EntriesQuery,
): Promise<EntriesAnswer> {
  const { items, next } = await questions.entries(filter, { limit, after });
  return { entries: items.map(entryAnswer), next: next ?? null };
}

/** Who can act right now: the tokens of a holder that are live. */
export async function askLive(
  { questions, revocations, clock }: AskDeps,
  holder: Holder,
  { limit, after }: Pick<LiveQuery, "limit" | "after">,
): Promise<LiveAnswer> {
  const now = clock.now();
  const isStopped = (token: TokenFacts): boolean => revocations.stoppedBy(token) !== undefined;
  const { items, next } = await liveTokens(questions, isStopped, holder, now, { limit, after });
  return { now, tokens: items.map(entryAnswer), next: next ?? null };
}

/** Where a token comes from, and what stands under it; `undefined`: the ledger does not know it. */
export async function askLineage(deps: AskDeps, jti: string): Promise<LineageAnswer | undefined> {
  const now = deps.clock.now();
  const lineage = await lineageOf(deps.questions, jti);
  return lineage && { jti, now, tokens: nodesOf(deps, lineage, now), cut: lineage.isCut };
}

/** The token whose signing input has this digest. */
export async function askToken(deps: AskDeps, digest: string): Promise<TokensAnswer> {
  const now = deps.clock.now();
  const { items } = await deps.questions.entries({ digest, kind: "mint" }, { limit: 10, after: undefined });
  return {
    now,
    tokens: items.map((entry) => ({ ...stateOf(deps, entry, now), entry: entryAnswer(entry) })),
  };
}

/** How many entries there are, by hour or day, page by page; `undefined`: the time is too long. */
export async function askCounts(
  { questions, clock }: Pick<AskDeps, "questions" | "clock">,
  query: CountsQuery,
): Promise<CountsAnswer | undefined> {
  const { by, by_caller, kind, caller, after } = query;
  const span = spanOf(query, clock.nowMs());
  if (span === undefined) return undefined;
  const to =
    after === undefined ? span.to : epochMs(Math.min(span.to, (after.from + HOURS_SECONDS[by]) * 1_000));
  const from = epochMs(Math.max(span.from, Math.floor((to - PAGE_OF_COUNTS_MS) / DAY_MS) * DAY_MS));
  if (from >= to) return { by, counts: [], next: null };
  const counts = await questions.counts({
    by,
    byCaller: by_caller === "true",
    kind,
    caller,
    from,
    to,
    after,
  });
  const last = counts.length === COUNTS_MAX ? counts.at(-1) : undefined;
  const rest =
    from > span.from
      ? { from: epochSeconds(from / 1_000), kind: "", caller: undefined, entries: 0 }
      : undefined;
  const end = last ?? rest;
  return {
    by,
    counts: counts.map((count) => ({ ...count, caller: count.caller ?? null })),
    next: end === undefined ? null : cursorAfter(end),
  };
}

const DAY_MS = 86_400_000;
/** So much time is counted for one page. */
const PAGE_OF_COUNTS_MS = 30 * DAY_MS;
const HOURS_SECONDS: Readonly<Record<CountsQuery["by"], number>> = { hour: 3_600, day: 86_400 };

function nodesOf(deps: AskDeps, { above, tree }: Lineage, now: EpochSeconds): LineageAnswer["tokens"] {
  const nodes: LineageAnswer["tokens"] = [];
  const add = (node: Pick<LineageNode, "jti" | "entry" | "hidden">, depth: number): void => {
    const { jti, entry, hidden } = node;
    const state = entry === undefined ? { state: null, stopped_by: null } : stateOf(deps, entry, now);
    nodes.push({ jti, depth, ...state, hidden, entry: entry === undefined ? null : entryAnswer(entry) });
  };
  const addAll = (node: LineageNode, depth: number): void => {
    add(node, depth);
    for (const child of node.children) addAll(child, depth + 1);
  };
  for (const [depth, node] of above.entries()) add({ ...node, hidden: 0 }, depth);
  addAll(tree, above.length);
  return nodes;
}

function stateOf(
  { revocations }: Pick<AskDeps, "revocations">,
  entry: StoredEntry,
  now: EpochSeconds,
): { readonly state: TokenState; readonly stopped_by: number | null } {
  if ((entry.index.exp ?? 0) <= now) return { state: "expired", stopped_by: null };
  const token = tokenOf(recordOf(entry));
  const stoppedBy = token && revocations.stoppedBy(token);
  return stoppedBy === undefined
    ? { state: "live", stopped_by: null }
    : { state: "revoked", stopped_by: stoppedBy };
}

function entryAnswer(entry: StoredEntry): EntryAnswer {
  const { chain, seq, at, kind, hash } = entry;
  return { chain, seq, at, kind, hash, record: recordOf(entry) };
}
