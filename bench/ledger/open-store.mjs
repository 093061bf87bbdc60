// The database of a store URL, with its tables, through the service's own adapters.
export const built = (/** @type {string} */ path) =>
  new URL(`../../service/dist/${path}`, import.meta.url).href;
/** @type {typeof import("../../service/src/config/store-url.ts")} */
const { parseStoreUrl } = await import(built("config/store-url.js"));
/** @type {typeof import("../../service/src/stores/open.ts")} */
const { openAdapter } = await import(built("stores/open.js"));
/** @type {typeof import("../../service/src/stores/sql/migrate.ts")} */
const { migrate } = await import(built("stores/sql/migrate.js"));

/** @param {string} url */
export async function openStore(url) {
  const place = parseStoreUrl(url);
  if (place.kind !== "sqlite" && place.kind !== "postgres") throw new Error("sqlite:PATH or postgres://…");
  const database = await openAdapter(place);
  await migrate(database);
  return {
    kind: place.kind,
    path: place.kind === "sqlite" ? place.path : "",
    database,
    close: () => database.close(),
  };
}
