import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { z } from "zod";
import { epochMs, epochSeconds } from "../../../../kernel/clock.ts";
import { type Jti, parseJti } from "../../../../kernel/ids.ts";
import { systemRandom } from "../../../../kernel/random.ts";
import { Secret } from "../../../../kernel/secret.ts";
import { systemTimers } from "../../../../kernel/timers.ts";
import { newChainName } from "../../../../ledger/chain.ts";
import {
  CountsAnswer,
  EntriesAnswer,
  LineageAnswer,
  LiveAnswer,
  TokensAnswer,
} from "../../../../ledger/questions/answers.ts";
import type { AskDeps } from "../../../../ledger/questions/ask.ts";
import { memoryLedger } from "../../../../stores/memory/ledger.ts";
import { memoryLedgerQuestions } from "../../../../stores/memory/ledger-questions.ts";
import { memoryRecords } from "../../../../stores/memory/records.ts";
import { callerId } from "../../../../testing/callers.ts";
import { batchAfter, headAfter, mintEntry, rejectionFacts } from "../../../../testing/ledger-entries.ts";
import { countingRandom } from "../../../../testing/mint-deps.ts";
import { TestClock } from "../../../../testing/moments.ts";
import { operatorsWith } from "../../../../testing/operators.ts";
import { type AdminDeps, adminServer } from "../../../admin-server.ts";
import type { Listener } from "../../../listener.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const clock = new TestClock();
const NOW = clock.now();
function id(letter: string): Jti {
  const jti = parseJti(letter.repeat(22));
  if (jti === undefined) throw new Error("no id");
  return jti;
}

let listener: Listener;
let logged: Record<string, unknown>[];

async function listen(reading: AskDeps | undefined): Promise<void> {
  logged = [];
  const deps: Partial<AdminDeps> = {
    log: pino(
      { base: null },
      { write: (line: string) => logged.push(JSON.parse(line) as Record<string, unknown>) },
    ),
    random: systemRandom(),
    timers: systemTimers,
    operators: operatorsWith(new Secret(TOKEN)),
    keepAliveSeconds: 65,
    limits: () => undefined,
    reading,
  };
  listener = adminServer(deps as AdminDeps);
  await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
}

beforeEach(async () => {
  const records = memoryRecords();
  const store = memoryLedger(records);
  const ends = (seconds: number) => ({ iat: NOW, exp: epochSeconds(NOW + seconds) });
  const under = (parent: string) => ({ ...ends(300), parent: id(parent), root: id("a") });
  const first = batchAfter(
    newChainName(countingRandom()),
    [
      mintEntry(id("a"), { ...ends(300), digest: "D".repeat(43) }),
      mintEntry(id("b"), under("a")),
      mintEntry(id("c"), { ...under("b"), caller: callerId("cd") }),
      mintEntry(id("d"), { ...under("a"), ...ends(0) }),
    ],
    epochMs(NOW * 1_000 - 5),
  );
  await store.append(first);
  await store.append(
    batchAfter(
      headAfter(first),
      [{ kind: "rejection", facts: rejectionFacts("not_allowed") }],
      epochMs(NOW * 1_000),
    ),
  );
  const revocations = { stoppedBy: ({ jti }: { readonly jti: string }) => (jti === id("c") ? 7 : undefined) };
  await listen({ questions: memoryLedgerQuestions(records), revocations, clock });
});
afterEach(() => {
  listener.server.close();
  listener.server.closeAllConnections();
});

async function send(path: string): Promise<Response> {
  const { port } = listener.server.address() as AddressInfo;
  const headers = { authorization: `Bearer ${TOKEN}` };
  return fetch(`http://127.0.0.1:${String(port)}${path}`, { headers });
}

async function ask<T>(shape: z.ZodType<T>, path: string): Promise<T> {
  return shape.parse(await (await send(path)).json());
}

