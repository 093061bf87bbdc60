import { built } from "../support/built.mjs";

/** @type {typeof import("../../service/src/config/store-url.ts")} */
const { parseStoreUrl } = await built("config/store-url");
/** @type {typeof import("../../service/src/kernel/clock.ts")} */
const { systemClock } = await built("kernel/clock");
/** @type {typeof import("../../service/src/kernel/ids.ts")} */
const { DEFAULT_KEY_SET } = await built("kernel/ids");
/** @type {typeof import("../../service/src/keys/custody/key-encryption-keys.ts")} */
const { keksOf } = await built("keys/custody/key-encryption-keys");
/** @type {typeof import("../../service/src/keys/custody/local.ts")} */
const { localCustody } = await built("keys/custody/local");
/** @type {typeof import("../../service/src/stores/key-store.ts")} */
const { keyStore } = await built("stores/key-store");
/** @type {typeof import("../../service/src/stores/sql/row-tags.ts")} */
const { rowTags } = await built("stores/sql/row-tags");
/** @type {typeof import("../../service/src/stores/open.ts")} */
const { openDatabase } = await built("stores/open");

/**
 * The key store at a URL, opened by the built service with a key-encryption key of 32 bytes in hex, and the custody under that key.
 * @param {string} url
 * @param {string} kek
 */
export async function openStore(url, kek) {
  const location = parseStoreUrl(url);
  if (location.kind === "fault") throw new Error(location.fault);
  const [keks, keySet] = [keksOf([Buffer.from(kek, "hex")]), DEFAULT_KEY_SET];
  const database = await openDatabase(location);
  const store = keyStore(database, { keySet, tags: rowTags(keks), clock: systemClock });
  return { custody: localCustody({ keks, keySet }), store, close: () => database.close() };
}
