import type { NoteKeys } from "../notes/note-keys.ts";
import { type SignedHeads, type SignHeadsDeps, signHeads } from "../notes/sign-heads.ts";
import { signStatement } from "../notes/statement.ts";
import type { LedgerWriter } from "../writer.ts";
import type { AuditReport } from "./audit-ledger.ts";

export interface ReanchorDeps {
  readonly notes: SignHeadsDeps & { readonly keys: NoteKeys };
  readonly writer: Pick<LedgerWriter, "record">;
}

export type Reanchored =
  | { readonly kind: "anchored"; readonly findings: number; readonly note: SignedHeads }
  /** There is nothing that is not known already. */
  | { readonly kind: "nothing" }
  | { readonly kind: "unavailable" };

/**
 * Records that an operator has looked into what an audit found, in an entry with a signed statement, and signs the ends of all chains
 * as they are now. What was found stays reported, as known; notes can be signed again.
 */
export async function reanchor(
  { notes, writer }: ReanchorDeps,
  { findings }: Pick<AuditReport, "findings">,
  by: string,
  reason: string,
): Promise<Reanchored> {
  const fresh = findings.filter(({ known }) => known === undefined).map(({ id }) => id);
  if (fresh.length === 0) return { kind: "nothing" };
  const statement = signStatement("reanchor", { reason, findings: fresh }, await notes.keys.signer());
  const recorded = await writer.record({ kind: "reanchor", facts: { by, reason, statement } });
  if (recorded.kind !== "recorded") return { kind: "unavailable" };
  const note = await signHeads(notes, "anew");
  return { kind: "anchored", findings: fresh.length, note };
}
