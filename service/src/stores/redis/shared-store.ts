import { createHash } from "node:crypto";
import { createClient } from "@redis/client";
import { messageOf } from "../../kernel/faults.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { Take } from "../../limits/limit-plan.ts";
import { paceOf } from "../../limits/rate.ts";
import type { SharedAnswer, SharedStore } from "../../limits/shared-buckets.ts";
import { TAKE_SCRIPT } from "./take-script.ts";

export interface RedisPlace {
  /** `redis://…` or `rediss://…`. It may hold a password. */
  readonly url: Secret;
  /** Whose buckets they are: all replicas of a deployment have the same, and no other. */
  readonly name: string;
}

/** The buckets in Redis or Valkey, and how the connection ends. */
export interface RedisBuckets extends SharedStore {
  close(): void;
}

const CONNECT_MS_MAX = 1_000;
const RECONNECT_MS = 500;

/** A probe is asked once a second. After so many without an answer the connection is made anew: the server may never answer on this one. */
const PROBES_UNANSWERED_MAX = 3;

/** Far more than one probe a second. */
const PROBE_RATE = { count: 1_000, perSeconds: 1, burst: 1_000 };
const PROBE: Take = { scope: "global", key: "probe", limit: { rate: PROBE_RATE, pace: paceOf(PROBE_RATE) } };

const SCRIPT_SHA = createHash("sha1").update(TAKE_SCRIPT).digest("hex");

/** Connects in the background, and again whenever the connection is lost. */
export function openRedis({ url, name }: RedisPlace, timers: Pick<Timers, "afterArrivals">): RedisBuckets {
  // All keys of a deployment have one hash tag: a script's keys must lie together in a cluster.
  const prefix = `{macp-auth:${digestOf(name)}}`;
  const nameOf = rememberedDigests();
  let unanswered = 0;
  let client = connect(url);

  const run = async (requests: readonly (readonly Take[])[]): Promise<readonly SharedAnswer[]> => {
    const places = new Map<string, number>();
    const placeOf = ({ scope, key }: Take): number => {
      const name = `${prefix}:${scope}:${nameOf(key)}`;
      const place = places.get(name) ?? places.size + 1;
      places.set(name, place);
      return place;
    };
    const rest = requests.flatMap((takes) => [
      String(takes.length),
      ...takes.flatMap((take) => {
        const { intervalUs, spanUs } = take.limit.pace;
        return [String(placeOf(take)), String(intervalUs), String(spanUs)];
      }),
    ]);
    const numbers = await evaluate(client, [String(places.size), ...places.keys(), ...rest]);
    let at = 0;
    return requests.map(({ length }) => {
      const [empty = 0, retryAfterUs = 0, ...spentUs] = numbers.slice(at, at + 2 + length);
      at += 2 + length;
      return { empty: empty === 0 ? undefined : { index: empty - 1, retryAfterUs }, spentUs };
    });
  };
  return {
    take: gathered(run, timers),
    async probe() {
      unanswered += 1;
      if (unanswered > PROBES_UNANSWERED_MAX) {
        unanswered = 0;
        client.destroy();
        client = connect(url);
      }
      await run([[PROBE]]);
      unanswered = 0;
    },
    close: () => {
      client.destroy();
    },
  };
}

const TOGETHER_MAX = 128;

/** Requests that arrive together are decided by one script: most of its cost is that it is called. */
function gathered(
  run: (requests: readonly (readonly Take[])[]) => Promise<readonly SharedAnswer[]>,
  timers: Pick<Timers, "afterArrivals">,
): SharedStore["take"] {
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    run(batch.map(({ takes }) => takes)).then(
      (answers) => {
        for (const [index, answer] of answers.entries()) batch[index]?.resolve(answer);
      },
      (thrown: unknown) => {
        for (const { reject } of batch) reject(thrown);
      },
    );
  };
  return (takes) =>
    new Promise((resolve, reject) => {
      waiting.push({ takes, resolve, reject });
      if (waiting.length === 1) void timers.afterArrivals().then(flush);
      else if (waiting.length >= TOGETHER_MAX) flush();
    });
}

interface Waiting {
  readonly takes: readonly Take[];
  readonly resolve: (answer: SharedAnswer) => void;
  readonly reject: (thrown: unknown) => void;
}

/** The script by its hash, and whole where the server does not know it (yet, or after a restart). */
async function evaluate(client: Client, rest: readonly string[]): Promise<readonly number[]> {
  try {
    return await client.sendCommand<number[]>(["EVALSHA", SCRIPT_SHA, ...rest]);
  } catch (thrown) {
    if (!messageOf(thrown).startsWith("NOSCRIPT")) throw thrown;
    return client.sendCommand<number[]>(["EVAL", TAKE_SCRIPT, ...rest]);
  }
}

type Client = ReturnType<typeof connect>;

function connect(url: Secret) {
  const client = createClient({
    url: url.reveal(),
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    socket: { connectTimeout: CONNECT_MS_MAX, reconnectStrategy: () => RECONNECT_MS },
  });
  // What a lost connection means is found by the next decision or probe.
  client.on("error", () => undefined);
  void client.connect().catch(() => undefined);
  return client;
}

function digestOf(name: string): string {
  return createHash("sha256").update(name).digest("base64url").slice(0, DIGEST_CHARS);
}

const DIGESTS_MAX = 10_000;

/** The same names come again and again. */
function rememberedDigests(): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size >= DIGESTS_MAX) known.clear();
    const digest = digestOf(name);
    if (name.length <= NAME_CHARS_MAX) known.set(name, digest);
    return digest;
  };
}

/** A sender may be longer; those are not remembered. */
const NAME_CHARS_MAX = 256;

/** 132 bits: no two names have the same. */
const DIGEST_CHARS = 22;
