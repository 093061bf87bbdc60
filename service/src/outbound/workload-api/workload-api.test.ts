import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { type GivenSvid, WorkloadApiDouble } from "../../testing/spiffe/workload-api-double.ts";
import { TestTimers } from "../../testing/test-timers.ts";
import { firstSvids, followSvids, pauseMs } from "./follow-svids.ts";
import type { X509SvidMessage } from "./messages.ts";
import { streamOpener } from "./open-stream.ts";
import type { StreamFailure } from "./stream-failure.ts";

const SVID: Required<GivenSvid> = {
  spiffe_id: "spiffe://example.org/macp-auth",
  x509_svid: Buffer.from("certificates"),
  x509_svid_key: Buffer.from("a key"),
  bundle: Buffer.from("authorities"),
  hint: "internal",
};

let api: WorkloadApiDouble;
let timers: TestTimers;
let messages: X509SvidMessage[];
let failures: StreamFailure[];
let end: () => void;

beforeEach(async () => {
  api = new WorkloadApiDouble();
  await api.start();
  timers = new TestTimers();
  [messages, failures, end] = [[], [], () => undefined];
});
afterEach(() => {
  end();
  api.remove();
});

function follow(): void {
  end = followSvids(
    streamOpener({ kind: "unix", path: api.path }),
    { timers, random: systemRandom() },
    { onMessage: (message) => messages.push(message), onFailure: (failure) => failures.push(failure) },
  );
}

/** Waits for what the network brings. */
async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 20_000, interval: 5 }).toBe(true);
}

