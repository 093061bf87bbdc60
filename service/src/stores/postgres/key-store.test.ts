import { test } from "vitest";
import { wideTypesPlace } from "../../testing/postgres-server.ts";
import { mayLeavePostgresOut, postgresPlace } from "../../testing/store-places.ts";
import { storedKeysContract } from "../../testing/stored-keys-contract.ts";

if (mayLeavePostgresOut())
  test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
else {
  storedKeysContract("PostgreSQL", postgresPlace);
  storedKeysContract("PostgreSQL, with INT8 for INTEGER and every value as text", wideTypesPlace);
}
