import { once } from "node:events";
import { type ClientRequest, get, request } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadSettings } from "../config/environment.ts";
import { LiveKeys } from "../keys/given/live-keys.ts";
import { ringAtBoot } from "../keys/given/plan-file-change.ts";
import { signersFor } from "../keys/given/signers-for.ts";
import { openLog } from "../telemetry/log.ts";
import { countingRandom } from "../testing/mint-deps.ts";
import { TestClock } from "../testing/moments.ts";
import { testKey } from "../testing/test-keys.ts";
import { TestTimers } from "../testing/test-timers.ts";
import { loadAccess } from "../wiring/access.ts";
import type { KeyUpkeep } from "../wiring/key-upkeep.ts";
import { type ServeParts, type ServeWorld, serve } from "./serve.ts";

const NEVER = new Promise<never>(() => undefined);
const LISTENER = { HOST: "127.0.0.1", PORT: "0", MACP_AUTH_SIGNING_ALG: "ES256" };

/** What happened, in order: the events of the log, and what was done with the keys. */
let happened: string[];
let lines: Record<string, unknown>[];
let errors: string[];
let timers: TestTimers;
let signal: (name?: string) => void;
let hangUp: () => void;
let world: ServeWorld;

beforeEach(() => {
  [happened, lines, errors] = [[], [], []];
  timers = new TestTimers();
  hangUp = () => undefined;
  world = {
    environment: LISTENER,
    err: (line) => errors.push(line),
    stdoutIsTerminal: false,
    version: "1.0.0",
    nodeVersion: "v24.0.0",
    clock: new TestClock(),
    stopwatch: { elapsed: () => 0 },
    random: countingRandom(),
    timers,
    signals: {
      stop: new Promise((resolve) => {
        signal = (name = "SIGTERM") => {
          resolve(name);
        };
      }),
      stopAtOnce: NEVER,
      onHangup(reload) {
        hangUp = reload;
      },
    },
  };
});
afterEach(() => {
  signal();
});

/** A custody with one signing key that records what is done with it. */
function recordedUpkeep(override: Partial<KeyUpkeep> = {}): KeyUpkeep {
  const keys = [testKey("signing")];
  const { clock } = world;
  const record = (what: string) => {
    happened.push(what);
    return Promise.resolve();
  };
  return {
    directory: new LiveKeys(ringAtBoot(keys, clock.now()), signersFor(keys), clock),
    round: () => record("upkeep round"),
    loops: [{ name: "lease", everyMs: 1_000, run: () => record("lease round") }],
    close: () => record("keys closed"),
    watch: () => undefined,
    usage: undefined,
    database: undefined,
    sealing: undefined,
    managed: undefined,
    ...override,
  };
}

const openRecordedLog: ServeParts["openLog"] = () => {
  happened.push("log opened");
  const log = openLog("info", {
    write(line) {
      const parsed = JSON.parse(line) as Record<string, unknown>;
      lines.push(parsed);
      happened.push(String(parsed["event"]));
    },
  });
  return Promise.resolve({
    log,
    flush: () => {
      happened.push("log flushed");
      return Promise.resolve();
    },
  });
};

/** Serves with this upkeep. The settings are read from the world's environment, as always. */
function served(upkeep: KeyUpkeep): Promise<number> {
  const open = () => {
    happened.push("keys opened");
    return Promise.resolve(upkeep);
  };
  return serve(world, {
    load: async ({ environment }) => {
      const read = loadSettings(environment);
      const access = await loadAccess(read, undefined);
      return {
        ...read,
        token: undefined,
        keys: { given: undefined, open },
        access,
        tls: undefined,
        receiver: undefined,
        tracesCa: undefined,
      };
    },
    openLog: openRecordedLog,
  });
}

/** Serves with the keys that the environment names. */
function servedAsSet(): Promise<number> {
  return serve(world, { openLog: openRecordedLog });
}

/** The first line of the log with this event. */
async function event(name: string): Promise<Record<string, unknown>> {
  const find = () => lines.find((line) => line["event"] === name);
  await expect.poll(find).toBeDefined();
  return find() ?? {};
}

