import { beforeEach, describe, expect, test } from "vitest";
import { readKeySet } from "../callers/foreign/read-key-set.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import type { Selector } from "../ledger/revocation/selector.ts";
import { callerId } from "../testing/callers.ts";
import { jti, kid, order, sender } from "../testing/contracts/revocations-contract.ts";
import { type MintedStatus, type StatusHouse, statusHouse, TTL_SECONDS } from "../testing/status-lists.ts";
import { readStatusList, type StatusList } from "./read-status-list.ts";
import type { StatusListView } from "./status-list-view.ts";
import { parseListId } from "./status-place.ts";

let house: StatusHouse;
beforeEach(async () => {
  house = await statusHouse();
});

/** The list of a token as a view serves it. */
async function served({ place, claim }: MintedStatus, view: StatusListView): Promise<StatusList> {
  const asked = await view.list(place.list);
  if (asked.kind !== "list") throw new Error(asked.kind);
  const set = readKeySet(JSON.stringify({ keys: view.jwks }), "sig");
  if (typeof set === "string") throw new Error(set);
  const expected = { keys: set.keys, uri: claim.status_list.uri, now: house.clock.now() };
  const read = await readStatusList(asked.list.token, expected);
  if (read.kind !== "list") throw new Error(read.fault);
  return read.list;
}

async function statuses(all: readonly MintedStatus[], view = house.view): Promise<readonly unknown[]> {
  await view.look();
  const found = [];
  for (const one of all) found.push((await served(one, view)).statusOf(one.place.idx));
  return found;
}

const stop = (selector: Selector): Promise<{ readonly epoch: number }> =>
  house.revocations.revoke(selector, order());
const [a, b] = [sender("agent://a"), sender("agent://b")];

describe("what is revoked is 1 in the list of its token, and nothing else is (N27a)", () => {
  test.each<[string, (minted: MintedStatus) => Selector]>([
    ["a token", ({ jti: one }) => ({ kind: "jti", jti: one })],
    ["a sender", () => ({ kind: "sender", sender: a })],
    ["a caller", () => ({ kind: "caller", caller: callerId("one") })],
    ["a run", () => ({ kind: "run", run: "r" })],
    ["a key", () => ({ kind: "kid", kid: kid("first") })],
    ["a tree", ({ jti: one }) => ({ kind: "root", jti: one })],
  ])("by %s", async (_, selector) => {
    const stopped = await house.mint({ sender: a, caller: callerId("one"), run: "r", kid: kid("first") });
    const { jti: one } = stopped;
    const under = await house.mint({ sender: b, kid: kid("second"), parent: one, root: one, depth: 1 });
    const beside = await house.mint({ sender: b, kid: kid("second") });
    expect(await statuses([stopped, under, beside])).toEqual([0, 0, 0]);
    await stop(selector(stopped));
    expect(await statuses([stopped, under, beside])).toEqual([1, 1, 0]);
    expect(await statuses([stopped, under, beside], house.replica())).toEqual([1, 1, 0]);
  });

  test("all tokens of a sender with more than fit on a page, and none that it got later", async () => {
    const all = await house.mintAll(Array.from({ length: 1_200 }, (_, at) => ({ sender: at % 2 ? a : b })));
    await stop({ kind: "sender", sender: a });
    house.move(2);
    const later = await house.mint({ sender: a });
    await house.view.look();
    const list = await served(later, house.view);
    const found = [...all, later].map(({ place, facts }) => [facts.sender, list.statusOf(place.idx)]);
    expect(found).toEqual([...all.map(({ facts }) => [facts.sender, facts.sender === a ? 1 : 0]), [a, 0]]);
  });
});

test("a revocation that is taken back is 0 again, and what another one stops stays 1", async () => {
  const [one, other, both] = [
    await house.mint({ run: "r" }),
    await house.mint(),
    await house.mint({ run: "r" }),
  ];
  const { epoch } = await stop({ kind: "run", run: "r" });
  await stop({ kind: "jti", jti: other.jti });
  await stop({ kind: "jti", jti: both.jti });
  expect(await statuses([one, other, both])).toEqual([1, 1, 1]);
  await house.revocations.undo(epoch, order());
  expect(await statuses([one, other, both])).toEqual([0, 1, 1]);
  await stop({ kind: "jti", jti: one.jti });
  expect(await statuses([one, other, both])).toEqual([1, 1, 1]);
});

test("an undo is in force although the store fails in the middle of it", async () => {
  const one = await house.mint();
  let fails = 0;
  const changes: typeof house.revocations.changes = (from) => {
    if (from.epoch === 0 && fails > 0) {
      fails -= 1;
      return Promise.reject(new StoreUnavailable("unreachable"));
    }
    return house.revocations.changes(from);
  };
  const view = house.replica({ revocations: { changes } });
  const { epoch } = await stop({ kind: "jti", jti: one.jti });
  expect(await statuses([one], view)).toEqual([1]);
  await house.revocations.undo(epoch, order());
  fails = 1;
  await expect(view.look()).rejects.toThrow(StoreUnavailable);
  expect(await statuses([one], view)).toEqual([0]);
});

