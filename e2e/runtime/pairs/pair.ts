import { setTimeout as pause } from "node:timers/promises";
import type { Environment } from "../../support/service-process.ts";
import { type CheckChannel, checkChannel } from "../doors/check-channel.ts";
import type { Door } from "../doors/doors.ts";
import { type RunningRuntime, startRuntime } from "../doors/runtime-process.ts";
import { FAST } from "./fast-rotation.ts";
import { type Issuer, startIssuer } from "./issuer.ts";
import { EASY_CHECKS_AT_ONCE, type LoadDeps, startLoad, sumOf } from "./load.ts";

/** A service and a runtime that trusts it. */
export interface Pair {
  readonly issuer: Issuer;
  readonly runtime: RunningRuntime;
}

export async function startPair(
  env: Environment,
  jwksTtlSeconds: number = FAST.jwksTtlSeconds,
): Promise<Pair> {
  const issuer = await startIssuer(env);
  const runtime = await startRuntime({ jwksUrl: issuer.jwksUrl, jwksTtlSeconds });
  return { issuer, runtime };
}

/** Starts a pair for one story and ends it whatever the story does. */
export async function withPair<Result>(
  env: Environment,
  story: (pair: Pair) => Promise<Result>,
  jwksTtlSeconds?: number,
): Promise<Result> {
  const pair = await startPair(env, jwksTtlSeconds);
  try {
    return await story(pair);
  } finally {
    await endPair(pair);
  }
}

export async function endPair({ issuer, runtime }: Pair): Promise<void> {
  await Promise.all([issuer.service.stop("SIGKILL"), runtime.stop()]);
}

/** Asks a runtime about tokens, at each of its doors in turn. */
export interface Checks extends Pick<LoadDeps, "check"> {
  /** How many were asked at which door, including tokens of removed keys. */
  readonly checks: ReadonlyMap<Door, number>;
  close(): void;
}

/** What loads on several pairs saw together. */
export interface LoadReport {
  readonly seconds: number;
  readonly sum: ReturnType<typeof sumOf>;
  /** How many checks went to which door. */
  readonly doors: ReadonlyMap<Door, number>;
}

export interface LoadGoal {
  readonly checksAtOnce?: number;
  /** How long it may take; beyond that the load is given up. */
  readonly secondsMax?: number;
  readonly enough: (soFar: LoadReport) => boolean;
}

/** Loads every pair at once until that is enough. */
export async function loadPairs(
  pairs: readonly Pair[],
  { enough, checksAtOnce = EASY_CHECKS_AT_ONCE, secondsMax = 120 }: LoadGoal,
): Promise<LoadReport> {
  const worlds = pairs.map((pair) => ({ ...worldOf(pair), checksAtOnce }));
  const loads = await Promise.all(worlds.map(startLoad));
  const begun = performance.now();
  const soFar = (): LoadReport => ({
    seconds: (performance.now() - begun) / 1_000,
    sum: sumOf(loads.map((load) => load.tally)),
    doors: atDoors(worlds),
  });
  try {
    while (!enough(soFar())) {
      if (soFar().seconds > secondsMax) throw new Error(`not enough in ${String(secondsMax)} s`);
      await pause(250);
    }
    // What is still in flight counts too.
    await Promise.all(loads.map((load) => load.stop()));
    return soFar();
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
    for (const world of worlds) world.close();
  }
}

/** How many checks went to which door, of several runtimes together. */
function atDoors(all: readonly Pick<Checks, "checks">[]): ReadonlyMap<Door, number> {
  const sum = new Map<Door, number>();
  for (const { checks } of all)
    for (const [door, count] of checks) sum.set(door, (sum.get(door) ?? 0) + count);
  return sum;
}

function worldOf({ issuer, runtime }: Pair): Omit<LoadDeps, "checksAtOnce"> & Checks {
  return { mint: issuer.mint, publishedKids: issuer.publishedKids, ...checksOn(runtime) };
}

/** Checks over two connections in turn: one at each door, or two at the only one. */
export function checksOn({ address, httpUrl }: RunningRuntime): Checks {
  const checks = new Map<Door, number>();
  const grpc = (): CheckChannel => checkChannel(`http://${address}`, "gRPC");
  const channels: readonly (readonly [Door, CheckChannel])[] = [
    ["gRPC", grpc()],
    httpUrl === undefined ? ["gRPC", grpc()] : ["HTTP/JSON", checkChannel(httpUrl, "HTTP/JSON")],
  ];
  let turn = 0;
  return {
    checks,
    check(token) {
      turn += 1;
      const [door, channel] = channels[turn % channels.length] as (typeof channels)[number];
      checks.set(door, (checks.get(door) ?? 0) + 1);
      return channel.check(token);
    },
    close() {
      for (const [, channel] of channels) channel.close();
    },
  };
}
