// Writes numbered rows into a SQLite file until it is asked to stop, and prints each one that was acknowledged. With "reopen" it opens
// the file again for each row, as commands do.
import { setTimeout as pause } from "node:timers/promises";
import { built } from "../support/built.mjs";

/** @type {typeof import("../../service/src/stores/sqlite/database.ts")} */
const { openSqlite } = await built("stores/sqlite/database");

const [path = "", name, milliseconds, reopen] = process.argv.slice(2);
const end = performance.now() + Number(milliseconds);
let database;
for (let number = 1; performance.now() < end; number += 1) {
  try {
    database ??= await openSqlite(path);
    await database.write((query) => query("INSERT INTO t VALUES ($1)", [`${name}-${String(number)}`]));
    process.stdout.write(`${name}-${String(number)}\n`);
    if (reopen === "reopen") {
      await database.close();
      database = undefined;
    }
  } catch {
    // Not acknowledged: it may be there or not.
    await pause(5);
  }
}
await database?.close();
