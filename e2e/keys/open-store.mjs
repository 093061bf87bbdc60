import { built } from "../support/built.mjs";

/** @type {typeof import("../../service/src/config/store-url.ts")} */
const { parseStoreUrl } = await built("config/store-url");
/** @type {typeof import("../../service/src/kernel/clock.ts")} */
const { systemClock } = await built("kernel/clock");
/** @type {typeof import("../../service/src/kernel/ids.ts")} */
const { DEFAULT_KEY_SET } = await built("kernel/ids");
/** @type {typeof import("../../service/src/kernel/random.ts")} */
const { systemRandom } = await built("kernel/random");
/** @type {typeof import("../../service/src/keys/custody/sealer.ts")} */
const { sealerOf } = await built("keys/custody/sealer");
/** @type {typeof import("../../service/src/stores/key-store.ts")} */
const { keyStore } = await built("stores/key-store");
/** @type {typeof import("../../service/src/stores/open.ts")} */
const { openDatabase } = await built("stores/open");

/**
 * The key store at a URL, opened by the built service with a key-encryption key of 32 bytes in hex, and that key's sealer.
 * @param {string} url
 * @param {string} kek
 */
export async function openStore(url, kek) {
  const location = parseStoreUrl(url);
  if (location.kind === "fault") throw new Error(location.fault);
  const sealer = sealerOf([Buffer.from(kek, "hex")], systemRandom());
  const database = await openDatabase(location);
  const store = keyStore(database, { keySet: DEFAULT_KEY_SET, sealer, clock: systemClock });
  return { sealer, store, close: () => database.close() };
}
