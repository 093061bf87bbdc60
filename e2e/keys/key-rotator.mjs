// Rotates without a pause until it is killed, run by key-kill-sweep.e2e.test.ts: every round retires, activates and publishes.
import { built } from "../support/built.mjs";
import { openStore } from "./open-store.mjs";

/** @type {typeof import("../../service/src/keys/managed/rotate.ts")} */
const { rotate } = await built("keys/managed/rotate");

const [url = "", kek = "", rules = "", rounds] = process.argv.slice(2);
const { store, custody, close } = await openStore(url, kek);
for (let round = 0; round < Number(rounds); round += 1) {
  const { changes } = await rotate({ store, custody, rules: JSON.parse(rules) });
  // What was acknowledged before the kill must be there after it.
  const { version } = await store.load();
  process.stdout.write(
    `${JSON.stringify({ version, active: changes.findLast((change) => change.kind === "activate")?.kid })}\n`,
  );
}
await close();
