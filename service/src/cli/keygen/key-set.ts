import { Impossible } from "../../kernel/assert.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import { type ImportedKey, importKeys } from "../../keys/import/import-key.ts";
import { isPem } from "../../keys/import/pem-key.ts";
import { importFaultWords } from "../../wiring/words/key-fault-words.ts";
import { couldNot } from "../terminal/command-end.ts";
import { type NewKey, privateJwk, setText } from "./new-key.ts";

/** A key file's content, its members as the file has them. Secret. */
export interface KeySet {
  readonly members: readonly object[];
  /** What else the set object holds. */
  readonly otherMembers: object;
  /** Of the first key. */
  readonly alg: Algorithm;
}

/** Reads the text of a key file as a set; a single key is a set of one. Throws `CommandEnd` when the service would reject it. */
export function readKeySet(text: string, place: string): KeySet {
  const [first] = insist(text, place);
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (isPem(trimmed)) return { members: [jwkOfPem(first)], otherMembers: {}, alg: first.alg };
  const { keys, ...otherMembers } = JSON.parse(trimmed) as { keys?: readonly object[] };
  return keys === undefined
    ? { members: [otherMembers], otherMembers: {}, alg: first.alg }
    : { members: keys, otherMembers, alg: first.alg };
}

/** The set with a new key before the others. Throws `CommandEnd` when the service would reject the result, such as a kid that is in use. */
export function withNewFirst(
  set: KeySet,
  key: NewKey,
  place: string,
): { readonly text: string; readonly kids: readonly Kid[] } {
  if (insist(setText(set.members, set.otherMembers), place).some(({ kid }) => kid === key.kid)) {
    throw couldNot(`${place} already has a key with this kid; leave out --kid to use the thumbprint`);
  }
  const text = setText([privateJwk(key), ...set.members], set.otherMembers);
  return { text, kids: insist(text, place).map(({ kid }) => kid) };
}

/** A PEM file becomes a set too: its key has the name that it had, for PEM has no place for another. */
function jwkOfPem({ privateKey, kid, alg }: ImportedKey): object {
  if (privateKey === undefined) throw new Impossible("a PEM key was imported without its private half");
  return privateJwk({ privateKey, kid, alg });
}

function insist(text: string, place: string): readonly [ImportedKey, ...ImportedKey[]] {
  const outcome = importKeys(text);
  if (outcome.kind === "rejected")
    throw couldNot(...outcome.faults.map((fault) => `${place} ${importFaultWords(fault)}`));
  const [first, ...others] = outcome.keys;
  if (first === undefined) throw couldNot(`${place} holds no key; name the file of a key`);
  return [first, ...others];
}