/** Lets the pauses between attempts pass until `condition` holds. */
async function untilAfterPauses(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < 400; tries += 1) {
    await timers.move(1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(condition()).toBe(true);
}

describe("a stream", () => {
  test("gives each message whole, by the numbers of the standard", async () => {
    const federated = { "spiffe://other.org": Buffer.from("others") };
    api.give({ svids: [SVID], crl: [Buffer.from("a list")], federated_bundles: federated });
    follow();
    await until(() => messages.length === 1);
    expect(messages).toEqual([
      {
        svids: [
          {
            spiffeId: SVID.spiffe_id,
            certificates: SVID.x509_svid,
            key: SVID.x509_svid_key,
            bundle: SVID.bundle,
            hint: SVID.hint,
          },
        ],
        federatedBundles: federated,
      },
    ]);
    api.give({ svids: [{ spiffe_id: "spiffe://example.org/other" }] });
    await until(() => messages.length === 2);
    expect(messages[1]).toEqual({
      svids: [
        {
          spiffeId: "spiffe://example.org/other",
          certificates: Buffer.alloc(0),
          key: Buffer.alloc(0),
          bundle: Buffer.alloc(0),
          hint: "",
        },
      ],
      federatedBundles: {},
    });
    expect(failures).toEqual([]);
  });

  test("is opened over TCP too, without asking a proxy of the environment", async () => {
    const port = await new WorkloadApiDouble().start("127.0.0.1:0").catch(() => 0);
    expect(port).toBeGreaterThan(0);
    const over = new WorkloadApiDouble();
    const own = await over.start("127.0.0.1:0");
    over.give({ svids: [SVID] });
    process.env["http_proxy"] = "http://127.0.0.1:1";
    const close = streamOpener({ kind: "tcp", address: "127.0.0.1", port: own })({
      onMessage: (message) => messages.push(message),
      onEnd: (failure) => failures.push(failure),
    });
    await until(() => messages.length + failures.length > 0);
    delete process.env["http_proxy"];
    expect([messages.length, failures]).toEqual([1, []]);
    close();
    over.remove();
  });

  test.each([
    [status.PERMISSION_DENIED, "no_identity", "PERMISSION_DENIED: no identity issued"],
    [status.UNIMPLEMENTED, "not_workload_api", "UNIMPLEMENTED: no identity issued"],
    [status.INVALID_ARGUMENT, "not_workload_api", "INVALID_ARGUMENT: no identity issued"],
    [status.INTERNAL, "failed", "INTERNAL: no identity issued"],
  ] as const)("that ends with status %i says so", async (code, kind, details) => {
    api.end(code, "no identity issued");
    follow();
    await until(() => failures.length === 1);
    expect(failures).toEqual([{ kind, details }]);
  });

  test("whose message is larger than 4 MiB is a failure, and the message is not read", async () => {
    api.give({ svids: [{ ...SVID, bundle: Buffer.alloc(4 * 1024 * 1024) }] });
    follow();
    await until(() => failures.length === 1);
    expect([failures[0]?.kind, messages]).toEqual(["too_large", []]);
  });

  test("to a socket that is not there is a failure that names it", async () => {
    api.stop();
    follow();
    await until(() => failures.length === 1);
    expect(failures).toEqual([{ kind: "unreachable", details: `UNAVAILABLE: connect ENOENT ${api.path}` }]);
  });
});

describe("a stream that ends", () => {
  test("is opened again, without a failure where it had given a message and the next one gives one too", async () => {
    api.give({ svids: [SVID] });
    follow();
    await until(() => messages.length === 1);
    api.stop();
    // The client has to see it before the agent is back.
    await until(() => timers.waiting === 1);
    await api.start();
    await untilAfterPauses(() => messages.length === 2);
    expect([failures, api.asked]).toEqual([[], 2]);
  });

  test("or is denied is opened again and again, each time reported, until it gives a message", async () => {
    api.give({ svids: [SVID] });
    follow();
    await until(() => messages.length === 1);
    api.end(status.PERMISSION_DENIED, "no identity issued");
    await untilAfterPauses(() => failures.length >= 3);
    expect(new Set(failures.map(({ kind }) => kind))).toEqual(new Set(["no_identity"]));
    api.give({ svids: [SVID] });
    await untilAfterPauses(() => messages.length === 2);
  });

  test("because it was silent for ten seconds is a failure, and is opened again", async () => {
    follow();
    await until(() => api.streams === 1);
    await timers.move(9_999);
    expect(failures).toEqual([]);
    await timers.move(1);
    expect(failures).toEqual([{ kind: "no_answer", seconds: 10 }]);
    await untilAfterPauses(() => api.asked === 2);
    // One stream at a time.
    await until(() => api.streams === 1);
  });

  test("by our own will is not opened again, and no timer is left", async () => {
    api.give({ svids: [SVID] });
    follow();
    await until(() => messages.length === 1);
    end();
    await until(() => api.streams === 0);
    await timers.move(120_000);
    expect([api.asked, timers.waiting, failures]).toEqual([1, 0, []]);
  });
});

test("the pauses between attempts grow from 1 to 2 seconds to 15 to 30, and differ by chance", () => {
  const bounds = [0, 1, 2, 3, 4, 5, 50, Number.POSITIVE_INFINITY].map((failed) => [
    pauseMs(failed, 0),
    pauseMs(failed, 1),
  ]);
  expect(bounds).toEqual([
    [1_000, 2_000],
    [2_000, 4_000],
    [4_000, 8_000],
    [8_000, 16_000],
    [15_000, 30_000],
    [15_000, 30_000],
    [15_000, 30_000],
    [15_000, 30_000],
  ]);
});

describe("a start", () => {
  const first = (msMax = 30_000): ReturnType<typeof firstSvids> =>
    firstSvids(
      streamOpener({ kind: "unix", path: api.path }),
      { timers, random: systemRandom() },
      { msMax, onWaiting: (failure) => failures.push(failure) },
    );

  test("waits for an agent that comes later, and says once that it waits", async () => {
    api.stop();
    const answer = first();
    await until(() => failures.length === 1);
    await timers.move(5_000);
    api.give({ svids: [SVID] });
    await api.start();
    let found: unknown;
    void answer.then((value) => {
      found = value;
    });
    await untilAfterPauses(() => found !== undefined);
    expect(found).toMatchObject({ svids: [{ spiffeId: SVID.spiffe_id }] });
    expect(failures).toHaveLength(1);
    await until(() => api.streams === 0);
    expect(timers.waiting).toBe(0);
  });

  test("gives up after its time, with the last reason", async () => {
    api.end(status.PERMISSION_DENIED, "no identity issued");
    const answer = first(3_000);
    await until(() => failures.length === 1);
    await timers.move(3_000);
    expect(await answer).toMatchObject({ kind: "no_identity" });
    expect(timers.waiting).toBe(0);
  });

  test("does not wait for what is no Workload API", async () => {
    api.end(status.UNIMPLEMENTED, "unknown service");
    expect(await first()).toMatchObject({ kind: "not_workload_api" });
    expect(failures).toEqual([]);
  });
});
