import { createClient } from "@redis/client";
import type { Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/faults.ts";
import type { Machine } from "../../kernel/machine.ts";
import { writePairs } from "./pairs-script.ts";
import { type Commands, PAIRS, prefixOf, runScript, TAKE } from "./run-script.ts";
import { PROBE, type RedisPlace } from "./shared-store.ts";
import { writeRequests } from "./take-command.ts";

/** The server of shared limits, as it looks from here. A fault is in the words of the server, or of the connection to it. */
export type RedisLook =
  | { readonly kind: "unreachable"; readonly fault: string }
  | {
      readonly kind: "answers";
      /** Why it does not decide a request; `undefined`: it does. */
      readonly takeFault: string | undefined;
      /** Why it does not let replicas share which callers they know; `undefined`: it does. */
      readonly pairsFault: string | undefined;
      /** The fastest of a few decisions. */
      readonly fastestMs: number;
      /** What it says of itself; `undefined`: the login may not ask. */
      readonly facts: ServerFacts | undefined;
      /** Its clock, minus that of this machine; `undefined`: the login may not ask. */
      readonly clockOffsetSeconds: number | undefined;
    };

/** What a server says of itself. */
export interface ServerFacts {
  /** Of Redis, or the one of Redis with which Valkey is compatible. */
  readonly version: string | undefined;
  /** What it drops when its memory is full; `undefined`: nothing, or its memory has no limit. */
  readonly drops: string | undefined;
}

const CONNECT_MS_MAX = 2_000;
const DECISIONS = 5;
/** What is noted to see whether it may be is gone after a millisecond. */
const NOTED_US = 1_000;

/**
 * Connects once, does what a replica does with buckets and pairs of its own, which are gone within milliseconds, and closes. Never
 * rejects.
 */
export async function lookAtRedis(
  { url, name }: RedisPlace,
  { stopwatch, clock }: Pick<Machine, "stopwatch" | "clock">,
): Promise<RedisLook> {
  const client = createClient({
    url: url.reveal(),
    RESP: 2,
    disableClientInfo: true,
    commandOptions: { timeout: CONNECT_MS_MAX },
    socket: { connectTimeout: CONNECT_MS_MAX, socketTimeout: CONNECT_MS_MAX, reconnectStrategy: false },
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const prefix = prefixOf(name);
    const took = await decisions(client, prefix, stopwatch);
    return {
      kind: "answers",
      takeFault: took.fault,
      fastestMs: took.fastestMs,
      pairsFault: await pairsFault(client, prefix),
      facts: await allowed(client, ["INFO"], readInfo),
      clockOffsetSeconds: await allowed(client, ["TIME"], (answer) => offsetOf(answer, clock)),
    };
  } catch (thrown) {
    return { kind: "unreachable", fault: messageOf(thrown) };
  } finally {
    client.destroy();
  }
}

async function decisions(
  client: Commands,
  prefix: string,
  stopwatch: Machine["stopwatch"],
): Promise<{ readonly fault: string | undefined; readonly fastestMs: number }> {
  let fastestMs = Number.POSITIVE_INFINITY;
  try {
    for (let turn = 0; turn < DECISIONS; turn += 1) {
      const start = stopwatch.elapsed();
      await runScript(
        client,
        TAKE,
        writeRequests([[PROBE]], () => `${prefix}:look`),
      );
      fastestMs = Math.min(fastestMs, (stopwatch.elapsed() - start) * 1_000);
    }
    return { fault: undefined, fastestMs };
  } catch (thrown) {
    return { fault: messageOf(thrown), fastestMs };
  }
}

async function pairsFault(client: Commands, prefix: string): Promise<string | undefined> {
  const exchange = { key: `${prefix}:look-pairs`, name: "look", noted: ["look"], mark: 0, lifeUs: NOTED_US };
  try {
    await runScript(client, PAIRS, writePairs(exchange));
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** What a command answers, read; `undefined` where it is rejected. */
async function allowed<Read>(
  client: Commands,
  command: readonly string[],
  read: (answer: unknown) => Read,
): Promise<Read | undefined> {
  try {
    return read(await client.sendCommand<unknown>(command));
  } catch {
    return undefined;
  }
}

function offsetOf(answer: unknown, clock: Clock): number {
  const [seconds] = answer as readonly string[];
  return Number(seconds) - clock.now();
}

function readInfo(answer: unknown): ServerFacts {
  const info = String(answer);
  const isLimited = (lineOf(info, "maxmemory") ?? "0") !== "0";
  const policy = lineOf(info, "maxmemory_policy");
  return {
    version: lineOf(info, "redis_version"),
    drops: isLimited && policy !== "noeviction" ? policy : undefined,
  };
}

function lineOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
}
