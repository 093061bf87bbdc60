import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hasHaproxy } from "../restarts/haproxy.ts";
import { bearer, wrongSecretLike } from "../support/access.ts";
import { HAS_REDIS } from "../support/redis-server.ts";
import { askWithoutPause, holdOpen } from "./attackers.ts";
import { CONNECTIONS_PER_ADDRESS, type Deployment, deploy, GREEDY, REPLICAS } from "./deployment.ts";
import { ANSWER_MS_MAX, type Ask, askSteadily, fetches, mints, type Seen } from "./honest.ts";

// A service outside the cluster, with everything on: two replicas that share managed keys and limits, TLS and client certificates,
// haproxy in TCP mode before them. `MACP_STORY_SECONDS=120` makes it longer.

const SECONDS = Number(process.env["MACP_STORY_SECONDS"] ?? 14);
const STORY_MS_MAX = SECONDS * 1_000 + 100_000;
const isSkipped = !(hasHaproxy() && HAS_REDIS) && process.env["CI"] === undefined;

const MINTS_PER_SECOND = 40;
const FRESH_PER_SECOND = 4;
const FETCHES_PER_SECOND = 10;
const SLOWLORIS = "127.0.3.1";
const SLOW_CONNECTIONS = 4 * CONNECTIONS_PER_ADDRESS;
const GUESSERS = 20;
/** Tries at one secret, in a day. */
const GUESSES_MAX = 100;
/** A handshake has 5 s, and then a request 5 s for its headers and a second until that is looked at. */
const SLOW_MS_MAX = 20_000;

let deployment: Deployment;
beforeAll(async () => {
  if (!isSkipped) deployment = await deploy();
}, 60_000);
afterAll(() => (isSkipped ? undefined : deployment.stop()));

/** Ordinary callers and verifiers, each kind at its own rate. */
function honestClients({ port, jwksPort, planner, scheduler, ca }: Deployment) {
  const ofPlanner = { port, identity: planner };
  const kept = Array.from({ length: 8 }, (_, index) => {
    const host = String(index + 1);
    return mints({ ...ofPlanner, localAddress: `127.0.1.${host}`, sender: `agent://planner/${host}` });
  });
  const fresh = [
    ...[20, 22].map((host) =>
      mints({
        ...{ ...ofPlanner, localAddress: `127.0.1.${String(host)}` },
        ...{ sender: `agent://planner/${String(host)}`, isFresh: true },
      }),
    ),
    mints({
      ...{ port, identity: { ca }, localAddress: "127.0.1.21", sender: "agent://scheduler", isFresh: true },
      headers: bearer(scheduler.secret),
    }),
  ];
  const verifiers = [fetches(jwksPort, "127.0.1.31"), fetches(jwksPort, "127.0.1.32")];
  return {
    "mints on kept connections": [kept, MINTS_PER_SECOND],
    "mints on new connections": [fresh, FRESH_PER_SECOND],
    "JWKS fetches": [verifiers, FETCHES_PER_SECOND],
  } as const satisfies Readonly<Record<string, readonly [readonly Ask[], number]>>;
}

/** Lets them ask while `meanwhile` happens, for so many seconds at least: each must be answered right, and in time. */
async function whileTheyAsk(
  what: string,
  seconds: number,
  clients: ReturnType<typeof honestClients>,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const asking = Object.entries(clients).map(([kind, [asks, perSecond]]) => ({
    kind,
    running: askSteadily(asks, perSecond),
  }));
  await Promise.all([pause(seconds * 1_000), meanwhile()]);
  const all: Record<string, Seen> = {};
  for (const { kind, running } of asking) all[kind] = await running.stop();
  for (const [kind, { requests, outcomes, ms }] of Object.entries(all)) {
    const times = `p50 ${String(ms.p50)} ms, p99 ${String(ms.p99)} ms, longest ${String(ms.longest)} ms`;
    console.log(`${what}: ${String(requests)} ${kind}: ${JSON.stringify(outcomes)}; ${times}`);
  }
  for (const { requests, outcomes, ms } of Object.values(all)) {
    expect(outcomes).toEqual({ "200": requests });
    expect(ms.longest).toBeLessThan(ANSWER_MS_MAX);
  }
}

