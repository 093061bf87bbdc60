import type { Parameter, Query } from "./database.ts";

/** Inserts rows `into` a table, named with its columns, by one statement: one round trip to each engine. At most 30,000 values together. `conflict`: what becomes of a row that is there already. */
export async function insertRows(
  query: Query,
  into: string,
  rows: readonly (readonly Parameter[])[],
  conflict = "",
): Promise<void> {
  if (rows.length === 0) return;
  let parameter = 0;
  const slots = rows.map((row) => `(${row.map(() => `$${String(++parameter)}`).join(", ")})`);
  await query(`INSERT INTO ${into} VALUES ${slots.join(", ")} ${conflict}`, rows.flat());
}
