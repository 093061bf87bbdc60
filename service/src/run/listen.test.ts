import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../config/config-error.ts";
import { empty } from "../http/answer.ts";
import { httpServer, type Listener } from "../http/listener.ts";
import { countingRandom } from "../testing/mint-deps.ts";
import { TestTimers } from "../testing/test-timers.ts";
import { drain, listenAll, type Place } from "./listen.ts";

const ANY_PORT: Place = { port: 0, host: "127.0.0.1", portVariable: "PORT", hostVariable: "HOST" };
const portOf = ({ server }: Listener): number => (server.address() as AddressInfo).port;

/** Listeners whose answers come when the test gives them, and timers that the test moves. */
let timers: TestTimers;
let opened: Listener[];
let giveAnswers: () => void;

function newListener(): Listener {
  const answered = new Promise<void>((resolve) => {
    giveAnswers = resolve;
  });
  const listener = httpServer(
    { log: pino({ level: "silent" }), random: countingRandom(), timers, keepAliveSeconds: 65 },
    [
      { method: "GET", path: "/at-once", handle: () => empty(204, []) },
      { method: "GET", path: "/slow", handle: () => answered.then(() => empty(204, [])) },
    ],
  );
  opened.push(listener);
  return listener;
}

/** Sends one request; resolves to its status and what its answer says of the connection. */
async function ask(listener: Listener, path: string, agent?: Agent): Promise<readonly unknown[]> {
  const request = get({ port: portOf(listener), host: "127.0.0.1", path, agent });
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
  return [answer.statusCode, answer.headers.connection];
}

/** Sends a request and resolves when the service has it. */
async function inFlight(listener: Listener): Promise<{ readonly answer: Promise<readonly unknown[]> }> {
  const arrived = once(listener.server, "request");
  const answer = ask(listener, "/slow");
  answer.catch(() => undefined);
  await arrived;
  return { answer };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const connected = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return connected;
}

beforeEach(() => {
  timers = new TestTimers();
  opened = [];
});
afterEach(() => {
  for (const { server } of opened) {
    server.close();
    server.closeAllConnections();
  }
});

describe("the listeners", () => {
  test("all listen, or none does and every address that cannot be used is named", async () => {
    const [first] = await listenAll([{ listener: newListener(), place: ANY_PORT }]);
    const taken = { ...ANY_PORT, port: portOf(first as Listener) };
    const free = newListener();
    const outcome = listenAll([
      { listener: free, place: ANY_PORT },
      { listener: newListener(), place: taken },
      { listener: newListener(), place: { ...ANY_PORT, host: "192.0.2.1", hostVariable: "ADMIN_HOST" } },
    ]);
    const fault = await outcome.catch((thrown: unknown) => thrown);
    expect(fault).toBeInstanceOf(ConfigError);
    expect((fault as ConfigError).faults.map((line) => line.split(":")[0])).toEqual(["PORT", "ADMIN_HOST"]);
    expect(free.server.listening).toBe(false);
  });
});

describe("a shutdown", () => {
  const NEVER = new Promise<never>(() => undefined);
  let seconds: number;
  /** Moves the timers and the stopwatch on, a tenth of a second at a time. */
  async function pass(secondsMore: number): Promise<void> {
    for (let tenth = 0; tenth < secondsMore * 10; tenth += 1) {
      seconds += 0.1;
      await timers.move(100);
    }
  }
  function shutDown(listener: Listener, acceptMs = 0, atOnce: Promise<void> = NEVER) {
    let code: number | undefined;
    const machine = { timers, stopwatch: { elapsed: () => seconds } };
    const ended = drain(machine, [listener], acceptMs, atOnce).then((value) => {
      code = value;
    });
    return { ended, code: () => code };
  }

  let listener: Listener;
  let port: number;
  beforeEach(async () => {
    seconds = 0;
    [listener] = (await listenAll([{ listener: newListener(), place: ANY_PORT }])) as [Listener];
    port = portOf(listener);
  });

  test("of an idle service ends with 0 at once, and leaves no timer behind", async () => {
    const { ended, code } = shutDown(listener);
    await ended;
    expect(code()).toBe(0);
    expect(timers.waiting).toBe(0);
  });

  test("waits for the requests in flight, whose answers end their connections, and ends with 0", async () => {
    const { answer } = await inFlight(listener);
    const { ended, code } = shutDown(listener);
    await pass(5);
    expect([code(), await accepts(port)]).toEqual([undefined, false]);
    giveAnswers();
    expect(await answer).toEqual([204, "close"]);
    await ended;
    expect(code()).toBe(0);
  });

  test("ends with 1 when a request is in flight for ten seconds more, and not before", async () => {
    const { answer } = await inFlight(listener);
    const { ended, code } = shutDown(listener);
    await pass(9.8);
    expect(code()).toBeUndefined();
    await pass(0.4);
    await ended;
    expect(code()).toBe(1);
    await expect(answer).rejects.toThrow();
  });

  test("ends with 1 at once at the second signal, which cuts the requests in flight off", async () => {
    const { answer } = await inFlight(listener);
    let secondSignal = (): void => undefined;
    const { ended, code } = shutDown(
      listener,
      0,
      new Promise((resolve) => {
        secondSignal = resolve;
      }),
    );
    await pass(1);
    expect(code()).toBeUndefined();
    secondSignal();
    await ended;
    expect(code()).toBe(1);
    await expect(answer).rejects.toThrow();
  });

  test("closes a kept-alive connection that was quiet for a second, not before", async () => {
    const agent = new Agent({ keepAlive: true });
    await ask(listener, "/at-once", agent);
    const { ended, code } = shutDown(listener);
    await pass(0.9);
    expect(code()).toBeUndefined();
    await pass(0.5);
    await ended;
    expect(code()).toBe(0);
    agent.destroy();
  });

  test("accepts for as long as it may drain, and its answers end their connections; in the last quarter of a second they do not", async () => {
    const agent = new Agent({ keepAlive: true });
    const { ended, code } = shutDown(listener, 3_000);
    await pass(2.5);
    expect(await ask(listener, "/at-once", agent)).toEqual([204, "close"]);
    await pass(0.3);
    expect(await ask(listener, "/at-once", agent)).toEqual([204, "keep-alive"]);
    expect(code()).toBeUndefined();
    await pass(2);
    await ended;
    expect([code(), await accepts(port)]).toEqual([0, false]);
    agent.destroy();
  });
});
