import fc from "fast-check";
import { parseJti } from "../../kernel/ids.ts";
import { type SelectorBody, selectorIn } from "../../ledger/revocation/operator-shapes.ts";
import { NEVER } from "../../ledger/revocation/revocation-store.ts";
import { KIDS, type Replica } from "./replica.ts";
import type { Asked, Left, World } from "./world.ts";

type Command = fc.AsyncCommand<World, World>;

/** How many commands ran, and how many answers were compared. */
export const tally = { runs: 0, steps: 0, answers: 0, left: 0, revocations: 0 };

const always = (): boolean => true;

/** A step of a run, after which every answer is compared. */
function command(
  name: string,
  run: (world: World) => Promise<unknown>,
  may: (world: World) => boolean = always,
): Command {
  return {
    check: may,
    async run(_model, world) {
      await run(world);
      for (const { link } of world.replicas) link.loses = undefined;
      await world.check();
      tally.steps += 1;
      tally.answers += 2 * world.left.length;
    },
    toString: () => name,
  };
}

const seat = fc.nat(1);
const pick = fc.nat(30);
const sender = fc.constantFrom("agent://a", "agent://b", "agent://c");
const caller = fc.constantFrom("ci", "cd");
const run = fc.constantFrom(undefined, undefined, 1, 2);
const ttlSeconds = fc.constantFrom(2, 30, 300, 600);
const isRare = fc.integer({ min: 0, max: 11 }).map((number) => number === 0);
const hasLeft = ({ left }: World): boolean => left.length > 0;

const replicaOf = (world: World, number: number): Replica => world.replicas[number] as Replica;
const text = (value: unknown): string => JSON.stringify(value);
/** The newest first, so that small numbers are what a run is about. */
const leftOf = ({ left }: World, number: number): Left =>
  left[left.length - 1 - (number % left.length)] as Left;

const minting = fc
  .tuple(seat, fc.record({ sender, caller, run, ttlSeconds }), isRare)
  .map(([number, asked, loses]) =>
    command(`Mint(${text([number, asked, loses])})`, (world) =>
      minted(world, number, { ...asked, run: asked.run && runOf(world, asked.run) }, loses),
    ),
  );

/** A run that was stopped stays so: each world has its own. */
function runOf({ firstEpoch }: World, number: number): string {
  return `r${String(number)}-${String(firstEpoch)}`;
}

const childAsked = fc.record({ sender, caller, ttlSeconds });
const child = fc
  .tuple(seat, pick, childAsked, isRare)
  .map(([number, parent, asked, loses]) =>
    command(
      `Child(${text([number, parent, asked, loses])})`,
      (world) => minted(world, number, { ...asked, parent: leftOf(world, parent) }, loses),
      hasLeft,
    ),
  );

function minted(world: World, number: number, asked: Asked, loses: boolean): Promise<void> {
  const replica = replicaOf(world, number);
  if (loses) replica.link.loses = "append";
  return world.mint(replica, asked);
}

/** A token of two seconds, one under it that outlives it, and its end. */
const outliving = fc.tuple(seat, pick, childAsked).map(([number, parent, asked]) =>
  command(
    `Outlive(${text([number, parent, asked])})`,
    async (world) => {
      const [replica, before] = [replicaOf(world, number), world.left.length];
      await world.mint(replica, { ...asked, ttlSeconds: 2, parent: leftOf(world, parent) });
      if (world.left.length > before) await world.outlive(replica, leftOf(world, 0));
      await waited(world, 3_000, true);
    },
    hasLeft,
  ),
);

const DOORS = ["jti", "token", "sender", "run", "caller", "kid", "root"] as const;
const door = fc.constantFrom<(typeof DOORS)[number] | "unknown">(...DOORS, "jti", "root", "unknown");

/** A body of an operator that names a token that left, or something that it has. */
function bodyOf(world: World, which: number, by: (typeof DOORS)[number] | "unknown"): SelectorBody {
  const { token, text: whole } = leftOf(world, which);
  if (by === "unknown") return { jti: parseJti("unknown______________A") };
  if (by === "token") return { token: whole };
  if (by === "root") return { root: token.jti };
  return { [by]: token[by] ?? runOf(world, 1) };
}

