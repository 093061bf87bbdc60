/** The keys that sign what is no access token. `sealed`: the private key of the one that signs, and the public key of those that did. */
export const PURPOSE_KEY_TABLES: readonly string[] = [
  `CREATE TABLE purpose_keys (
         purpose TEXT NOT NULL,
         kid TEXT NOT NULL,
         signing INTEGER NOT NULL CHECK (signing IN (0, 1)),
         sealed TEXT NOT NULL,
         made_at_ms BIGINT NOT NULL,
         PRIMARY KEY (purpose, kid)
       )`,
  "CREATE UNIQUE INDEX purpose_keys_signing ON purpose_keys (purpose) WHERE signing = 1",
];
