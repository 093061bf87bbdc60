import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "../doors/check-channel.ts";
import { FAST } from "./fast-rotation.ts";
import type { Minted } from "./issuer.ts";

/** The world that a load works on: who mints, who checks, and what is published. */
export interface LoadDeps {
  mint(body: object): Promise<Minted>;
  check(token: string): Promise<Answer>;
  publishedKids(): Promise<readonly string[] | undefined>;
  /** How many checks are under way at any moment. */
  readonly checksAtOnce: number;
}

/** A load that leaves the machine time for others. */
export const EASY_CHECKS_AT_ONCE = 4;
/** A load that takes what the machine has. */
export const ALL_CHECKS_AT_ONCE = 24;

/** A valid token that was rejected before it expired: this must never happen. */
export interface WrongRejection {
  readonly kid: string;
  readonly newestKid: string;
  readonly ageMs: number;
  readonly remainingMs: number;
}

/** What a load saw. Counts are of checks unless the name says otherwise. */
export interface Tally {
  checks: number;
  readonly wrongRejections: WrongRejection[];
  /** Calls without a yes or a no. */
  noAnswers: number;
  /** Refused, but expired when the answer came. */
  lateRejections: number;
  /** Of tokens whose key no longer signed. */
  byEarlierKey: number;
  /** Begun in the token's last 300 ms. */
  lastMoment: number;
  /** Begun in the token's first 300 ms. */
  firstMoment: number;
  /** Tokens whose key had left the JWKS for longer than B4, asked once more: rejected as they must be, or not. */
  rightRejections: number;
  wrongAcceptances: number;
  tokens: number;
  /** Tokens that were accepted after the key of a later token had begun to sign. */
  tokensThroughRotation: number;
  /** Why there was no token, and how often. */
  readonly mintFaults: Map<string, number>;
  jwksReads: number;
  keysServedMax: number;
  /** JWKS answers that lacked the key of a token that was not expired. */
  jwksWithoutLiveKey: number;
  /** Every key that a checked token was signed with, in the order of their first token. */
  readonly kids: Set<string>;
}

/** Rotations whose new key was put to the test. */
function rotationsIn(tally: Tally): number {
  return Math.max(0, tally.kids.size - 1);
}

/** Resolves once a load has put this many more rotations to the test; rejects when they do not come. */
export async function moreRotations({ tally }: Load, times: number): Promise<void> {
  const before = rotationsIn(tally);
  const deadline = performance.now() + times * ROTATION_MS_MAX;
  while (rotationsIn(tally) < before + times) {
    if (performance.now() > deadline)
      throw new Error(`only ${String(rotationsIn(tally) - before)} of ${String(times)} rotations came`);
    await pause(100);
  }
}

/** One tally out of several. */
export function sumOf(tallies: readonly Tally[]): Tally & { readonly rotations: number } {
  const sum = emptyTally();
  for (const tally of tallies) {
    for (const name of COUNTS) sum[name] += tally[name];
    sum.keysServedMax = Math.max(sum.keysServedMax, tally.keysServedMax);
    sum.wrongRejections.push(...tally.wrongRejections);
    for (const [why, count] of tally.mintFaults)
      sum.mintFaults.set(why, (sum.mintFaults.get(why) ?? 0) + count);
  }
  return { ...sum, rotations: tallies.map(rotationsIn).reduce((one, other) => one + other, 0) };
}

/** Five times what a rotation takes: a busy machine is late, and a stuck one is stuck. */
const ROTATION_MS_MAX = 5 * FAST.periodSeconds * 1_000;
const FIRST_MS_MAX = 20_000;
const MINT_EVERY_MS = 100;
const READ_EVERY_MS = 250;
const MOMENT_MS = 300;
const DEAD_SAMPLES_PER_KEY = 10;

interface Held extends Minted {
  readonly mintedMs: number;
  throughRotation: boolean;
}

/** A load under way. */
export interface Load {
  readonly tally: Tally;
  /** Ends it; resolves once nothing is in flight. */
  stop(): Promise<void>;
}

/**
 * Mints all the time, with lives of 1 s to S, and asks about every token that lives, in turn and as fast as the answers come:
 * at once after it was minted, many times over its life, and just before it expires. A refusal counts as wrong when the token
 * had not expired by the time of the answer.
 */
