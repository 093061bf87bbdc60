import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { StoreUnavailable } from "../../service/src/kernel/store-faults.ts";
import { hashOf } from "../../service/src/ledger/chain.ts";
import type { LedgerStore } from "../../service/src/ledger/ledger-store.ts";
import { openAdapter } from "../../service/src/stores/open.ts";
import { sqlLedger } from "../../service/src/stores/sql/ledger.ts";
import { storeAt } from "../../service/src/testing/store-places.ts";

const MINTER = fileURLToPath(new URL("minter.mjs", import.meta.url));

/** What a minter did until it ended. */
export interface Minted {
  /** The ids of the tokens that left, with the digest of what was signed. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly rejected: number;
  readonly wasKilled: boolean;
}

/** Mints `tokens` tokens, some at the same time, into the ledger at a URL; `under` is a command to run it under. */
export function minted(
  url: string,
  { mode = "durable", tokens = 400, concurrent = 8, under = [], kill, endAfter }: MinterOptions = {},
): Promise<Minted> {
  const [command, ...args] = [...under, process.execPath, MINTER, url];
  const counts = [mode, concurrent, tokens, ...(kill === undefined ? [] : [kill])].map(String);
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args, ...counts], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.once("error", reject);
    const count = () => out.split("\n").length - 1;
    // The whole group: the command that it runs under would leave it running.
    const end = () => process.kill(-(child.pid ?? 0), "SIGKILL");
    void endAfter?.(count, child.pid ?? 0).then(end, (thrown: unknown) => {
      end();
      reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    });
    child.once("close", (code, signal) => {
      const lines = out
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split(" ") as [string, string]);
      resolve({
        tokens: new Map(lines.filter(([first]) => first !== "rejected")),
        rejected: lines.filter(([first]) => first === "rejected").length,
        wasKilled: signal === "SIGKILL" || code === 137,
      });
    });
  });
}

interface MinterOptions {
  readonly mode?: "async" | "durable";
  readonly tokens?: number;
  readonly concurrent?: number;
  readonly under?: readonly string[];
  /** Is killed when this resolves, which gets to know how many tokens have left, and the group of its processes. */
  readonly endAfter?: (tokens: () => number, group: number) => Promise<unknown>;
  /** Kills itself before this one of its sends to PostgreSQL. */
  readonly kill?: number;
}

/**
 * What is wrong with a ledger, given the tokens that left: each has exactly one entry, and every chain is whole, as it was found and once
 * what was left in its tail is filed. Empty: nothing.
 */
export async function faultsOf(url: string, tokens: ReadonlyMap<string, string>): Promise<readonly string[]> {
  for (let triesLeft = 20; ; triesLeft -= 1) {
    try {
      return await faultsAt(url, tokens);
    } catch (thrown) {
      // A store that has just been started on a busy machine may be slower than a service waits.
      if (!(thrown instanceof StoreUnavailable) || triesLeft === 0) throw thrown;
      await sleep(500);
    }
  }
}

async function faultsAt(url: string, tokens: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const database = await openAdapter(storeAt(url));
  try {
    const ledger = sqlLedger(database);
    const asLeft = await faultsIn(ledger, tokens);
    await ledger.file();
    return [...asLeft, ...(await faultsIn(ledger, tokens))];
  } finally {
    await database.close();
  }
}

async function faultsIn(
  ledger: LedgerStore,
  tokens: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const recorded = new Map<string, string[]>();
  const faults: string[] = [];
  for (const head of await ledger.heads()) faults.push(...(await readChain(ledger, head, recorded)));
  for (const [jti, digest] of tokens) {
    const found = recorded.get(jti) ?? [];
    if (found.length !== 1) faults.push(`token ${jti} has ${String(found.length)} entries`);
    else if (found[0] !== digest) faults.push(`token ${jti} has the entry of another`);
  }
  return faults;
}

async function readChain(
  ledger: LedgerStore,
  { chain, seq, hash }: Awaited<ReturnType<LedgerStore["heads"]>>[number],
  recorded: Map<string, string[]>,
): Promise<readonly string[]> {
  const entries = await ledger.entriesOf(chain, 0, 1_000_000);
  let prev: Parameters<typeof hashOf>[0] = "";
  for (const [place, entry] of entries.entries()) {
    const own = hashOf(prev, entry.body);
    if (entry.seq !== place + 1 || entry.prev !== prev || entry.hash !== own)
      return [`entry ${String(entry.seq)} of ${chain} does not follow the one before`];
    prev = own;
    const { jti, digest } = JSON.parse(entry.body) as { readonly jti?: string; readonly digest?: string };
    if (jti !== undefined) recorded.set(jti, [...(recorded.get(jti) ?? []), digest ?? ""]);
  }
  return entries.length === seq && prev === hash ? [] : [`${chain} does not end with its last entry`];
}

/** Runs one piece of work for each number, a few at the same time. */
export async function inLanes(
  numbers: readonly number[],
  lanes: number,
  work: (number: number, lane: number) => Promise<void>,
): Promise<void> {
  const left = [...numbers];
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next, lane);
    }),
  );
}

/** Fails with the first few of the faults. */
export function expectNone(faults: readonly string[]): void {
  expect(faults.slice(0, 5)).toEqual([]);
}