const revoking = fc.tuple(seat, door, pick, isRare).map(([number, by, which, loses]) =>
  command(
    `Revoke(${text([number, by, which, loses])})`,
    async (world) => {
      const [replica, body] = [replicaOf(world, number), bodyOf(world, which, by)];
      const selector = selectorIn(body);
      if (selector !== undefined) await world.preview(replica, selector);
      if (loses) replica.link.loses = "change";
      tally.revocations += 1;
      await world.revoke(replica, body);
    },
    // A key that signs is not left without a successor.
    (world) => hasLeft(world) && (by !== "kid" || world.keys.view().signing?.kid !== KIDS.at(-1)),
  ),
);

/** The same once more, of which one stands then. */
const repeating = seat.map((number) =>
  command(
    `Again(${String(number)})`,
    (world) => world.revoke(replicaOf(world, number), world.lastBody),
    ({ lastBody: { kid } }) => kid === undefined,
  ),
);

const undoing = fc.tuple(seat, pick).map(([number, which]) =>
  command(
    `Undo(${text([number, which])})`,
    (world) => world.undo(replicaOf(world, number), recentOf(world, which)),
    (world) => world.oracle.made.length > 0,
  ),
);

/** The number of one of the last changes, or the one that comes next. */
function recentOf({ oracle: { epoch }, firstEpoch }: World, which: number): number {
  return epoch + 1 - (which % Math.min(6, epoch + 1 - firstEpoch));
}

/** A child, and the revocation of what it is to stand under, at once on two replicas. */
const racing = fc
  .tuple(
    seat,
    pick,
    childAsked,
    fc.constantFrom("jti" as const, "sender" as const, "root" as const, "caller" as const),
  )
  .map(([number, which, asked, by]) =>
    command(
      `Race(${text([number, which, asked, by])})`,
      async (world) => {
        const parent = leftOf(world, which);
        const [judge] = await Promise.all([
          world.ask(replicaOf(world, number), { ...asked, parent }),
          world.revoke(replicaOf(world, 1 - number), bodyOf(world, which, by)),
        ]);
        judge();
      },
      hasLeft,
    ),
  );

const waiting = fc
  .tuple(fc.constantFrom(1, 50, 200, 400, 700, 1_000, 1_001, 1_500), fc.boolean())
  .map(([ms, looks]) => command(`Wait(${text([ms, looks])})`, (world) => waited(world, ms, looks)));
const longWaiting = fc
  .constantFrom(3_000, 31_000, 130_000, 301_000, 725_000)
  .map((ms) => command(`Wait(${String(ms)})`, (world) => waited(world, ms, true)));

async function waited(world: World, ms: number, looks: boolean): Promise<void> {
  world.time.move(ms);
  if (looks) for (const replica of world.replicas) await world.look(replica);
}

const onReplica = (name: string, does: (world: World, replica: Replica) => unknown) =>
  seat.map((number) =>
    command(`${name}(${String(number)})`, async (world) => {
      await does(world, replicaOf(world, number));
    }),
  );
const looking = onReplica("Look", (world, replica) => world.look(replica));
const slowLooking = fc.tuple(seat, fc.constantFrom(300, 900, 1_100)).map(([number, ms]) =>
  command(`SlowLook(${text([number, ms])})`, (world) => {
    const replica = replicaOf(world, number);
    if (!replica.link.isCut) replica.link.slowMs = ms;
    return world.look(replica);
  }),
);
const restarting = onReplica("Restart", (world, replica) => {
  replica.restart();
  return world.look(replica);
});
const cutting = onReplica("Cut", (_world, { link }) => {
  link.isCut = true;
});
const joining = onReplica("Join", (world, replica) => {
  replica.link.isCut = false;
  return world.look(replica);
});
const filing = onReplica("File", (_world, { link }) => (link.isCut ? undefined : link.ledger.file()));
const pruning = onReplica("Prune", (_world, { life, link }) =>
  link.isCut ? undefined : life.revocation.store.prune(NEVER),
);

/** Up to forty steps. */
export const revocationCommands = fc.commands(
  [
    ...of(5, minting),
    ...of(5, child),
    ...of(4, revoking),
    ...of(3, looking, waiting, joining),
    ...of(2, racing, undoing),
    ...of(1, repeating),
    ...of(1, outliving, longWaiting, slowLooking, restarting, cutting, pruning, filing),
  ],
  { maxCommands: 40, size: "max" },
);

/** A step that is taken more often stands there more often. */
function of(times: number, ...steps: readonly fc.Arbitrary<Command>[]): readonly fc.Arbitrary<Command>[] {
  return Array.from({ length: times }, () => steps).flat();
}
