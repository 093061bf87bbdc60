import fc from "fast-check";
import type { Kid } from "../../kernel/ids.ts";
import type { KeySetDeps } from "../../keys/managed/change-key-set.ts";
import type { KeySet } from "../../keys/managed/key-store.ts";
import type { Acceptance, Operation } from "../../keys/managed/plan/plan-operation.ts";
import { rotate } from "../../keys/managed/rotate.ts";
import { LONGEST_TTL_SECONDS } from "./invariants.ts";
import {
  ALL_ACCEPTED,
  type FetchSource,
  type Seat,
  type Watcher,
  type World,
  type WorldSettings,
} from "./world.ts";

type Command = fc.AsyncCommand<World, World>;

/** How many commands ran in all runs so far, and how many seconds and looks they took. */
export const tally = { runs: 0, steps: 0, seconds: 0, looks: 0 };

/** One step of a run, after which every invariant is checked. */
function command(
  name: string,
  may: (world: World) => boolean,
  run: (world: World) => Promise<void> | void,
): Command {
  return {
    check: may,
    async run(_model, world) {
      const { seconds, invariants } = world;
      const { looks } = invariants;
      await run(world);
      await world.look();
      tally.steps += 1;
      tally.seconds += world.seconds - seconds;
      tally.looks += invariants.looks - looks;
    },
    toString: () => name,
  };
}

const seatNumber = fc.nat(2);
const watcherNumber = fc.nat(2);
const seatOf = (world: World, number: number): Seat => world.seats[number] as Seat;
const watcherOf = (world: World, number: number): Watcher => world.watchers[number] as Watcher;
const free = (world: World, number: number): boolean => {
  const { up, beating, link } = seatOf(world, number);
  return up && beating === undefined && link.connected && link.standby === undefined;
};
const calm = (world: World): boolean => world.restored === undefined;

/** A command about one replica. */
function onSeat<T>(
  name: string,
  detail: fc.Arbitrary<T>,
  may: (world: World, seat: Seat, detail: T) => boolean,
  run: (world: World, seat: Seat, detail: T) => Promise<void> | void,
): fc.Arbitrary<Command> {
  return fc.tuple(seatNumber, detail).map(([number, value]) =>
    command(
      `${name}(${["a", "b", "c"][number] ?? ""}${value === undefined ? "" : `, ${JSON.stringify(value)}`})`,
      (world) => may(world, seatOf(world, number), value),
      (world) => run(world, seatOf(world, number), value),
    ),
  );
}
const nothing = fc.constant(undefined);
const always = (): boolean => true;
const isFree = (world: World, seat: Seat): boolean => free(world, world.seats.indexOf(seat));

const passing = fc
  .integer({ min: 1, max: 20 })
  .map((seconds) => command(`Tick(${String(seconds)})`, always, (world) => world.tick(seconds)));

const upkeep = fc.oneof(
  onSeat("Keep", nothing, isFree, (world, seat) => world.keep(seat)),
  onSeat("Renew", nothing, isFree, (world, seat) => world.renew(seat)),
  onSeat("RotateAtOnce", nothing, (world, seat) => calm(world) && isFree(world, seat), rotateAtOnce),
);

/** Something that goes wrong with a replica or is fixed; rotation needs time to recover from it. */
function trouble<T>(
  name: string,
  detail: fc.Arbitrary<T>,
  may: (world: World, seat: Seat) => boolean,
  run: (world: World, seat: Seat, detail: T) => Promise<void> | void,
): fc.Arbitrary<Command> {
  return onSeat(name, detail, may, async (world, seat, value) => {
    await run(world, seat, value);
    world.invariants.disturb();
  });
}
const isUp = (_world: World, seat: Seat): boolean => seat.up;

/** Shorter than B2 and longer: 36 s. */
const shutdowns = fc
  .integer({ min: 12, max: 45 })
  .map((seconds) => command(`ShutDown(${String(seconds)})`, calm, (world) => world.shutDown(seconds)));

