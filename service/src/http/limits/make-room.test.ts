import fc from "fast-check";
import { expect, test } from "vitest";
import { connectionsToClose, type Waiting } from "./make-room.ts";

const waiting = (connection: string, address: string | undefined, activeAt: number): Waiting<string> => ({
  connection,
  address,
  activeAt,
});

test("an address makes room by its own connections while it has more than any other, the longest unused first", () => {
  const all = [
    waiting("honest", "b", 1),
    waiting("first", "a", 2),
    waiting("third", "a", 9),
    waiting("second", "a", 5),
  ];
  expect(connectionsToClose(all, 2)).toEqual(["first", "second"]);
});

test("of addresses that have as many, the one whose connection was unused for the longest makes room", () => {
  const all = [waiting("new", "a", 7), waiting("old", "b", 3), waiting("newest", "c", 8)];
  expect(connectionsToClose(all, 2)).toEqual(["old", "new"]);
});

test("the connections of a proxy count as those of as many clients", () => {
  const all = [
    waiting("proxied", undefined, 1),
    waiting("proxied too", undefined, 2),
    waiting("proxied as well", undefined, 3),
    waiting("first", "a", 4),
    waiting("second", "a", 5),
  ];
  expect(connectionsToClose(all, 2)).toEqual(["first", "proxied"]);
});

test("no more are closed than there are", () => {
  expect(connectionsToClose([waiting("only", "a", 1)], 3)).toEqual(["only"]);
  expect(connectionsToClose([], 3)).toEqual([]);
});

test("after it no address has more than one above an address that lost a connection", () => {
  const addresses = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 40 });
  fc.assert(
    fc.property(addresses, fc.nat(50), (from, count) => {
      const all = from.map((address, index) => waiting(String(index), address, index));
      const closed = new Set(connectionsToClose(all, count));
      expect(closed.size).toBe(Math.min(count, all.length));
      const losers = new Set(
        all.filter(({ connection }) => closed.has(connection)).map(({ address }) => address),
      );
      const left = (of: string | undefined) =>
        all.filter(({ connection, address }) => address === of && !closed.has(connection)).length;
      const most = Math.max(0, ...from.map(left));
      for (const loser of losers) expect(most).toBeLessThanOrEqual(left(loser) + 1);
    }),
  );
});