/** The status of the answer to a GET of the public listener. */
async function answered(path: string): Promise<number | undefined> {
  const { port } = await event("listening");
  return new Promise((resolve, reject) => {
    get({ port: Number(port), host: "127.0.0.1", path, agent: false }, (answer) => {
      void text(answer).then(() => {
        resolve(answer.statusCode);
      });
    }).on("error", reject);
  });
}

/** A mint whose body lacks its last byte: the service has it and cannot answer it yet. */
async function halfSentMint(): Promise<ClientRequest> {
  const { port } = await event("listening");
  const headers = { "content-type": "application/json", "content-length": 14 };
  const half = request({ port: Number(port), host: "127.0.0.1", method: "POST", path: "/tokens", headers });
  half.on("error", () => undefined);
  half.write('{"sender":"a"');
  await once(half, "socket").then(([socket]) => once(socket as Socket, "connect"));
  // The bytes have arrived when a later request is answered.
  await answered("/healthz");
  return half;
}

/** Whether it is still under way after everything that can happen without waiting has happened. */
async function isUnderWay(ended: Promise<number>): Promise<boolean> {
  await timers.move(0);
  return Promise.race([ended.then(() => false), Promise.resolve(true)]);
}

describe("a start", () => {
  test("opens the log, then the keys, lets one round of upkeep end, and only then listens; the loops begin last", async () => {
    let endRound = (): void => undefined;
    const round = () => {
      happened.push("upkeep round");
      return new Promise<void>((resolve) => {
        endRound = resolve;
      });
    };
    const ended = served(recordedUpkeep({ round }));
    await expect.poll(() => happened).toContain("upkeep round");
    await timers.move(5_000);
    expect(happened).toEqual(["log opened", "keys opened", "upkeep round"]);
    endRound();
    await event("listening");
    expect(happened).not.toContain("lease round");
    expect(await answered("/healthz")).toBe(200);
    await timers.move(1_000);
    expect(happened.filter((what) => what !== "ephemeral_key")).toEqual([
      "log opened",
      "keys opened",
      "upkeep round",
      "listening",
      "lease round",
    ]);
    signal();
    expect(await ended).toBe(0);
  });

  test("with faulty settings and files reports all faults at once, and opens neither log nor keys", async () => {
    world = {
      ...world,
      environment: {
        PORT: "none",
        MACP_AUTH_SIGNING_KEY_FILE: "/nonexistent/key.json",
        MACP_AUTH_ADMIN_PORT: "0",
        MACP_AUTH_ADMIN_TOKEN_FILE: "/nonexistent/token",
      },
    };
    expect(await servedAsSet()).toBe(1);
    expect(errors.map((line) => /^macp-auth: (\w+)/.exec(line)?.[1]).toSorted()).toEqual([
      "MACP_AUTH_ADMIN_TOKEN_FILE",
      "MACP_AUTH_SIGNING_KEY_FILE",
      "PORT",
    ]);
    expect(happened).toEqual([]);
  });

  test("whose address is in use reports it, and closes what it opened", async () => {
    const first = served(recordedUpkeep());
    const { port } = await event("listening");
    happened.length = 0;
    world = { ...world, environment: { ...LISTENER, PORT: String(port) } };
    expect(await served(recordedUpkeep())).toBe(1);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^macp-auth: PORT: /);
    expect(happened.slice(-3)).toEqual(["upkeep round", "keys closed", "log flushed"]);
    signal();
    expect(await first).toBe(0);
  });

  test("without its store listens, and serves neither keys nor tokens until the store is available", async () => {
    world = {
      ...world,
      environment: {
        ...LISTENER,
        MACP_AUTH_STORE_URL: "postgres://nobody@127.0.0.1:1/none",
        MACP_AUTH_KEK: Buffer.from(world.random.bytes(32)).toString("hex"),
      },
    };
    const ended = servedAsSet();
    await event("listening");
    expect(await answered("/healthz")).toBe(200);
    expect(await answered("/.well-known/jwks.json")).toBe(503);
    expect(happened.indexOf("key_store_unavailable")).toBeLessThan(happened.indexOf("listening"));
    signal();
    expect(await ended).toBe(0);
  });

  test("that fails through a bug rejects with the error, and closes what it opened", async () => {
    const fault = new TypeError("a bug");
    await expect(served(recordedUpkeep({ round: () => Promise.reject(fault) }))).rejects.toBe(fault);
    expect(happened.slice(-2)).toEqual(["keys closed", "log flushed"]);
    expect(errors).toEqual([]);
  });

  test("that hangs ends with 1, a second and a half after a signal to stop", async () => {
    const ended = served(recordedUpkeep({ round: () => NEVER }));
    await timers.move(60_000);
    expect(await isUnderWay(ended)).toBe(true);
    signal();
    await timers.move(1_499);
    expect(await isUnderWay(ended)).toBe(true);
    await timers.move(1);
    expect(await ended).toBe(1);
  });
});

