/** The tables of the signed notes. */
export const NOTE_TABLES: readonly string[] = [
  // The keys that sign notes. `sealed`: the private key of the one that signs, and the public key of those that did.
  `CREATE TABLE ledger_note_keys (
         note_key TEXT NOT NULL PRIMARY KEY,
         signing INTEGER NOT NULL CHECK (signing IN (0, 1)),
         sealed TEXT NOT NULL,
         made_at_ms BIGINT NOT NULL
       )`,
  "CREATE UNIQUE INDEX ledger_note_keys_signing ON ledger_note_keys (signing) WHERE signing = 1",
  // Signed notes with the ends of all chains.
  `CREATE TABLE ledger_notes (
         number BIGINT NOT NULL PRIMARY KEY,
         at_ms BIGINT NOT NULL,
         note TEXT NOT NULL
       )`,
  // The last entry of each chain that was removed for its age, so that the rest of the chain still begins somewhere.
  `CREATE TABLE ledger_pruned (
         chain TEXT NOT NULL PRIMARY KEY,
         seq BIGINT NOT NULL,
         hash TEXT NOT NULL,
         at_ms BIGINT NOT NULL
       )`,
];
