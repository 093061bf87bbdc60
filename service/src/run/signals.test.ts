import { EventEmitter } from "node:events";
import { beforeEach, describe, expect, test } from "vitest";
import { listenForSignals, type Signals, STOP_SIGNALS } from "./signals.ts";

describe("the signals of a running service", () => {
  let source: EventEmitter;
  let now: number;
  let signals: Signals;
  beforeEach(() => {
    source = new EventEmitter();
    now = 100;
    signals = listenForSignals(source, { elapsed: () => now });
  });
  const isResolved = (promise: Promise<unknown>): Promise<boolean> =>
    Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);

  test.each(STOP_SIGNALS)("%s asks it to stop, and is named", async (signal) => {
    source.emit(signal);
    expect(await signals.stop).toBe(signal);
  });

  test("the first signal that asks it to stop is the one that is named", async () => {
    source.emit("SIGINT");
    source.emit("SIGTERM");
    expect(await signals.stop).toBe("SIGINT");
  });

  test("a second one within a second, as a terminal and npm both send it, does not cut requests in flight off", async () => {
    source.emit("SIGINT");
    now += 0.9;
    source.emit("SIGINT");
    expect(await isResolved(signals.stopAtOnce)).toBe(false);
  });

  test("a second one a second later ends it at once", async () => {
    source.emit("SIGTERM");
    now += 1;
    source.emit("SIGINT");
    expect(await isResolved(signals.stopAtOnce)).toBe(true);
  });

  test("each SIGHUP reloads, and those before the service is ready reload once as soon as it is", () => {
    source.emit("SIGHUP");
    source.emit("SIGHUP");
    let reloads = 0;
    signals.onHangup(() => {
      reloads += 1;
    });
    expect(reloads).toBe(1);
    source.emit("SIGHUP");
    expect(reloads).toBe(2);
  });
});