/** The greedy caller: what it gets, and how much of it while `watch` runs. */
function greedyCaller({ port, greedy }: Deployment) {
  let admitted = 0;
  const connections = Array.from({ length: 4 }, (_, index) =>
    mints({
      ...{ port, localAddress: "127.0.2.1", identity: greedy },
      sender: `agent://greedy/${String(index)}`,
    }),
  );
  const attack = askWithoutPause(connections, 0, (status) => {
    if (status === "200") admitted += 1;
  });
  return {
    ...attack,
    /** How many tokens it gets meanwhile, and how many a single limit gives in that time. */
    async watch(
      story: () => Promise<void>,
    ): Promise<{ readonly admitted: number; readonly allowed: number }> {
      const [before, start] = [admitted, performance.now()];
      await story();
      const seconds = (performance.now() - start) / 1_000;
      return {
        admitted: admitted - before,
        allowed: (GREEDY.burst + GREEDY.perSecond * seconds) * 1.05,
      };
    },
  };
}

/** One who guesses the secret of the scheduler, from many addresses. */
function guesser({ port, ca, scheduler }: Deployment) {
  const asks = Array.from({ length: GUESSERS }, (_, index) =>
    mints({
      ...{ port, localAddress: `127.0.4.${String(index + 1)}`, identity: { ca } },
      sender: "agent://scheduler",
      headers: bearer(wrongSecretLike(scheduler)),
    }),
  );
  return askWithoutPause(asks, 100, () => undefined);
}

test.skipIf(isSkipped)(
  "honest mints and JWKS fetches are answered in time beside a greedy caller, a slowloris, a guesser and a Redis that dies (without haproxy and redis-server skipped)",
  { timeout: STORY_MS_MAX },
  async () => {
    const { redis, replicas } = deployment;
    const phase = SECONDS / 7;
    const clients = honestClients(deployment);
    const lost = () => replicas.map((one) => one.events("limits_store_lost").length);
    await deployment.untilLocal(false);
    // Each replica counts failures by itself: no guesser locks a caller out of one where it has proved itself before.
    const isKnown = () =>
      replicas.every((one) => one.events("token_minted").some((line) => line["caller"] === "scheduler"));
    await whileTheyAsk("alone", phase, clients, async () => {
      while (!isKnown()) await pause(50);
    });

    const greedy = greedyCaller(deployment);
    const slow = holdOpen(deployment.port, SLOWLORIS, SLOW_CONNECTIONS);
    const guesses = guesser(deployment);
    const before = lost();
    const shared = await greedy.watch(() => whileTheyAsk("attacked", 2 * phase, clients));
    const wereShared = lost().join() === before.join();
    const gone = await greedy.watch(() =>
      whileTheyAsk("attacked, Redis killed", 2 * phase, clients, async () => {
        await redis.kill();
        await deployment.untilLocal(true);
      }),
    );
    await whileTheyAsk("attacked, Redis back", 2 * phase, clients, async () => {
      await redis.start();
      await deployment.untilLocal(false);
    });
    const [asked, guessed, held] = await Promise.all([greedy.stop(), guesses.stop(), slow.stop()]);
    const losses = lost().reduce((sum, count) => sum + count, 0);
    console.log("greedy", JSON.stringify({ asked, shared, gone, wereShared }), "losses of Redis", losses);
    console.log("guesser", JSON.stringify(guessed), "slowloris", JSON.stringify(held));

    for (const one of replicas) {
      await one.event("limits_store_found");
      expect(one.events("limits_store_lost").length).toBeGreaterThan(0);
      // haproxy announces each client, its own checks included, and nobody shares the limit of another address.
      for (const event of ["proxy_header_rejected", "connection_dropped", "request_failed", "fenced"])
        expect(one.events(event)).toEqual([]);
      for (const line of one.events("connection_limited")) expect(line["remote"]).toBe(SLOWLORIS);
      for (const line of one.events("caller_rejected"))
        expect(line).toMatchObject({ remote: expect.stringMatching(/^127\.0\.4\.\d+$/) as string });
    }

    expect(asked["429"]).toBeGreaterThan(0);
    expect(Object.keys(asked).toSorted()).toEqual(["200", "429"]);
    // Shared, one limit for both replicas, unless Redis was too slow for it; without Redis, never more than each by itself would.
    expect(shared.admitted).toBeLessThanOrEqual(shared.allowed * (wereShared ? 1 : REPLICAS));
    expect(gone.admitted).toBeLessThanOrEqual(gone.allowed * REPLICAS);
    expect(gone.admitted).toBeGreaterThan(0);

    expect(guessed["401"]).toBeLessThanOrEqual(GUESSES_MAX);
    expect(Object.keys(guessed).toSorted()).toEqual(["401", "429"]);

    expect(held.ended).toBe(held.opened);
    expect(held.longestMs).toBeLessThan(SLOW_MS_MAX);
    expect(await deployment.metric("macp_auth_connections_limited_total")).toBeGreaterThan(0);
  },
);