export async function startLoad(deps: LoadDeps): Promise<Load> {
  await untilAccepted(deps);
  const tally = emptyTally();
  const pool: Held[] = [];
  const dead = new Map<string, Held[]>();
  /** When a key was first missing from the JWKS; forgotten once its tokens were checked again after B4. */
  const leftAtMs = new Map<string, number>();
  const left = new Set<string>();
  let unservedMs = 0;
  const inFlight = new Set<Promise<void>>();
  let newestKid = "";
  let running = true;
  let turn = 0;

  const track = (work: Promise<void>): Promise<void> => {
    const tracked = work.finally(() => inFlight.delete(tracked));
    inFlight.add(tracked);
    return tracked;
  };

  async function checkOne(held: Held): Promise<void> {
    const begunMs = Date.now();
    if (begunMs >= held.expMs) return;
    const earlier = held.kid !== newestKid;
    const answer = await deps.check(held.token);
    const endedMs = Date.now();
    tally.checks += 1;
    if (earlier) tally.byEarlierKey += 1;
    if (held.expMs - begunMs <= MOMENT_MS) tally.lastMoment += 1;
    if (begunMs - held.mintedMs <= MOMENT_MS) tally.firstMoment += 1;
    if (answer === "no_answer") tally.noAnswers += 1;
    else if (answer === "accepted") noteThroughRotation(held, earlier);
    else if (endedMs >= held.expMs) tally.lateRejections += 1;
    else
      tally.wrongRejections.push({
        kid: held.kid,
        newestKid,
        ageMs: endedMs - held.mintedMs,
        remainingMs: held.expMs - endedMs,
      });
  }

  function noteThroughRotation(held: Held, earlier: boolean): void {
    if (!earlier || held.throughRotation) return;
    held.throughRotation = true;
    tally.tokensThroughRotation += 1;
  }

  async function mintOne(): Promise<void> {
    const ttl_seconds = 1 + (tally.tokens % FAST.maxTtlSeconds);
    let minted: Minted;
    try {
      minted = await deps.mint({ ttl_seconds });
    } catch (thrown) {
      unservedMs = Date.now();
      const why = messagesOf(thrown);
      tally.mintFaults.set(why, (tally.mintFaults.get(why) ?? 0) + 1);
      return;
    }
    const held = { ...minted, mintedMs: Date.now(), throughRotation: false };
    tally.tokens += 1;
    if (!tally.kids.has(held.kid)) newestKid = held.kid;
    tally.kids.add(held.kid);
    pool.push(held);
    const lastMomentMs = held.expMs - held.mintedMs - MOMENT_MS / 2;
    setTimeout(() => running && void track(checkOne(held)), Math.max(0, lastMomentMs));
    await checkOne(held);
  }

  /** The next living token in turn; those that expired leave the pool, and some are kept to be asked about later. */
  function nextToken(): Held | undefined {
    while (pool.length > 0) {
      turn = (turn + 1) % pool.length;
      const held = pool[turn] as Held;
      if (Date.now() < held.expMs) return held;
      pool.splice(turn, 1);
      const kept = dead.get(held.kid) ?? [];
      if (kept.length < DEAD_SAMPLES_PER_KEY) dead.set(held.kid, [...kept, held]);
    }
    return undefined;
  }

  async function checkAllTheTime(): Promise<void> {
    while (running) {
      const held = nextToken();
      if (held === undefined) await pause(5);
      else await checkOne(held);
    }
  }

  async function mintAllTheTime(): Promise<void> {
    while (running) {
      void track(mintOne());
      await pause(MINT_EVERY_MS);
    }
  }

  async function readAllTheTime(): Promise<void> {
    while (running) {
      const before = pool.slice();
      const kids = await deps.publishedKids().catch(() => undefined);
      if (kids === undefined) unservedMs = Date.now();
      else noteRead(kids, before);
      askAboutTheDead();
      await pause(READ_EVERY_MS);
    }
  }

  function noteRead(kids: readonly string[], before: readonly Held[]): void {
    const now = Date.now();
    tally.jwksReads += 1;
    tally.keysServedMax = Math.max(tally.keysServedMax, kids.length);
    if (before.some((held) => held.expMs > now && !kids.includes(held.kid))) tally.jwksWithoutLiveKey += 1;
    for (const kid of tally.kids) {
      if (kids.includes(kid) || left.has(kid)) continue;
      left.add(kid);
      leftAtMs.set(kid, now);
    }
  }

  /** B4 counts from when the key left; and only while a JWKS is there, because a runtime that gets none continues with its old one. */
  function askAboutTheDead(): void {
    const dueMs = Date.now() - FAST.revocationSeconds * 1_000;
    for (const [kid, leftMs] of leftAtMs) {
      if (Math.max(leftMs, unservedMs) > dueMs) continue;
      leftAtMs.delete(kid);
      void track(askAbout(dead.get(kid) ?? []));
    }
  }

  async function askAbout(expired: readonly Held[]): Promise<void> {
    for (const held of expired) {
      const answer = await deps.check(held.token);
      if (answer === "rejected") tally.rightRejections += 1;
      if (answer === "accepted") tally.wrongAcceptances += 1;
    }
  }

  const loops = [
    mintAllTheTime(),
    readAllTheTime(),
    ...Array.from({ length: deps.checksAtOnce }, checkAllTheTime),
  ];
  return {
    tally,
    async stop() {
      running = false;
      await Promise.all(loops);
      await Promise.all(inFlight);
    },
  };
}

/** A runtime that could never fetch a JWKS rejects everything; the load begins once it has. */
async function untilAccepted(deps: LoadDeps): Promise<void> {
  const deadline = performance.now() + FIRST_MS_MAX;
  while (performance.now() < deadline) {
    const first = await deps.mint({}).catch(() => undefined);
    if (first !== undefined && (await deps.check(first.token)) === "accepted") return;
    await pause(50);
  }
  throw new Error("the runtime never accepted a token");
}

function emptyTally(): Tally {
  const counts = Object.fromEntries(COUNTS.map((name) => [name, 0])) as Record<
    (typeof COUNTS)[number],
    number
  >;
  return { ...counts, keysServedMax: 0, wrongRejections: [], mintFaults: new Map(), kids: new Set() };
}

function messagesOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${messagesOf(thrown.cause)}`;
}

const COUNTS = [
  "checks",
  "noAnswers",
  "lateRejections",
  "byEarlierKey",
  "lastMoment",
  "firstMoment",
  "rightRejections",
  "wrongAcceptances",
  "tokens",
  "tokensThroughRotation",
  "jwksReads",
  "jwksWithoutLiveKey",
] as const;
