import { type HeadsNote, isIdle } from "../notes/heads-note.ts";
import { openStatement } from "../notes/statement.ts";
import { ChainAudit, type ChainFacts } from "./audit-chain.ts";
import { auditNotes, auditOutsideNotes, type OpenNote } from "./audit-notes.ts";
import type { AuditStore } from "./audit-store.ts";
import type { Finding } from "./finding.ts";
import { type AuditedEntry, digestOf, digestOfText, type JudgedEntry, judgeEntry } from "./judge-entry.ts";
import { headsIn, type NamedHead, NamedHeads } from "./named-heads.ts";

export interface AuditDeps {
  readonly store: AuditStore;
  /** Opens notes with the keys that are trusted. */
  readonly open: OpenNote;
  /** Signed notes that were kept apart from the store. */
  readonly outside?: AsyncIterable<string> | undefined;
  /** Is notified of the rows that were read so far. */
  readonly progress?: ((entries: number) => void) | undefined;
  readonly judge?: (entry: AuditedEntry) => JudgedEntry;
}

/** A finding, and the entry by which an operator recorded that it was looked into. */
export interface KnownFinding {
  readonly id: string;
  readonly finding: Finding;
  readonly known: { readonly chain: string; readonly seq: number; readonly reason: string } | undefined;
}

/** What an audit read and found. */
export interface AuditReport {
  readonly chains: number;
  readonly entries: number;
  readonly notes: number;
  readonly outsideNotes: number;
  /** The newest whole note of the store. */
  readonly lastNote: HeadsNote | undefined;
  /** How many entries came after that note: what a note covers cannot be rewritten unnoticed, and these can. */
  readonly afterLastNote: number;
  readonly findings: readonly KnownFinding[];
  /** How many more findings there are than are listed. */
  readonly unlisted: number;
}

/** Who named a head, where no note did. */
const BY_START = "start";
const PAGE = 500;
const FINDINGS_MAX = 1_000;

/**
 * Reads the whole ledger and reports what is not as it was written: every edit, removal, addition and exchange of a row, and, by the
 * notes, every rewriting of a chain up to the last of them. Memory does not grow with the number of rows.
 */
export async function auditLedger(deps: AuditDeps): Promise<AuditReport> {
  const { store, open, outside } = deps;
  const findings: Finding[] = [];
  let unlisted = 0;
  const report = (finding: Finding): void => {
    if (isCovered(finding, findings)) return;
    if (findings.length < FINDINGS_MAX) findings.push(finding);
    else unlisted += 1;
  };
  const read = await auditChains(deps, report);
  const prunedTo = judgePruned(read, report);
  const named = new NamedHeads(store, { lastRow: read.lastRow, prunedTo }, report);
  const audit = { store, open, prunedTo: read.pruned.notes, named, report };
  const notes = await auditNotes(audit);
  const apart = outside && (await auditOutsideNotes(audit, outside));
  await named.compare([...read.named.values()], BY_START);
  await named.flush();
  return {
    chains: read.lastRow.size,
    entries: read.entries,
    notes: notes.notes,
    outsideNotes: apart?.notes ?? 0,
    lastNote: notes.last,
    afterLastNote: entriesAfter(notes.last, read),
    findings: findings.map((finding) => {
      const id = findingId(finding);
      return { id, finding, known: read.anchored.get(id) };
    }),
    unlisted,
  };
}

/** Names a finding, and what was observed. */
function findingId(finding: Finding): string {
  return digestOfText(JSON.stringify(finding)).slice(0, 22);
}

/** What the rows say beside their own chain. */
interface ChainsRead {
  entries: number;
  readonly lastRow: Map<string, AuditedEntry>;
  /** Where the first row of each chain stands. */
  readonly firstRow: Map<string, AuditedEntry>;
  /** The farthest that a first entry names each chain. */
  readonly named: Map<string, NamedHead>;
  readonly pruned: PrunedRead;
  readonly anchored: Map<string, NonNullable<KnownFinding["known"]>>;
}

/** What entries say was removed for its age. */
interface PrunedRead {
  readonly chains: Map<string, NamedHead>;
  /** The last note that was removed. */
  notes: number;
}

async function auditChains(deps: AuditDeps, report: (finding: Finding) => void): Promise<ChainsRead> {
  const { store } = deps;
  const read: ChainsRead = {
    entries: 0,
    lastRow: new Map(),
    firstRow: new Map(),
    named: new Map(),
    pruned: { chains: new Map(), notes: 0 },
    anchored: new Map(),
  };
  const heads = new Map((await store.storedHeads()).map((head) => [head.chain, head]));
  const pruned = new Map((await store.pruned()).map((one) => [one.chain as string, one]));
  const chains = new Set([...heads.keys(), ...(await store.chainsWithRows())]);
  for (const chain of [...chains].toSorted()) {
    const head = heads.get(chain) ?? (await store.storedHead(chain));
    await auditRows(deps, { chain, head, pruned: pruned.get(chain) }, read, report);
  }
  return read;
}

