import { z } from "zod";
import { epochMs } from "../../../kernel/clock.ts";
import { parseKid } from "../../../kernel/ids.ts";
import type { Purpose, PurposeKeyStore } from "../../../keys/purposes/purpose-key-store.ts";
import { type Database, parseRows, Whole } from "../database.ts";
import { read } from "../read-text.ts";
import { CONFLICT, tryWrite } from "../try-write.ts";

const KEYS = "purpose_keys";

const KeyRow = z.object({
  kid: read(parseKid),
  signing: Whole,
  sealed: z.string(),
  madeAt: Whole.transform(epochMs),
});

/** The keys of a purpose in a database. Only one of them signs, so each race is decided by an insert. */
export function sqlPurposeKeys(database: Database, purpose: Purpose): PurposeKeyStore {
  return {
    keys: () =>
      database.read(async (query) => {
        const rows = await query(
          `SELECT kid, signing, sealed, made_at_ms AS "madeAt" FROM ${KEYS} WHERE purpose = $1 ORDER BY made_at_ms DESC, kid`,
          [purpose],
        );
        return parseRows(KeyRow, KEYS, rows).map(({ signing, ...key }) => ({
          ...key,
          isSigning: signing === 1,
        }));
      }),

    async replaceKey({ retired, made }) {
      const written = await tryWrite(database, KEYS, async (query) => {
        if (retired !== undefined) {
          const moved = await query(
            `UPDATE ${KEYS} SET signing = 0, sealed = $1 WHERE purpose = $2 AND kid = $3 AND signing = 1 RETURNING kid`,
            [retired.sealed, purpose, retired.kid],
          );
          if (moved.length === 0) return "taken";
        }
        await query(
          `INSERT INTO ${KEYS} (purpose, kid, signing, sealed, made_at_ms) VALUES ($1, $2, 1, $3, $4)`,
          [purpose, made.kid, made.sealed, made.madeAt],
        );
        return "replaced";
      });
      return written === CONFLICT ? "taken" : written;
    },

    reseal: (kid, before, sealed) =>
      database.write(async (query) => {
        await query(`UPDATE ${KEYS} SET sealed = $1 WHERE purpose = $2 AND kid = $3 AND sealed = $4`, [
          sealed,
          purpose,
          kid,
          before,
        ]);
      }),
  };
}
