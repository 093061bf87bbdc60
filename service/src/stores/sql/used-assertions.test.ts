import { expect, test } from "vitest";
import { after, epochSeconds } from "../../kernel/clock.ts";
import { callerId } from "../../testing/callers.ts";
import { describeUsedAssertions } from "../../testing/contracts/used-assertions-contract.ts";
import { onEachEngine, openTwice } from "../../testing/each-engine.ts";
import { storeAt } from "../../testing/store-places.ts";
import { openAdapter } from "../open.ts";
import { sqlUsedAssertions } from "./used-assertions.ts";

const ci = callerId("ci");
/** How many are inserted between two sweeps. */
const A_SWEEP = 100;

onEachEngine((name, makePlace) => {
  describeUsedAssertions(name, async () => {
    const {
      databases: [one, other],
      close,
    } = await openTwice(makePlace);
    return {
      replicas: [sqlUsedAssertions(one), sqlUsedAssertions(other)],
      now: epochSeconds(Math.floor(Date.now() / 1_000)),
      close,
    };
  });

  test(`${name}: what has ended for ten minutes is removed as fast as more comes, and what may still be sent again stays`, async () => {
    const { place, databases, close } = await openTwice(makePlace);
    const used = sqlUsedAssertions(databases[0]);
    const now = epochSeconds(Math.floor(Date.now() / 1_000));
    const ended = after(now, -660);
    const justEnded = after(now, -300);
    const until = after(now, 300);
    const count = async () =>
      Number(
        ((await place.sql("SELECT count(*) AS rows FROM used_assertions")) as { rows: unknown }[])[0]?.rows,
      );

    for (let index = 0; index < A_SWEEP - 3; index += 1) await used.insert(ci, `old-${String(index)}`, ended);
    expect(await used.insert(ci, "just ended", justEnded)).toBe("fresh");
    expect(await used.insert(ci, "valid", until)).toBe("fresh");
    expect(await count()).toBe(A_SWEEP - 1);
    expect(await used.insert(ci, "the one that sweeps", until)).toBe("fresh");
    for (let tries = 0; (await count()) > 3 && tries < 200; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 25));
    expect(await count()).toBe(3);
    expect(await used.insert(ci, "just ended", until)).toBe("replayed");
    expect(await used.insert(ci, "valid", until)).toBe("replayed");

    await close();
  });

  test(`${name}: what was used stays used when the process ends`, async () => {
    const { place, databases } = await openTwice(makePlace);
    const until = epochSeconds(Math.floor(Date.now() / 1_000) + 300);
    expect(await sqlUsedAssertions(databases[0]).insert(ci, "a-1", until)).toBe("fresh");
    for (const database of databases) await database.close();
    const again = await openAdapter(storeAt(place.url));
    expect(await sqlUsedAssertions(again).insert(ci, "a-1", until)).toBe("replayed");
    await again.close();
    await place.remove();
  });

  test(`${name}: no text of a stranger is stored, only its digest`, async () => {
    const { place, databases, close } = await openTwice(makePlace);
    await sqlUsedAssertions(databases[0]).insert(
      ci,
      "'; DROP TABLE used_assertions; --",
      epochSeconds(9_999_999_999),
    );
    const rows = (await place.sql("SELECT id FROM used_assertions")) as { id: string }[];
    expect(rows).toEqual([{ id: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string }]);
    await close();
  });
});
