// Rotates without a pause until it is killed, run by key-kill-sweep.e2e.test.ts: every round retires, activates and publishes.
import { parseStoreUrl } from "../../service/dist/config/store-url.js";
import { systemClock } from "../../service/dist/kernel/clock.js";
import { systemRandom } from "../../service/dist/kernel/random.js";
import { sealerOf } from "../../service/dist/keys/custody/sealer.js";
import { rotate } from "../../service/dist/keys/managed/rotate.js";
import { keyStore } from "../../service/dist/stores/key-store.js";
import { openDatabase } from "../../service/dist/stores/open.js";

const [url, kek, rules] = [process.argv[2], Buffer.from(process.argv[3], "hex"), JSON.parse(process.argv[4])];
const sealer = sealerOf([kek], systemRandom());
const database = await openDatabase(parseStoreUrl(url));
const store = keyStore(database, { sealer, clock: systemClock });
for (let round = 0; round < Number(process.argv[5]); round += 1) {
  const { changes } = await rotate({ store, sealer, rules });
  // What was acknowledged before the kill must be there after it.
  const { version } = await store.load();
  process.stdout.write(
    `${JSON.stringify({ version, active: changes.findLast((change) => change.kind === "activate")?.kid })}\n`,
  );
}
await database.close();
