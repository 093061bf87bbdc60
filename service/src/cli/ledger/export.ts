import { Command } from "commander";
import type { World } from "../terminal/world.ts";
import type { LedgerParts } from "./with-ledger.ts";
import { withLedger } from "./with-ledger.ts";

const PAGE = 500;

/** `macp-auth ledger export`: the whole ledger as JSON Lines. */
export function exportCommand(world: World): Command {
  return new Command("export")
    .description(
      "print the whole ledger as JSON Lines: keys and notes, then for each chain what was removed for its age, its end and its entries",
    )
    .action(() => withLedger(world, "look", (parts) => exportLedger(parts, world)));
}

/** Notes are read first: what they name is then in the entries, however many are written meanwhile. */
export async function exportLedger(
  {
    audit,
    notes,
  }: {
    readonly audit: LedgerParts["audit"];
    readonly notes: { readonly keys: Pick<LedgerParts["notes"]["keys"], "verifiers"> };
  },
  world: Pick<World, "out">,
): Promise<void> {
  const line = (type: string, members: object): void => {
    world.out(`${JSON.stringify({ type, ...members })}\n`);
  };
  for (const { key } of await notes.keys.verifiers()) line("key", { key });
  for (let after = 0, isMore = true; isMore; ) {
    const page = await audit.notesAfter(after, PAGE);
    for (const note of page) line("note", note);
    after = page.at(-1)?.number ?? after;
    isMore = page.length === PAGE;
  }
  for (const one of await audit.pruned()) line("pruned", one);
  const heads = new Map((await audit.storedHeads()).map((head) => [head.chain, head]));
  for (const chain of new Set([...heads.keys(), ...(await audit.chainsWithRows())])) {
    const head = heads.get(chain);
    if (head !== undefined) line("head", head);
    await exportChain(audit, chain, head?.seq, line);
  }
}

/** The entries of a chain up to its head; what was written meanwhile is left out. */
async function exportChain(
  audit: LedgerParts["audit"],
  chain: string,
  last: number | undefined,
  line: (type: string, members: object) => void,
): Promise<void> {
  for (let after = 0, isMore = true; isMore; ) {
    const page = await audit.rowsOf(chain, after, PAGE);
    for (const { index, ...row } of page)
      if (row.seq <= (last ?? row.seq)) line("entry", { ...row, ...index });
    after = page.at(-1)?.seq ?? after;
    isMore = page.length >= PAGE && after < (last ?? Number.POSITIVE_INFINITY);
  }
}