const troubles = fc.oneof(
  shutdowns,
  trouble("Partition", nothing, always, (_world, seat) => {
    seat.link.connected = false;
  }),
  trouble(
    "Heal",
    nothing,
    (_world, seat) => !seat.link.connected,
    (_world, seat) => {
      seat.link.connected = true;
    },
  ),
  trouble("Standby", nothing, always, async (world, seat) => {
    seat.link.standby = await world.trueStore.copyAt(world.trueStore.writes);
  }),
  trouble(
    "Primary",
    nothing,
    (_world, seat) => seat.link.standby !== undefined,
    (_world, seat) => {
      seat.link.standby = undefined;
    },
  ),
  trouble("Crash", nothing, isUp, (_world, seat) => {
    seat.up = false;
    seat.kept = false;
  }),
  trouble("Start", nothing, always, (_world, seat) => seat.restart()),
  trouble("Skew", fc.integer({ min: -4, max: 4 }), always, (_world, seat, seconds) => {
    seat.skewSeconds = seconds;
  }),
  trouble("Lazy", nothing, always, (_world, seat) => {
    seat.lazy = !seat.lazy;
  }),
  trouble("Slow", fc.integer({ min: 1, max: 4 }), isFree, (world, seat, seconds) =>
    world.slowRenew(seat, seconds),
  ),
  trouble(
    "Break",
    fc.tuple(fc.nat(3), fc.constantFrom("before" as const, "after" as const)),
    isUp,
    (_world, seat, [calls, when]) => seat.link.breakAfter(calls, when),
  ),
  trouble(
    "SetMaxTtl",
    fc.tuple(fc.constantFrom(4, 8, LONGEST_TTL_SECONDS), fc.boolean()),
    always,
    (_world, seat, [seconds, lazy]) => {
      seat.maxTtlSeconds = seconds;
      seat.lazy = lazy;
      seat.restart();
    },
  ),
  trouble("SetAlg", fc.constantFrom("ES256" as const, "RS256" as const), always, (_world, seat, alg) => {
    seat.alg = alg;
    seat.restart();
  }),
);

const acceptances = fc.oneof(
  { weight: 3, arbitrary: fc.constant<readonly Acceptance[]>([]) },
  {
    weight: 1,
    arbitrary: fc.constant(ALL_ACCEPTED),
  },
);

function operating(name: string, operation: (kid: Kid) => Operation): fc.Arbitrary<Command> {
  const which = fc.record({ key: fc.nat(4), accepted: acceptances });
  return onSeat(
    name,
    which,
    (world, seat) => calm(world) && isFree(world, seat),
    async (world, seat, { key, accepted }) => {
      const { keys } = await world.trueStore.load();
      const recent = keys.toReversed()[key % keys.length];
      if (recent !== undefined) await world.operate(seat, operation(recent.kid), accepted);
    },
  );
}
const operations = fc.oneof(
  operating("Activate", () => ({ kind: "activate", kid: undefined })),
  operating("ActivateKey", (kid) => ({ kind: "activate", kid })),
  operating("Taint", (kid) => ({ kind: "taint", kid, reason: "model" })),
  operating("Revoke", (kid) => ({ kind: "revoke", kid, reason: "model" })),
  operating("Retire", (kid) => ({ kind: "retire", kid })),
  operating("Prepare", () => ({ kind: "prepare", alg: "ES256" })),
);

const minting = onSeat(
  "Mint",
  fc.integer({ min: 1, max: 15 }),
  (_world, seat) => seat.up,
  (world, seat, ttl) => world.mint(seat, ttl),
);

const sources = fc.constantFrom<FetchSource>("cache", "cache", "nowhere", 0, 1, 2);
const verifying = fc.oneof(
  fc.tuple(watcherNumber, fc.nat(9), sources).map(([number, which, source]) =>
    command(
      `VCheck(${String(number)}, ${String(which)}, ${String(source)})`,
      (world) => world.tokens.length > 0,
      (world) =>
        world.check(
          watcherOf(world, number),
          world.tokens.at(-1 - (which % world.tokens.length)) as never,
          source,
        ),
    ),
  ),
  fc.tuple(watcherNumber, sources, fc.nat(1)).map(([number, source, takes]) =>
    command(
      `VFetch(${String(number)}, ${String(source)}, ${String(takes)})`,
      (world) => watcherOf(world, number).fetching === undefined,
      async (world) => {
        watcherOf(world, number).refresh(source, takes);
        if (takes === 0) await watcherOf(world, number).fetching;
      },
    ),
  ),
  watcherNumber.map((number) =>
    command(`VRestart(${String(number)})`, always, (world) => watcherOf(world, number).restart()),
  ),
  fc
    .tuple(watcherNumber, fc.constantFrom("stretch" as const, "stretch" as const, "normal" as const))
    .map(([number, mode]) =>
      command(`VMode(${String(number)}, ${mode})`, always, (world) => {
        watcherOf(world, number).mode = mode;
      }),
    ),
);

