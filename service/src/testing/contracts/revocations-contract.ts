import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { after, type EpochSeconds, systemClock } from "../../kernel/clock.ts";
import type { Jti, Kid, Sender } from "../../kernel/ids.ts";
import { systemRandom } from "../../kernel/random.ts";
import { type ChainHead, type ChainName, newChainName } from "../../ledger/chain.ts";
import type { MintFacts } from "../../ledger/entry.ts";
import type { LedgerStore } from "../../ledger/ledger-store.ts";
import {
  NEVER,
  newRevocationId,
  PUT_BACK,
  type RevocationOrder,
  type RevocationStore,
  type RevokedToken,
} from "../../ledger/revocation/revocation-store.ts";
import type { Selector } from "../../ledger/revocation/selector.ts";
import { callerId } from "../callers.ts";
import { batchAfter, headAfter, mintEntry } from "../ledger-entries.ts";

/** A place where tokens are recorded and revoked, empty. `lifeSecondsMax` of its revocations: 3,600. */
export interface RevocationsPlace {
  readonly ledger: LedgerStore;
  readonly store: RevocationStore;
  /** Another replica's. */
  readonly other: RevocationStore;
  close(): Promise<void>;
}

export const LIFE_SECONDS_MAX = 3_600;
const LEEWAY = 120;
const random = systemRandom();

/** The id of a token, from a short name. */
export function jti(name: string): Jti {
  return name.padEnd(21, "_").concat("A") as Jti;
}

export function sender(text: string): Sender {
  return text as Sender;
}

export function kid(text: string): Kid {
  return text as Kid;
}

/** An order of an operator. */
export function order(reason = "leaked"): RevocationOrder {
  return { id: newRevocationId(random), by: "ops", reason };
}