describe("a signal to stop", () => {
  test("ends the listeners, then the loops, then the keys, and the log last", async () => {
    const ended = served(recordedUpkeep());
    await event("listening");
    await timers.move(1_000);
    happened.length = 0;
    signal("SIGINT");
    expect(await ended).toBe(0);
    expect(happened).toEqual(["stopping", "stopped", "keys closed", "log flushed"]);
    expect(await event("stopping")).toMatchObject({ signal: "SIGINT" });
    await timers.move(10_000);
    expect(happened).not.toContain("lease round");
    expect(timers.waiting).toBe(0);
  });

  test("answers the request in flight first, while upkeep continues and no other connection is accepted", async () => {
    const ended = served(recordedUpkeep());
    const half = await halfSentMint();
    signal();
    await expect.poll(() => happened).toContain("stopping");
    await timers.move(1_000);
    expect(happened.slice(-2)).toEqual(["stopping", "lease round"]);
    await expect(answered("/healthz")).rejects.toThrow();
    half.end("}");
    expect((await once(half, "response"))[0]).toMatchObject({ statusCode: 200 });
    expect(await ended).toBe(0);
    expect(happened.slice(-4)).toEqual(["token_minted", "stopped", "keys closed", "log flushed"]);
  });

  test("ends with 1 at the second one, whatever is in flight, and still closes the keys and the log", async () => {
    let secondSignal = (): void => undefined;
    const stopAtOnce = new Promise<void>((resolve) => {
      secondSignal = resolve;
    });
    world = { ...world, signals: { ...world.signals, stopAtOnce } };
    const ended = served(recordedUpkeep());
    const half = await halfSentMint();
    signal();
    expect(await isUnderWay(ended)).toBe(true);
    secondSignal();
    expect(await ended).toBe(1);
    expect(await event("stopped")).toMatchObject({ code: 1 });
    expect(happened.slice(-2)).toEqual(["keys closed", "log flushed"]);
    half.destroy();
  });

  test("lets the round of upkeep that is under way end before the keys are closed, and waits for it for a second", async () => {
    let endRound = (): void => undefined;
    const run = () =>
      new Promise<void>((resolve) => {
        endRound = () => {
          happened.push("round ended");
          resolve();
        };
      });
    const ended = served(recordedUpkeep({ loops: [{ name: "rotation", everyMs: 1_000, run }] }));
    await event("listening");
    await timers.move(1_000);
    signal();
    await expect.poll(() => happened).toContain("stopping");
    await timers.move(900);
    expect(happened).not.toContain("keys closed");
    endRound();
    expect(await ended).toBe(0);
    expect(happened.indexOf("round ended")).toBeLessThan(happened.indexOf("keys closed"));
  });

  test.each([
    ["a round of upkeep", { loops: [{ name: "lease", everyMs: 1_000, run: () => NEVER }] }],
    ["the store", { close: () => NEVER }],
  ])("gives up %s that does not end after a second, and still flushes the log", async (_what, hangs) => {
    const ended = served(recordedUpkeep(hangs));
    await event("listening");
    await timers.move(1_000);
    signal();
    await expect.poll(() => happened).toContain("stopping");
    expect(await isUnderWay(ended)).toBe(true);
    await timers.move(1_000);
    expect(await ended).toBe(0);
    expect(happened.at(-1)).toBe("log flushed");
  });
});

describe("SIGHUP", () => {
  test("looks twice at the followed files, and is logged when their changes are in force", async () => {
    const ended = served(recordedUpkeep());
    await event("listening");
    happened.length = 0;
    hangUp();
    await event("reloaded");
    expect(happened).toEqual(["upkeep round", "upkeep round", "reloaded"]);
    signal();
    expect(await ended).toBe(0);
  });
});
