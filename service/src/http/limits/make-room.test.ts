import fc from "fast-check";
import { expect, test } from "vitest";
import { connectionsToClose, type Waiting } from "./make-room.ts";

const silent = (connection: string, address: string | undefined, activeAt: number): Waiting<string> => ({
  connection,
  address,
  activeAt,
  hasAsked: false,
});
const used = (connection: string, address: string | undefined, activeAt: number): Waiting<string> => ({
  ...silent(connection, address, activeAt),
  hasAsked: true,
});
/** Others, which were used last, so that all of a test's own may be closed. */
const USED_LAST = Array.from({ length: 6 }, (_, index) => used("of the other half", undefined, 100 + index));

test("an address makes room by its own connections while it has more than any other, the longest unused first", () => {
  const all = [used("honest", "b", 1), used("first", "a", 2), used("third", "a", 9), used("second", "a", 5)];
  expect(connectionsToClose([...all, ...USED_LAST], 2)).toEqual(["first", "second"]);
});

test("of addresses that have as many, the one whose connection was unused for the longest makes room", () => {
  const all = [used("new", "a", 7), used("old", "b", 3), used("newest", "c", 8)];
  expect(connectionsToClose([...all, ...USED_LAST], 2)).toEqual(["old", "new"]);
});

test("connections that never asked for anything make room first, if another address has more", () => {
  const all = [used("first", "a", 1), used("second", "a", 2), silent("silent", "b", 3)];
  expect(connectionsToClose([...all, ...USED_LAST], 2)).toEqual(["silent", "first"]);
});

test("connections that were just opened or used are kept, if their address has the most too", () => {
  const all = [
    used("old", "a", 1),
    used("old too", "b", 2),
    silent("new", "busy", 3),
    used("in use", "busy", 4),
  ];
  expect(connectionsToClose(all, 4)).toEqual(["old", "old too"]);
});

test("the connections of a proxy count as those of as many clients", () => {
  const all = [
    used("proxied", undefined, 1),
    used("proxied too", undefined, 2),
    used("first", "a", 3),
    used("second", "a", 4),
  ];
  expect(connectionsToClose([...all, ...USED_LAST], 2)).toEqual(["first", "proxied"]);
});

test("one that waits alone makes room, and where none waits there is none", () => {
  expect(connectionsToClose([silent("only", "a", 1)], 3)).toEqual(["only"]);
  expect(connectionsToClose([], 3)).toEqual([]);
});

test("as many as asked for are closed, at most half, and none of the half that was used last", () => {
  const address = fc.constantFrom("a", "b", "c", undefined);
  const connections = fc.array(fc.tuple(address, fc.boolean()), { maxLength: 40 });
  fc.assert(
    fc.property(connections, fc.nat(50), (ones, count) => {
      const all = ones.map(([from, hasAsked], index) => ({
        ...silent(String(index), from, index),
        hasAsked,
      }));
      const half = Math.ceil(all.length / 2);
      const closed = connectionsToClose(all, count);
      expect(new Set(closed).size).toBe(Math.min(count, half));
      for (const connection of closed) expect(Number(connection)).toBeLessThan(half);
    }),
  );
});