/** What every adapter of `RevocationStore` promises. */
export function describeRevocations(name: string, open: () => Promise<RevocationsPlace>): void {
  describe(`revocations in ${name}`, { timeout: 60_000 }, () => {
    let place: RevocationsPlace;
    let now: EpochSeconds;
    let head: ChainHead | ChainName;
    beforeEach(async () => {
      place = await open();
      now = systemClock.now();
      head = newChainName(random);
    });
    afterEach(() => place.close());

    /** Records tokens, each by its name, that live for five minutes. */
    const record = async (tokens: Record<string, Partial<MintFacts>>): Promise<void> => {
      const entries = Object.entries(tokens).map(([id, facts]) =>
        mintEntry(jti(id), { iat: now, exp: after(now, 300), ...facts }),
      );
      const batch = batchAfter(head, entries, systemClock.nowMs());
      await place.ledger.append(batch);
      head = headAfter(batch);
    };
    const listed = async (): Promise<readonly RevokedToken[]> => {
      const tokens: RevokedToken[] = [];
      for (
        let from: { epoch: number; jti: string } | undefined = { epoch: 0, jti: "" };
        from !== undefined;
      ) {
        const page: Awaited<ReturnType<RevocationStore["changes"]>> = await place.other.changes(from);
        tokens.push(...page.tokens);
        from = page.next;
      }
      return tokens;
    };
    const stopped = async () => (await listed()).map((token) => token.jti.replace(/_*A$/, "")).toSorted();
    const under = (parent: string, root = parent): Partial<MintFacts> => ({
      parent: jti(parent),
      root: jti(root),
    });

    test("a token is stopped with everything under it, and nothing beside it", async () => {
      await record({
        a: {},
        b: under("a"),
        c: under("b", "a"),
        d: under("c", "a"),
        beside: under("a"),
        other: {},
      });
      const made = await place.store.revoke({ kind: "jti", jti: jti("b") }, order());
      expect(made).toMatchObject({
        epoch: 1,
        kind: "jti",
        subject: jti("b"),
        tokens: 3,
        agents: 1,
        ends: undefined,
      });
      expect(await stopped()).toEqual(["b", "c", "d"]);
      expect(await listed()).toContainEqual({ epoch: 1, jti: jti("b"), until: after(now, 300 + LEEWAY) });
    });

    test("a cascade walks through intermediates that expired (N25)", async () => {
      const ended = { iat: after(now, -600), exp: after(now, -300) };
      await record({
        a: {},
        b: { ...under("a"), ...ended },
        c: { ...under("b", "a"), ...ended },
        d: under("c", "a"),
      });
      const made = await place.store.revoke({ kind: "jti", jti: jti("a") }, order());
      expect(made).toMatchObject({ tokens: 2 });
      expect(await stopped()).toEqual(["a", "d"]);
    });

    test("the root door stops the whole tree that a token belongs to", async () => {
      await record({ a: {}, b: under("a"), c: under("b", "a"), beside: under("a"), other: {} });
      expect(await place.store.revoke({ kind: "root", jti: jti("c") }, order())).toMatchObject({ tokens: 4 });
      expect(await stopped()).toEqual(["a", "b", "beside", "c"]);
    });

    test("a run, and a caller, are stopped with everything under them, of any caller", async () => {
      const [ci, cd] = [callerId("ci"), callerId("cd")];
      await record({
        a: { run: "nightly", caller: ci },
        b: { ...under("a"), run: "nightly", caller: cd },
        c: { caller: ci },
        d: { ...under("c"), caller: cd },
        e: { caller: cd },
      });
      expect(await place.store.revoke({ kind: "run", run: "nightly" }, order())).toMatchObject({ tokens: 2 });
      expect(await stopped()).toEqual(["a", "b"]);
      const made = await place.store.revoke({ kind: "caller", caller: ci }, order());
      expect(made).toMatchObject({ epoch: 2, tokens: 4 });
      expect(made.cutOff).toBeGreaterThanOrEqual(now);
      expect(new Set(await stopped())).toEqual(new Set(["a", "b", "c", "d"]));
    });

    test("a sender is stopped by one number, and what stands under its tokens by id", async () => {
      const [leaked, other] = ["agent://leaked 智能体" as Sender, "agent://other" as Sender];
      await record({ a: { sender: leaked }, b: { ...under("a"), sender: other }, c: { sender: other } });
      const made = await place.store.revoke({ kind: "sender", sender: leaked }, order());
      expect(made).toMatchObject({ tokens: 2, agents: 2, subject: leaked });
      expect(made.cutOff).toBeGreaterThanOrEqual(now);
      expect(await stopped()).toEqual(["b"]);
      const { rules } = await place.other.changes({ epoch: 0, jti: "" });
      expect(rules).toMatchObject([{ epoch: 1, kind: "sender", subject: leaked, cutOff: made.cutOff }]);
    });

    test("what a key signed is known by it, and what stands under it by id", async () => {
      const [bad, good] = ['k"1' as Kid, "k2" as Kid];
      await record({
        a: { kid: bad },
        b: { ...under("a"), kid: good },
        c: { kid: good, run: '"kid":"k\\"1"' },
      });
      expect(await place.store.revoke({ kind: "kid", kid: bad }, order())).toMatchObject({ tokens: 2 });
      expect(await stopped()).toEqual(["b"]);
    });

    test("a preview counts as the revocation does, and changes nothing", async () => {
      const other = "agent://b" as Sender;
      await record({
        a: { run: "r" },
        b: { ...under("a"), sender: other },
        old: { run: "r", exp: after(now, -1) },
      });
      const selectors: readonly Selector[] = [
        { kind: "run", run: "r" },
        { kind: "jti", jti: jti("a") },
        { kind: "sender", sender: other },
        { kind: "jti", jti: jti("unknown") },
      ];
      for (const selector of selectors) {
        const reach = await place.store.preview(selector);
        expect((await place.other.changes({ epoch: 0, jti: "" })).epoch).toBe(selectors.indexOf(selector));
        expect(await place.store.revoke(selector, order())).toMatchObject(reach);
      }
      expect(await place.store.preview({ kind: "run", run: "r" })).toEqual({ tokens: 2, agents: 2 });
      expect(await place.store.preview({ kind: "jti", jti: jti("old") })).toEqual({ tokens: 0, agents: 0 });
    });

    test("a token that the ledger does not know is stopped for as long as one may live", async () => {
      const made = await place.store.revoke({ kind: "jti", jti: jti("lost") }, order());
      expect(made).toMatchObject({ tokens: 0, agents: 0 });
      const [token] = await listed();
      expect(token?.jti).toBe(jti("lost"));
      expect(token?.until).toBeGreaterThanOrEqual(now + LIFE_SECONDS_MAX + LEEWAY);
    });

    test("twice gives the same answer, and one revocation stands (N24)", async () => {
      await record({ a: { run: "r" }, b: { run: "r" } });
      const [first, second] = [
        await place.store.revoke({ kind: "run", run: "r" }, order()),
        await place.other.revoke({ kind: "run", run: "r" }, order()),
      ];
      expect([second.tokens, second.agents]).toEqual([first.tokens, first.agents]);
      expect(second).toMatchObject({ epoch: 2, ends: 1 });
      expect((await listed()).map(({ epoch }) => epoch)).toEqual([2, 2]);
      expect(await place.store.list(undefined, 10)).toMatchObject([
        { epoch: 2, endedBy: undefined },
        { epoch: 1, endedBy: 2 },
      ]);
    });

    test("whether one of just this selector stands is known, whatever else stops the same", async () => {
      await record({ a: {}, b: under("a") });
      const own: Selector = { kind: "jti", jti: jti("b") };
      await place.store.revoke({ kind: "jti", jti: jti("a") }, order());
      await place.store.revoke({ kind: "root", jti: jti("b") }, order());
      expect(await place.store.standing(own)).toBeUndefined();
      await place.store.revoke(own, order());
      expect(await place.other.standing(own)).toBe(3);
      await place.store.revoke(own, order());
      expect(await place.other.standing(own)).toBe(4);
      await place.store.undo(4, order());
      expect(await place.other.standing(own)).toBeUndefined();
    });

    test("a call that is repeated after a lost answer is made once", async () => {
      await record({ a: {} });
      const same = order();
      const first = await place.store.revoke({ kind: "jti", jti: jti("a") }, same);
      expect(await place.other.revoke({ kind: "jti", jti: jti("a") }, same)).toEqual(first);
      expect(await place.store.list(undefined, 10)).toEqual([first]);
    });

    test("undone is what it stopped, and not what another one stops; it is a row too", async () => {
      await record({ a: { run: "r" }, b: { run: "r" } });
      await place.store.revoke({ kind: "run", run: "r" }, order());
      await place.store.revoke({ kind: "jti", jti: jti("a") }, order());
      const undone = await place.store.undo(1, order("a mistake"));
      expect(undone).toMatchObject({ epoch: 3, kind: "undo", ends: 1, subject: "r", reason: "a mistake" });
      expect(await stopped()).toEqual(["a"]);
      expect((await place.other.changes({ epoch: 3, jti: "" })).rules).toMatchObject([
        { kind: "undo", ends: [1] },
      ]);
      for (const epoch of [0, 1, 3, 4]) expect(await place.store.undo(epoch, order())).toBeUndefined();
      expect((await place.store.list(undefined, 10)).map(({ endedBy }) => endedBy)).toEqual([
        undefined,
        undefined,
        3,
      ]);
    });

    test("what was ended by one that was ended itself is said too: a replica may have missed the one between", async () => {
      await record({ a: { run: "r" } });
      for (let times = 0; times < 3; times += 1) {
        await place.store.revoke({ kind: "jti", jti: jti("a") }, order());
        await place.store.revoke({ kind: "run", run: "r" }, order());
      }
      await place.store.undo(5, order());
      const { rules } = await place.other.changes({ epoch: 2, jti: "" });
      expect(rules.map(({ epoch, kind, ends }) => [epoch, kind, ends])).toEqual([
        [6, "run", [4, 2]],
        [7, "undo", [5, 3, 1]],
      ]);
    });

    test("a run stays stopped until that is undone, however long ago it was", async () => {
      const made = await place.store.revoke({ kind: "run", run: "r" }, order());
      expect(made.until).toBe(NEVER);
      const { rules } = await place.other.changes({ epoch: 0, jti: "" });
      expect(rules).toMatchObject([{ kind: "run", subject: "r", until: NEVER }]);
    });

    test("of 20 that are made at once on two replicas, each has a number of its own", async () => {
      await record({ a: { run: "r" } });
      const made = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 === 0 ? place.store : place.other).revoke(
            { kind: "jti", jti: jti(`t${String(index)}`) },
            order(),
          ),
        ),
      );
      expect(made.map(({ epoch }) => epoch).toSorted((one, other) => one - other)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      expect((await place.other.changes({ epoch: 0, jti: "" })).epoch).toBe(20);
    });

    test("a batch sees the number of the last revocation before it", async () => {
      await place.store.revoke({ kind: "run", run: "r" }, order());
      await place.store.revoke({ kind: "run", run: "s" }, order());
      const batch = batchAfter(head, [mintEntry(jti("a"))], systemClock.nowMs());
      expect(await place.ledger.append(batch)).toEqual({ kind: "appended", epoch: 2 });
    });

    test("a reader that was away gets what it missed, page by page, and nothing twice", async () => {
      const names = Array.from({ length: 300 }, (_, index) => `t${String(index).padStart(3, "0")}`);
      await record(Object.fromEntries(names.map((one) => [one, { run: "r" }])));
      await place.store.revoke({ kind: "jti", jti: jti("t000") }, order());
      await place.store.revoke({ kind: "run", run: "r" }, order());
      expect(await listed()).toHaveLength(301);
      const { tokens, next, epoch } = await place.other.changes({ epoch: 2, jti: jti("t100") });
      expect([tokens.length, next, epoch]).toEqual([199, undefined, 2]);
      expect((await place.other.changes({ epoch: 3, jti: "" })).tokens).toEqual([]);
    });

    test("a reader that knows another revocation in a place learns that its own was lost", async () => {
      const [first, second] = [order(), order()];
      await place.store.revoke({ kind: "run", run: "r" }, first);
      const changes = (epoch: number, after: string) => place.other.changes({ epoch, jti: "", after });
      expect(await changes(2, first.id)).toMatchObject({ epoch: 1, last: first.id });
      expect(await changes(2, second.id)).toEqual(PUT_BACK);
      await place.store.revoke({ kind: "run", run: "s" }, second);
      expect(await changes(2, first.id)).toMatchObject({
        epoch: 2,
        last: second.id,
        rules: [{ subject: "s" }],
      });
      expect(await changes(2, second.id)).toEqual(PUT_BACK);
      expect((await changes(4, order().id)).epoch).toBeLessThan(3);
    });

    test("whose a token is, is known by its id", async () => {
      await record({ a: { run: "r" }, b: { ...under("a"), run: "r" } });
      expect(await place.store.issuanceOf(jti("b"))).toEqual({
        jti: jti("b"),
        caller: "ci",
        sender: "agent://a",
        exp: after(now, 300),
        run: "r",
        parent: jti("a"),
        root: jti("a"),
        depth: 0,
      });
      expect(await place.store.issuanceOf(jti("a"))).toMatchObject({
        parent: undefined,
        root: jti("a"),
      });
      expect(await place.store.issuanceOf(jti("c"))).toBeUndefined();
    });

    test("what has left the list by the clock of the store alone stays: it may be ahead, and be set back", async () => {
      await record({ a: { run: "r", exp: after(now, -LEEWAY + 3) } });
      await place.store.revoke({ kind: "run", run: "r" }, order());
      for (let tries = 0; (await listed()).length > 0 && tries < 400; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 25));
      expect(await listed()).toEqual([]);
      expect(await place.store.prune(now)).toBe(0);
      expect(await place.store.prune(after(now, 3))).toBe(1);
    });

    test("what has left the list is removed, and what is left stays", async () => {
      await record({ a: { run: "r", exp: after(now, -LEEWAY + 2) }, b: { run: "r" } });
      await place.store.revoke({ kind: "run", run: "r" }, order());
      let gone = 0;
      for (let tries = 0; gone === 0 && tries < 400; tries += 1) {
        gone = await place.store.prune(NEVER);
        if (gone === 0) await new Promise((resolve) => setTimeout(resolve, 25));
      }
      expect(gone).toBe(1);
      expect(await stopped()).toEqual(["b"]);
      expect(await place.store.prune(NEVER)).toBe(0);
      expect(await place.store.list(undefined, 10)).toHaveLength(1);
    });
  });
}
