import { z } from "zod";
import { fromAscii, toAscii } from "../../kernel/ascii.ts";
import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import type { KeySetName } from "../../kernel/ids.ts";
import { ALGORITHMS } from "../../keys/algorithm.ts";
import type { Replica } from "../../keys/managed/key-store.ts";
import { GATES, type RotationSettings } from "../../keys/managed/plan/rotation-rules.ts";
import { SECONDS_MAX } from "../../keys/timing.ts";
import { isForgotten } from "../replica-life.ts";
import { parseRows, type Query, Whole } from "./database.ts";

/** As far as the settings themselves go: the row has no tag, and a key that is activated by it must be one that can be read. */
const Seconds = z.int().nonnegative().max(SECONDS_MAX);
/** What a replica runs with, as JSON. Members that a later version may add are left out; those of this one must all be there. */
const Settings: z.ZodType<RotationSettings> = z.object({
  periodSeconds: Seconds,
  leadSeconds: Seconds,
  timing: z.object({
    maxTtlSeconds: Seconds,
    jwksMaxAgeSeconds: Seconds,
    verifierTtlSeconds: Seconds,
    verifierGraceSeconds: Seconds,
    replicaLagSeconds: Seconds,
    fetchSeconds: Seconds,
    clockSkewSeconds: Seconds,
    expLeewaySeconds: Seconds,
    verifierClockSeconds: Seconds,
  }),
  gate: z.enum(GATES),
});

const SettingsText = z.string().transform((text, context): RotationSettings => {
  const read = Settings.safeParse(jsonOf(text));
  if (read.success) return read.data;
  context.addIssue("unknown_settings");
  return z.NEVER;
});

const ReplicaRow = z.object({
  id: z.string().transform(fromAscii),
  alg: z.enum(ALGORITHMS),
  version: Whole,
  settings: SettingsText,
  seenAt: Whole.transform(epochSeconds),
});

/** The known replicas. Throws `StoreCorrupt` for a row that no replica wrote. */
export async function replicas(query: Query, keySet: KeySetName): Promise<readonly Replica[]> {
  const rows = await query(
    'SELECT id, alg, version, settings, seen_at AS "seenAt" FROM replicas WHERE key_set = $1 ORDER BY id',
    [keySet],
  );
  return parseRows(ReplicaRow, "replicas", rows);
}

/** Writes a replica's row, and forgets those of `known` that have ended long ago. */
export async function writeReplica(
  query: Query,
  keySet: KeySetName,
  { id, alg, version, settings }: Omit<Replica, "seenAt">,
  { replicas: known, now }: { readonly replicas: readonly Replica[]; readonly now: EpochSeconds },
): Promise<void> {
  const ended = known.filter((one) => isForgotten(one, now));
  const deletes = ended.map((one) =>
    query("DELETE FROM replicas WHERE key_set = $1 AND id = $2", [keySet, toAscii(one.id)]),
  );
  // The count makes every beat differ from the one before: SQLite does not write a row that stays as it is.
  const write = query(
    `INSERT INTO replicas (key_set, id, alg, version, settings, seen_at, beats) VALUES ($1, $2, $3, $4, $5, $6, 1)
     ON CONFLICT (key_set, id) DO UPDATE SET alg = excluded.alg, version = excluded.version,
       settings = excluded.settings, seen_at = excluded.seen_at, beats = replicas.beats + 1`,
    [keySet, toAscii(id), alg, version, JSON.stringify(settings), now],
  );
  await Promise.all([...deletes, write]);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
