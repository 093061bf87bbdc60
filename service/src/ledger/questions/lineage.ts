import type { StoredEntry } from "../ledger-store.ts";
import type { LedgerQuestions } from "./ledger-questions.ts";

/** A token in its family. */
export interface LineageNode {
  readonly jti: string;
  /** `undefined`: its entry was removed for its age, or it is beyond `TOKENS_MAX`. */
  readonly entry: StoredEntry | undefined;
  readonly children: readonly LineageNode[];
  /** How many children are not shown. */
  readonly hidden: number;
}

/** The family of a token. */
export interface Lineage {
  /** From the top down to the token that was asked for, without it. */
  readonly above: readonly { readonly jti: string; readonly entry: StoredEntry | undefined }[];
  /** The token that was asked for, and everything under it. */
  readonly tree: LineageNode;
  /** Not everything is shown: there are more tokens, or deeper ones. */
  readonly isCut: boolean;
}

/** How many tokens of a family are read. */
const TOKENS_MAX = 1_000;
/** How deep a tree is shown, and how far up a token is followed. */
const DEPTH_MAX = 32;
/** How many children of one token are shown. */
const WIDTH_MAX = 100;

/** Where a token comes from and what was made under it; `undefined`: the ledger does not know it. Rejects with `StoreUnavailable`. */
export async function lineageOf(questions: LedgerQuestions, jti: string): Promise<Lineage | undefined> {
  const asked = await issuanceOf(questions, jti);
  if (asked === undefined) return undefined;
  const entries = await familyOf(questions, asked, jti);
  const above = await ancestorsOf(questions, asked, entries.known);
  const { tree, isCut } = treeOf(jti, entries.known);
  return { above, tree, isCut: isCut || entries.isCut || isLong(above) };
}

function isLong(above: Lineage["above"]): boolean {
  return above.length === DEPTH_MAX && above[0]?.entry?.index.parent != null;
}

/** The tokens of a tree by their ids, as far as they are read. */
async function familyOf(
  questions: LedgerQuestions,
  asked: StoredEntry,
  jti: string,
): Promise<{ readonly known: ReadonlyMap<string | null, StoredEntry>; readonly isCut: boolean }> {
  const root = asked.index.root ?? jti;
  const top = root === jti ? asked : await issuanceOf(questions, root);
  const family = await questions.under(root, top?.at ?? 0, TOKENS_MAX + 1);
  const all = [...family.slice(0, TOKENS_MAX), ...(top ? [top] : []), asked];
  return {
    known: new Map(all.map((entry) => [entry.index.jti, entry])),
    isCut: family.length > TOKENS_MAX,
  };
}

async function issuanceOf(questions: LedgerQuestions, jti: string): Promise<StoredEntry | undefined> {
  const { items } = await questions.entries({ jti, kind: "mint" }, { limit: 1, after: undefined });
  return items[0];
}

/** The parents of a token, the top first. Those that the family was too large to hold are asked for one by one. */
async function ancestorsOf(
  questions: LedgerQuestions,
  asked: StoredEntry,
  entries: ReadonlyMap<string | null, StoredEntry>,
): Promise<Lineage["above"]> {
  const above: { readonly jti: string; readonly entry: StoredEntry | undefined }[] = [];
  const seen = new Set([asked.index.jti]);
  let parent = asked.index.parent;
  while (parent !== null && !seen.has(parent) && above.length < DEPTH_MAX) {
    seen.add(parent);
    const entry = entries.get(parent) ?? (await issuanceOf(questions, parent));
    above.unshift({ jti: parent, entry });
    parent = entry?.index.parent ?? null;
  }
  return above;
}

/** The tree under a token, from the entries of its family. Entries that were changed may name each other: each token is shown once. */
function treeOf(
  jti: string,
  entries: ReadonlyMap<string | null, StoredEntry>,
): { readonly tree: LineageNode; readonly isCut: boolean } {
  const children = new Map<string, string[]>();
  for (const [child, { index }] of entries) {
    if (child === null || index.parent === null) continue;
    children.set(index.parent, [...(children.get(index.parent) ?? []), child]);
  }
  let isCut = false;
  const seen = new Set<string>([jti]);
  const nodeOf = (token: string, depth: number): LineageNode => {
    const all = (children.get(token) ?? []).filter((child) => !seen.has(child));
    const shown = depth < DEPTH_MAX ? all.slice(0, WIDTH_MAX) : [];
    for (const child of shown) seen.add(child);
    const hidden = all.length - shown.length;
    isCut ||= hidden > 0;
    const nodes = shown.map((child) => nodeOf(child, depth + 1));
    return { jti: token, entry: entries.get(token), children: nodes, hidden };
  };
  const tree = nodeOf(jti, 0);
  return { tree, isCut };
}
