import { asciiJson } from "../../kernel/ascii.ts";
import { type NoteSigner, type OpenedNote, signedNote } from "./signed-note.ts";

/** What an operator, or the service for one, states of the ledger in an entry: only with the note key can it be stated. */
export const STATEMENTS = ["pruned", "reanchor"] as const;
export type StatementKind = (typeof STATEMENTS)[number];

/** A signed note with facts: the name of the ledger, the kind, and one line of JSON. */
export function signStatement(kind: StatementKind, facts: object, signer: NoteSigner): string {
  return signedNote(`${signer.name}\n${kind}\n${asciiJson(JSON.stringify(facts))}\n`, signer);
}

/** The facts of a statement of this kind; `undefined` when it is none that a trusted key signed. */
export function openStatement(
  kind: StatementKind,
  statement: unknown,
  open: (note: string) => OpenedNote,
): Readonly<Record<string, unknown>> | undefined {
  if (typeof statement !== "string") return undefined;
  const opened = open(statement);
  if (opened.kind !== "opened") return undefined;
  const [, stated, json = "", end] = opened.text.split("\n");
  if (stated !== kind || end !== "") return undefined;
  return JSON.parse(json) as Readonly<Record<string, unknown>>;
}