/** Gives the rows of a chain to its audit, up to its head. What is written meanwhile is beyond that, and the head moves with it. */
async function auditRows(
  deps: AuditDeps,
  facts: ChainFacts,
  read: ChainsRead,
  report: (finding: Finding) => void,
): Promise<void> {
  const { store } = deps;
  const { chain, head } = facts;
  const audit = new ChainAudit(facts, report);
  let beyond: AuditedEntry | undefined;
  for (let after = 0; beyond === undefined; ) {
    const rows = await store.rowsOf(chain, after, PAGE);
    const within = rows.filter(({ seq }) => seq <= (head?.seq ?? seq));
    takeRows(deps, within, audit, read);
    beyond = rows[within.length];
    after = within.at(-1)?.seq ?? after;
    if (rows.length < PAGE) break;
  }
  audit.end();
  if (beyond === undefined || beyond.seq <= ((await store.storedHead(chain))?.seq ?? 0)) return;
  report({ kind: "beyond_head", chain, seq: beyond.seq, observed: digestOf(beyond) });
}

function takeRows(
  { open, judge = judgeEntry, progress }: AuditDeps,
  rows: readonly AuditedEntry[],
  audit: ChainAudit,
  read: ChainsRead,
): void {
  for (const row of rows) {
    const judged = judge(row);
    if (!read.firstRow.has(row.chain)) read.firstRow.set(row.chain, row);
    if (judged.facts !== undefined && judged.isWhole) noteFacts(judged, judged.facts, open, read);
    audit.next(judged);
    read.lastRow.set(row.chain, row);
  }
  read.entries += rows.length;
  progress?.(read.entries);
}

/** Notes what an entry says of other chains. */
function noteFacts({ entry }: JudgedEntry, facts: object, open: OpenNote, read: ChainsRead): void {
  const { heads, statement }: { readonly heads?: unknown; readonly statement?: unknown } = facts;
  if (entry.kind === "start") keepFarthest(read.named, headsIn(heads));
  if (entry.kind === "pruned") {
    const { chains, notes } = openStatement("pruned", statement, open) ?? {};
    keepFarthest(read.pruned.chains, headsIn(chains));
    read.pruned.notes = Math.max(read.pruned.notes, typeof notes === "number" ? notes : 0);
  }
  if (entry.kind === "reanchor") {
    const { reason = "", findings } = openStatement("reanchor", statement, open) ?? {};
    const known = { chain: entry.chain, seq: entry.seq, reason: typeof reason === "string" ? reason : "" };
    for (const id of textsIn(findings)) read.anchored.set(id, known);
  }
}

function textsIn(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
}

function keepFarthest(known: Map<string, NamedHead>, heads: readonly NamedHead[]): void {
  for (const head of heads) if (head.seq > (known.get(head.chain)?.seq ?? 0)) known.set(head.chain, head);
}

/** Compares where chains begin with what entries say of it. Returns how far each chain was pruned in an orderly way. */
function judgePruned(
  { firstRow, pruned }: ChainsRead,
  report: (finding: Finding) => void,
): ReadonlyMap<string, number> {
  for (const [chain, { seq, prev }] of firstRow) {
    const to = pruned.chains.get(chain);
    if (seq === 1) continue;
    const isRecorded = to !== undefined && (seq <= to.seq || (seq === to.seq + 1 && prev === to.hash));
    if (!isRecorded) report({ kind: "prune_unrecorded", chain, seq: seq - 1 });
  }
  return new Map([...pruned.chains].map(([chain, { seq }]) => [chain, seq]));
}

/** Whether something in the same rows was found already, which is more exact. */
function isCovered(finding: Finding, findings: readonly Finding[]): boolean {
  if (finding.kind !== "replaced" && finding.kind !== "missing") return false;
  const from = finding.kind === "replaced" ? finding.after + 1 : finding.seq;
  const to = finding.kind === "replaced" ? finding.seq : finding.to;
  return findings.some(
    (known) =>
      "chain" in known &&
      known.chain === finding.chain &&
      known.seq <= to &&
      (known.kind === "missing" ? known.to : known.seq) >= from,
  );
}

/** How many rows are behind those that the note names. */
function entriesAfter(note: HeadsNote | undefined, { lastRow }: ChainsRead): number {
  const named = new Map<string, number>(note?.heads.map(({ chain, seq }) => [chain, seq]));
  return [...lastRow.values()]
    .filter(({ chain, at }) => note === undefined || named.has(chain) || !isIdle({ at }, note.at))
    .reduce((sum, { chain, seq }) => sum + Math.max(0, seq - (named.get(chain) ?? 0)), 0);
}
