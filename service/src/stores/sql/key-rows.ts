import { z } from "zod";
import { asciiJson, toAscii } from "../../kernel/ascii.ts";
import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import type { KeySetName } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { ALGORITHMS } from "../../keys/algorithm.ts";
import { isSigning, type ManagedKey } from "../../keys/managed/managed-key.ts";
import { KidText, PublicJwk } from "../../keys/public-jwk.ts";
import { Whole } from "./database.ts";
import type { RowTags } from "./row-tags.ts";

/**
 * A row of `signing_keys`, in printable ASCII. `body` is the key as JSON; the other columns repeat what the database needs.
 */
export type KeyRow = z.infer<typeof KeyRow>;
export const KeyRow = z.object({
  keySet: z.string(),
  kid: z.string(),
  alg: z.string(),
  active: Whole,
  body: z.string(),
  tag: z.string(),
});

const Moment = z.int().nonnegative().transform(epochSeconds);
const MomentOrNever = z
  .int()
  .nonnegative()
  .optional()
  .transform((seconds): EpochSeconds | undefined =>
    seconds === undefined ? undefined : epochSeconds(seconds),
  );

const Body = z.strictObject({
  kid: KidText,
  alg: z.enum(ALGORITHMS),
  publicJwk: PublicJwk,
  publishedFrom: Moment,
  publishedVersion: z.int(),
  pausedSeconds: z.int(),
  signingFrom: MomentOrNever,
  retiringFrom: MomentOrNever,
  taintedFrom: MomentOrNever,
  revokedFrom: MomentOrNever,
  retiredFrom: MomentOrNever,
  reason: z
    .string()
    .optional()
    .transform((text): string | undefined => text),
  notAfter: MomentOrNever,
  maxTtlSeconds: z.int(),
  maxExp: Moment,
  sealed: z
    .string()
    .optional()
    .transform((text): string | undefined => text),
});

/** A version of a key set. */
interface NamedVersion {
  readonly keySet: KeySetName;
  readonly version: number;
}

/** The row of a key, under the first key-encryption key. */
export function rowOf(tags: RowTags, keySet: KeySetName, key: ManagedKey): KeyRow {
  const body = asciiJson(JSON.stringify(key));
  const row = { keySet, kid: toAscii(key.kid), alg: key.alg, active: isSigning(key) ? 1 : 0, body };
  return { ...row, tag: tags.tag(rowText(row)) };
}

/** The tag of a whole set: it does not verify when a row is missing, added or replaced by an older version. */
export function setTagOf(tags: RowTags, set: NamedVersion, rows: readonly KeyRow[]): string {
  return tags.tag(setText(set, rows));
}

/** The keys of a set. Throws `StoreCorrupt` when any byte of any row, or the set as a whole, is not as it was written. */
export function keysOf(
  tags: RowTags,
  set: NamedVersion & { readonly tag: string },
  rows: readonly KeyRow[],
): readonly ManagedKey[] {
  const keys = rows.map((row) => keyOf(tags, row));
  // A new store has no set to tag yet. A store that was emptied to look new is detected by its version.
  const isNew = set.version === 0 && set.tag === "" && rows.length === 0;
  if (!isNew && !tags.verify(setText(set, rows), set.tag)) {
    throw new StoreCorrupt({ what: "set_altered", table: "key_sets" });
  }
  return keys;
}

function keyOf(tags: RowTags, row: KeyRow): ManagedKey {
  const key = tags.verify(rowText(row), row.tag) ? Body.safeParse(JSON.parse(row.body)).data : undefined;
  if (key === undefined) {
    throw new StoreCorrupt({ what: "row_altered", table: "signing_keys", kid: row.kid });
  }
  return key;
}

/** What a row's tag is over: every column, and the table's name. */
function rowText({ keySet, kid, alg, active, body }: Omit<KeyRow, "tag">): string {
  return JSON.stringify(["macp-auth signing_keys", 1, keySet, kid, alg, active, body]);
}

function setText({ keySet, version }: NamedVersion, rows: readonly KeyRow[]): string {
  const tags = rows
    .map((row) => [row.kid, row.tag] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify(["macp-auth key_sets", 1, keySet, version, tags]);
}
