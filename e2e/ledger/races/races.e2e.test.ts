import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  mayLeavePostgresOut,
  postgresPlace,
  type StoredPlace,
  sqlitePlace,
} from "../../../service/src/testing/store-places.ts";
import { type RacedToken, Racer } from "./racers.ts";

const RACERS = 8;
/** `MACP_REVOCATION_RACES=200`: the long proof. */
const ROUNDS = Number(process.env["MACP_REVOCATION_RACES"] || 1);
const MINUTES = 60_000;
const DOORS = ["jti", "root", "run", "sender", "caller"] as const;

describe.each([
  ["PostgreSQL", postgresPlace],
  ["SQLite", sqlitePlace],
] as const)(`${String(RACERS)} processes that share %s`, (name, makePlace) => {
  if (name === "PostgreSQL" && mayLeavePostgresOut()) {
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
    return;
  }
  let place: StoredPlace;
  let racers: readonly Racer[];

  beforeAll(async () => {
    place = await makePlace();
    // The first one makes the tables.
    const first = await Racer.start(place.url);
    const others = Array.from({ length: RACERS - 1 }, () => Racer.start(place.url));
    racers = [first, ...(await Promise.all(others))];
  }, 2 * MINUTES);
  afterAll(async () => {
    await Promise.all(racers.map((racer) => racer.end()));
    await place.remove();
  });

  const racerOf = (number: number): Racer => racers[number % RACERS] as Racer;
  /** What each process calls live, once it has looked. */
  const livePerProcess = (tokens: readonly RacedToken[]): Promise<readonly (readonly RacedToken[])[]> =>
    Promise.all(racers.map((racer) => racer.live(tokens)));

  test.each(DOORS)(
    "no child of a parent that one of them stops by its %s lives, while the others mint under it (N25)",
    { timeout: 10 * MINUTES },
    async (door) => {
      let left = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const names = { sender: `agent://${door}/${String(round)}`, caller: `c-${door}-${String(round)}` };
        const run = `r-${door}-${String(round)}`;
        const parent = await racerOf(round).mint({ ...names, run });
        const named = { ...names, run, jti: parent.jti, root: parent.jti };
        const selector = { kind: door, [door === "root" ? "jti" : door]: named[door] };
        let begun = 0;
        const minting = racers
          .slice(1)
          .map((racer) => racer.race({ parent, caller: "another", run }, () => (begun += 1)));
        await expect.poll(() => begun, { timeout: MINUTES, interval: 1 }).toBeGreaterThan(RACERS / 2);
        await sleep(Math.random() * 30);
        const answer = await racerOf(0).revoke(selector);
        const children = (await Promise.all(minting)).flat();
        left += children.length;
        expect(answer).toMatchObject({ kind: "revoked" });
        // Its own row, and each child whose row was there; one that came later did not leave.
        expect(answer.tokens).toBeGreaterThan(children.length);
        expect(await livePerProcess([parent, ...children])).toEqual(racers.map(() => []));
      }
      console.log(`${name}, ${door}: ${String(ROUNDS)} rounds, ${String(left)} children had left`);
    },
  );

  test("stop one run at once: each answer counts the same, and one of them stands and is undone once (N24)", {
    timeout: 10 * MINUTES,
  }, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const run = `once-${String(round)}`;
      const minting = racers.map((racer, number) =>
        racer.mint({ sender: `agent://${String(number % 3)}`, caller: "ci", run }),
      );
      const tokens = await Promise.all(minting);
      expect(await livePerProcess(tokens)).toEqual(racers.map(() => tokens));

      const answers = await Promise.all(racers.map((racer) => racer.revoke({ kind: "run", run })));
      const first = Math.min(...answers.map(({ epoch }) => epoch));
      expect(answers.map(({ epoch }) => epoch).toSorted((one, other) => one - other)).toEqual(
        racers.map((_racer, number) => first + number),
      );
      for (const answer of answers)
        expect(answer).toMatchObject({ kind: "revoked", tokens: RACERS, agents: 3 });
      expect(await livePerProcess(tokens)).toEqual(racers.map(() => []));

      const last = first + RACERS - 1;
      const undone = await Promise.all(racers.map((racer) => racer.undo(last)));
      expect(undone.map(({ kind }) => kind).toSorted()).toEqual([
        "undone",
        ...racers.slice(1).map(() => "unknown"),
      ]);
      expect(await livePerProcess(tokens)).toEqual(racers.map(() => tokens));
    }
  });
});