test("a token without a status, and one that nobody minted, stop no other", async () => {
  const one = await house.mint();
  await stop({ kind: "jti", jti: jti("unknown") });
  expect(await statuses([one])).toEqual([0]);
});

test("a list is served while its tokens may be accepted, and then is not found", async () => {
  const { place } = await house.mint();
  await house.view.look();
  expect((await house.view.list(place.list)).kind).toBe("list");
  house.move(3_600 + 3_720 - 1);
  await house.view.look();
  expect((await house.view.list(place.list)).kind).toBe("list");
  house.move(2);
  await house.view.look();
  expect(await house.view.list(place.list)).toEqual({ kind: "unknown" });
  expect(house.view.uris()).toEqual([]);
});

test("a list that another replica began a moment ago is found", async () => {
  const view = house.replica();
  await view.look();
  const one = await house.mint();
  house.move(1);
  expect((await view.list(one.place.list)).kind).toBe("list");
});

test("nothing is served when the last look at the store is more than five seconds old, and all again after the next (R38)", async () => {
  const { place } = await house.mint();
  await house.view.look();
  house.move(5);
  expect((await house.view.list(place.list)).kind).toBe("list");
  house.move(1);
  expect(await house.view.list(place.list)).toEqual({ kind: "stale" });
  expect(house.view.uris()).toBeUndefined();
  await house.view.look();
  expect((await house.view.list(place.list)).kind).toBe("list");
  const unread = house.replica();
  expect(unread.jwks).toBeUndefined();
  expect(unread.uris()).toBeUndefined();
});

test("a list is made once for what it says: the same until a bit or its time changes, with one ETag at all replicas", async () => {
  const one = await house.mint();
  const replica = house.replica();
  const listAt = async (view: StatusListView) => {
    await view.look();
    const asked = await view.list(one.place.list);
    if (asked.kind !== "list") throw new Error(asked.kind);
    return asked.list;
  };
  const first = await listAt(house.view);
  expect(await listAt(house.view)).toBe(first);
  expect((await listAt(replica)).etag).toBe(first.etag);
  await stop({ kind: "jti", jti: one.jti });
  const second = await listAt(house.view);
  expect(second.etag).not.toBe(first.etag);
  expect((await listAt(replica)).etag).toBe(second.etag);
  house.move(TTL_SECONDS);
  expect((await listAt(house.view)).etag).not.toBe(second.etag);
});

test("a list that is kept for its ttl has not expired, whenever it was fetched", async () => {
  const one = await house.mint();
  for (let moved = 0; moved < TTL_SECONDS * 2; moved += 1) {
    await house.view.look();
    const { iat, exp, ttlSeconds } = await served(one, house.view);
    expect(ttlSeconds).toBe(TTL_SECONDS);
    expect(iat).toBeGreaterThan(house.clock.now() - TTL_SECONDS);
    expect(exp).toBeGreaterThan(house.clock.now() + TTL_SECONDS);
    house.move(1);
  }
});

test("after the key was replaced, a list is signed with the new one, and the old one still verifies", async () => {
  const one = await house.mint();
  await statuses([one]);
  const [before] = house.view.jwks ?? [];
  house.move(1);
  const rotated = await house.keys.lists.rotate();
  expect(await statuses([one])).toEqual([0]);
  expect(house.view.jwks?.map((key) => key.kid)).toEqual([rotated, before?.kid]);
  const asked = await house.view.list(one.place.list);
  if (asked.kind !== "list") throw new Error(asked.kind);
  const header = Buffer.from(asked.list.token.split(".", 1)[0] ?? "", "base64url").toString();
  expect(JSON.parse(header)).toEqual({ alg: "ES256", kid: rotated, typ: "statuslist+jwt" });
});

test("the name of a list is ten hexadecimal digits, and nothing else is one", () => {
  expect(parseListId("0123456789")).toBe("0123456789");
  for (const text of ["", "012345678", "0123456789a", "012345678G", "ABCDEF0123", "../../etc1"])
    expect(parseListId(text)).toBeUndefined();
});

test.each([
  ["a replica that knew it", (view: StatusListView) => view],
  ["one that started meanwhile", () => house.replica()],
])("a clock that was ahead and is set back makes no revoked token valid, at %s", async (_, replica) => {
  const one = await house.mint();
  await stop({ kind: "jti", jti: one.jti });
  expect(await statuses([one])).toEqual([1]);
  house.move(20_000);
  const view = replica(house.view);
  await view.look();
  expect((await view.list(one.place.list)).kind).toBe("unknown");
  house.move(-20_000);
  expect((await view.list(one.place.list)).kind).not.toBe("list");
  expect(await statuses([one], view)).toEqual([1]);
});

test("a machine that slept serves no list as one of now before it has looked again", async () => {
  const one = await house.mint();
  const view = house.replica({ stopwatch: { elapsed: () => 0 } });
  await view.look();
  house.move(600);
  expect((await view.list(one.place.list)).kind).toBe("stale");
  await view.look();
  expect((await view.list(one.place.list)).kind).toBe("list");
});
