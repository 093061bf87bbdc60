import { createClient } from "@redis/client";
import type { Random } from "../../kernel/random.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { Scope, Take } from "../../limits/limit-plan.ts";
import { paceOf } from "../../limits/rate.ts";
import type { SharedAnswer, SharedStore } from "../../limits/shared-buckets.ts";
import type { PairStore } from "../../limits/shared-pairs.ts";
import { readPairs, writePairs } from "./pairs-script.ts";
import { digestOf, PAIRS, prefixOf, runScript, TAKE } from "./run-script.ts";
import { REQUESTS_TOGETHER_MAX, readAnswers, writeRequests } from "./take-command.ts";

export interface RedisPlace {
  /** `redis://…` or `rediss://…`. It may hold a password. */
  readonly url: Secret;
  /** Whose buckets they are: all replicas of a deployment have the same, and no other. */
  readonly name: string;
}

/** The buckets in Redis or Valkey, the pairs that replicas know, and how the connection ends. */
export interface RedisBuckets extends SharedStore, PairStore {
  close(): void;
}

const CONNECT_MS_MAX = 1_000;
const RECONNECT_MS = 500;

/** A probe is asked once a second. After so many without an answer the connection is made anew: the server may never answer on this one. */
const PROBES_UNANSWERED_MAX = 3;

/** Far more than one probe a second. */
const PROBE_RATE = { count: 1_000, perSeconds: 1, burst: 1_000 };
/** What a probe takes: a token of a bucket of its own, which is gone within milliseconds. */
export const PROBE: Take = {
  scope: "global",
  key: "probe",
  limit: { rate: PROBE_RATE, pace: paceOf(PROBE_RATE) },
};

/** Connects in the background, and again whenever the connection is lost. `random`: names what is begun there. */
export function openRedis(
  { url, name: deployment }: RedisPlace,
  { timers, random }: { readonly timers: Pick<Timers, "afterArrivals">; readonly random: Random },
): RedisBuckets {
  const prefix = prefixOf(deployment);
  const keyOf = rememberedKeys(prefix);
  let unanswered = 0;
  let client = connect(url);

  const run = async (requests: readonly (readonly Take[])[]): Promise<readonly SharedAnswer[]> =>
    readAnswers(requests, await runScript(client, TAKE, writeRequests(requests, keyOf)));
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
    async exchange(noted, mark) {
      const name = random.bytes(SET_NAME_BYTES).toString("base64url");
      return readPairs(
        await runScript(client, PAIRS, writePairs({ key: `${prefix}:pairs`, name, noted, mark })),
      );
    },
    close: () => {
      client.destroy();
    },
  };
}

/** No two sets have the same name. */
const SET_NAME_BYTES = 16;

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
      else if (waiting.length >= REQUESTS_TOGETHER_MAX) flush();
    });
}

interface Waiting {
  readonly takes: readonly Take[];
  readonly resolve: (answer: SharedAnswer) => void;
  readonly reject: (thrown: unknown) => void;
}

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

const KEYS_MAX = 10_000;

/** The same names come again and again. */
function rememberedKeys(prefix: string): (take: Pick<Take, "scope" | "key">) => string {
  const scopes = new Map<Scope, Map<string, string>>();
  return ({ scope, key }) => {
    const known = scopes.get(scope) ?? new Map<string, string>();
    const found = known.get(key);
    if (found !== undefined) return found;
    scopes.set(scope, known);
    if (known.size >= KEYS_MAX) known.clear();
    const written = `${prefix}:${scope}:${digestOf(key)}`;
    if (key.length <= NAME_CHARS_MAX) known.set(key, written);
    return written;
  };
}

/** A sender may be longer; those are not remembered. */
const NAME_CHARS_MAX = 256;
