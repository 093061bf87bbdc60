import { StoreUnavailable, StoreUnusable } from "../kernel/store-faults.ts";
import type { PostgresLocation } from "../kernel/store-location.ts";
import { openAdapter } from "../stores/open.ts";
import { storeFaultWords } from "./words/store-fault-words.ts";

/** A PostgreSQL store, as it answers. */
export interface DatabaseFacts {
  readonly location: PostgresLocation;
  readonly answer:
    | { readonly kind: "used"; readonly acceptsWrites: boolean }
    | { readonly kind: "fault"; readonly fault: string; readonly fix: string | undefined };
}

/** Connects as the service would, and writes nothing. Rejects only for bugs. */
export async function lookAtDatabase(location: PostgresLocation): Promise<DatabaseFacts> {
  try {
    const database = await openAdapter(location);
    const rows = await database
      .write((query) => query("SHOW transaction_read_only"))
      .finally(() => database.close());
    return { location, answer: { kind: "used", acceptsWrites: !JSON.stringify(rows).includes('"on"') } };
  } catch (thrown) {
    if (!(thrown instanceof StoreUnusable || thrown instanceof StoreUnavailable)) throw thrown;
    const { message: fault, fix } = storeFaultWords(thrown);
    return { location, answer: { kind: "fault", fault, fix } };
  }
}