test("pages of entries follow each other by their cursors", async () => {
  const kinds: string[] = [];
  let next: string | null = "";
  while (next !== null) {
    const after: string = next === "" ? "" : `&after=${next}`;
    const page = await ask(EntriesAnswer, `/ledger/entries?limit=2${after}`);
    kinds.push(...page.entries.map(({ kind }) => kind));
    next = page.next;
  }
  expect(kinds).toEqual(["rejection", "mint", "mint", "mint", "mint"]);
});

test("an entry shows its record as it was written", async () => {
  const { entries } = await ask(EntriesAnswer, "/ledger/entries?reason=not_allowed");
  expect(entries).toMatchObject([
    { seq: 5, kind: "rejection", record: { reason: "not_allowed", status: 403, seq: 5 } },
  ]);
});

test("live tokens are neither expired nor revoked", async () => {
  const { now, tokens } = await ask(LiveAnswer, `/ledger/live?sender=${encodeURIComponent("agent://a")}`);
  expect(tokens.map(({ record }) => record["jti"])).toEqual([id("b"), id("a")]);
  expect(now).toBe(NOW);
});

test("a lineage names each token's depth and state, and the revocation that stops it", async () => {
  const { tokens, cut } = await ask(LineageAnswer, `/ledger/lineage/${id("b")}`);
  expect(tokens).toMatchObject([
    { jti: id("a"), depth: 0, state: "live", stopped_by: null },
    { jti: id("b"), depth: 1, state: "live", stopped_by: null },
    { jti: id("c"), depth: 2, state: "revoked", stopped_by: 7 },
  ]);
  expect(cut).toBe(false);
});

test("a token is found by its digest", async () => {
  const { tokens } = await ask(TokensAnswer, `/ledger/tokens?digest=${"D".repeat(43)}`);
  expect(tokens).toMatchObject([{ state: "live", stopped_by: null, entry: { record: { jti: id("a") } } }]);
  expect((await ask(TokensAnswer, `/ledger/tokens?digest=${"E".repeat(43)}`)).tokens).toEqual([]);
});

test("counts are by kind, and by caller where that is asked for", async () => {
  const from = NOW - (NOW % 3_600) - 3_600;
  const { counts } = await ask(
    CountsAnswer,
    `/ledger/counts?from=${String(from)}&to=${String(from + 7_200)}&by_caller=true`,
  );
  expect(counts.reduce((sum, { entries }) => sum + entries, 0)).toBe(5);
  expect(counts).toContainEqual({ from, kind: "mint", caller: "cd", entries: 1 });
});

test.each([
  "/ledger/entries?limit=0",
  "/ledger/entries?limit=501",
  "/ledger/entries?limit=5&limit=6",
  "/ledger/entries?kind=minted",
  "/ledger/entries?after=x",
  "/ledger/entries?sendre=a",
  "/ledger/entries?sender=",
  "/ledger/entries?from=yesterday",
  "/ledger/live",
  "/ledger/live?sender=a&run=b",
  "/ledger/tokens",
  "/ledger/tokens?digest=short",
  "/ledger/counts?by=week",
  "/ledger/counts?from=0&to=99999999",
  "/ledger/counts?from=5&to=5",
])("a question that is not understood is answered with 400, never with everything: %s", async (path) => {
  expect((await send(path)).status).toBe(400);
});

test("a token that the ledger does not know has no lineage", async () => {
  for (const unknown of [id("x"), "%00", "%F0%9F%98%80"])
    expect((await send(`/ledger/lineage/${unknown}`)).status).toBe(404);
});

test("who reads the ledger, and what was asked, is in the log", async () => {
  await send("/ledger/entries?sender=agent%3A%2F%2Fa&kind=mint");
  expect(logged.find(({ event }) => event === "ledger_read")).toMatchObject({
    question: "listLedgerEntries",
    asked: { sender: "agent://a", kind: "mint" },
    actor: "admin-token",
  });
});

test("where nothing is recorded, every question says so", async () => {
  listener.server.close();
  await listen(undefined);
  for (const path of ["entries", "live?run=r", `lineage/${id("a")}`, "tokens", "counts"])
    expect((await send(`/ledger/${path}`)).status).toBe(409);
});