const backups = fc.constantFrom(
  command("Backup", calm, async (world) => {
    world.backup = { writes: world.trueStore.writes, version: (await world.trueStore.load()).version };
  }),
  command(
    "Restore",
    // Replicas that saw no more than the backup holds cannot know that it is one.
    ({ backup, restored, seats }) =>
      restored === undefined &&
      backup !== undefined &&
      seats.every(({ keys }) => keys.versionSeen > backup.version),
    async (world) => {
      const { writes, version } = world.backup ?? { writes: 0, version: 0 };
      world.restored = { store: await world.trueStore.copyAt(writes), version };
    },
  ),
  command(
    "EndRestore",
    (world) => !calm(world),
    (world) => {
      world.restored = undefined;
      // A replica that rejected a store needs a restart.
      for (const seat of world.seats) if (seat.up) seat.restart();
    },
  ),
);

/** The steps of a run: time passes, replicas and verifiers live their lives, things break, operators act. */
export const rotationCommands = fc.commands<World, World, false>(
  [
    passing,
    passing,
    passing,
    upkeep,
    upkeep,
    troubles,
    operations,
    minting,
    verifying,
    verifying,
    backups,
  ] as never,
  { maxCommands: 60, size: "max" },
);

/** I14: many runners at once come to what one comes to. */
async function rotateAtOnce(world: World, seat: Seat): Promise<void> {
  const twin = await world.trueStore.copyAt(world.trueStore.writes);
  const alone: KeySetDeps = { ...seat.rotation, store: twin };
  const together = world.seats
    .filter((other) => isFree(world, other))
    .map((other): KeySetDeps => ({ ...other.rotation, rules: seat.rotation.rules }));
  await untilDone(alone);
  await Promise.all(together.map((deps) => rotate(deps).catch(() => undefined)));
  await untilDone({ ...alone, store: world.trueStore });
  const [one, many] = [shapeOf(await twin.load()), shapeOf(await world.trueStore.load())];
  if (one !== many) world.invariants.broken("I14", `one runner comes to ${one}, many come to ${many}`);
}

async function untilDone(deps: KeySetDeps): Promise<void> {
  for (let round = 0; round < 4; round += 1) if ((await rotate(deps)).changes.length === 0) return;
}

/** All that matters of a set, without the names of its keys. */
function shapeOf({ keys }: KeySet): string {
  const shapes = keys.map((key) =>
    JSON.stringify([
      key.alg,
      key.publishedFrom,
      key.signingFrom,
      key.retiringFrom,
      key.retiredFrom,
      key.revokedFrom,
      key.taintedFrom,
    ]),
  );
  return shapes.toSorted().join(" ");
}

/** How a run begins. */
export const worldSettings: fc.Arbitrary<WorldSettings> = fc.record({
  lead: fc.constantFrom("B1" as const, "B2" as const),
  period: fc.constantFrom("short" as const, "long" as const),
  gate: fc.constantFrom("off" as const, "warn" as const, "enforce" as const),
  seats: fc.tuple(seatSettings(fc.constant(false)), seatSettings(fc.boolean()), seatSettings(fc.boolean())),
  stretch: fc.boolean(),
});

function seatSettings(lazy: fc.Arbitrary<boolean>): fc.Arbitrary<WorldSettings["seats"][number]> {
  return fc.record({ maxTtlSeconds: fc.constantFrom(8, 4, LONGEST_TTL_SECONDS), lazy });
}
