import { setTimeout as pause } from "node:timers/promises";
import type { RunningService } from "../support/service-process.ts";
import { type Experience, type HonestLoad, honestLoad, mintMany } from "./honest-load.ts";
import type { Attack, Listener, Outcome } from "./start-attack.ts";

/** 20 new connections a second, and five times as many mints. */
const RATES = { mints: 100, jwks: 40 } as const;
const LOOK_MS = 100;
/** Until the young generation of the heap is as large as honest clients alone make it. */
const MINTS_BEFORE = 6_000;

/** A service under honest load, and what it is like without an attack. */
export interface Subject {
  readonly service: RunningService;
  readonly listener: Listener;
  readonly load: HonestLoad;
  readonly baseline: Experience;
  /** Resident memory at the end of the baseline. */
  readonly baselineKib: number;
}

/** One attack on one listener: a row of the table. */
export interface Measurement {
  readonly attack: Attack;
  readonly listener: Listener;
  readonly experience: Experience;
  /** How far the memory was above that of the baseline at the most. */
  readonly growthMb: number;
  readonly outcome: Outcome;
}

/** Warms a service up, and measures it in peace. */
export async function inPeace(
  service: RunningService,
  listener: Listener,
  seconds: number,
): Promise<Subject> {
  const target = { port: service.port, overTls: listener === "TLS" };
  await mintMany(target, MINTS_BEFORE);
  const load = honestLoad(target, RATES);
  await pause(Math.max(1, seconds / 2) * 1_000);
  load.takeExperience();
  await pause(seconds * 1_000);
  const baseline = load.takeExperience();
  return { service, listener, load, baseline, baselineKib: (await service.memoryKib("VmRSS")) ?? 0 };
}

/** Attacks for `seconds`, while honest clients go on. */
export async function underAttack(subject: Subject, attack: Attack, seconds: number): Promise<Measurement> {
  const { service, listener, load, baselineKib } = subject;
  load.takeExperience();
  const running = attack.start({ port: service.port, overTls: listener === "TLS", seconds });
  const over = Promise.race([running.ended, pause(seconds * 1_000)]).then(() => "over" as const);
  let highestKib = 0;
  do highestKib = Math.max(highestKib, (await service.memoryKib("VmRSS")) ?? 0);
  while ((await Promise.race([over, pause(LOOK_MS)])) !== "over");
  const experience = load.takeExperience();
  const outcome = await running.stop();
  return { attack, listener, experience, growthMb: ((highestKib - baselineKib) * 1_024) / 1e6, outcome };
}
