import { LedgerWriter } from "../../ledger/writer.ts";
import { ledgerStore } from "../../stores/ledger.ts";
import type { World } from "../terminal/world.ts";
import type { LedgerParts } from "./with-ledger.ts";

/** Runs with a writer that has a chain of its own, and ends it in an orderly way. */
export async function withWriter<T>(
  { database, settings }: Pick<LedgerParts, "database" | "settings">,
  { clock, timers, stopwatch, random, version }: World,
  run: (writer: LedgerWriter) => Promise<T>,
): Promise<T> {
  const writer = new LedgerWriter({
    store: ledgerStore(database),
    timers,
    stopwatch,
    random,
    nowMs: () => clock.nowMs(),
    writer: { version, issuer: settings.tokens.issuer, mode: "durable" },
    forked: () => undefined,
  });
  const outcome = await run(writer);
  if (writer.status.head !== undefined) await writer.record({ kind: "end", facts: {} });
  return outcome;
}

/** Who runs a command, as an entry says it. */
export const BY_COMMAND = "cli";
