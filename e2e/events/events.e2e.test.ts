import { randomBytes } from "node:crypto";
import { decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  mayLeavePostgresOut,
  postgresPlace,
  type StoredPlace,
  sqlitePlace,
} from "../../service/src/testing/store-places.ts";
import { until } from "../support/managed-service.ts";
import { macpAuthWith } from "../support/operator.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { type Receiver, startReceiver } from "./receivers.ts";

const ISSUER = "https://auth.example";
const ADMIN_TOKEN = randomBytes(32).toString("base64url");

describe.each([
  ["PostgreSQL", postgresPlace],
  ["SQLite", sqlitePlace],
] as const)("what is revoked on two replicas over %s reaches a receiver", (name, makePlace) => {
  if (name === "PostgreSQL" && mayLeavePostgresOut()) {
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
    return;
  }
  let place: StoredPlace;
  let receiver: Receiver;
  let env: Record<string, string>;
  const replicas: RunningService[] = [];

  const boot = async (): Promise<RunningService> => {
    const service = await startService(env);
    replicas.push(service);
    return service;
  };
  const adminPort = async (service: RunningService) =>
    Number((await service.event("admin_listening"))["port"]);
  const admin = async (service: RunningService, path: string, body?: object) => {
    const { status, text } = await ask(await adminPort(service), {
      path,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
    });
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };
  const revoke = async (service: RunningService, selector: object): Promise<number> => {
    const { status, body } = await admin(service, "/revocations", { ...selector, reason: "a test" });
    expect([status, body]).toEqual([200, body]);
    return Number(body["epoch"]);
  };
  const mint = async (service: RunningService, body: object) => {
    const { text } = await postTokens(service.port, body);
    return JSON.parse(text) as { token: string; token_id: string };
  };
  /** The numbers that came, each once, in the order of its first coming. */
  const numbers = () => [...new Set(receiver.accepted.map(({ epoch }) => epoch))];
  const arrived = (epoch: number) => until(async () => numbers().includes(epoch), 60);

  beforeAll(async () => {
    place = await makePlace();
    receiver = await startReceiver(ISSUER);
    env = {
      MACP_AUTH_ISSUER: ISSUER,
      MACP_AUTH_SIGNING_ALG: "ES256",
      MACP_AUTH_STORE_URL: place.url,
      MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
      MACP_AUTH_ADMIN_PORT: "0",
      MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
      MACP_AUTH_EVENTS_URL: `${receiver.url}/events?key=not-shown`,
    };
    const first = await boot();
    await boot();
    receiver.verifyWith(`http://127.0.0.1:${String(first.port)}/events/jwks.json`);
  }, BOOT_MS_MAX * 3);

  afterAll(async () => {
    await Promise.all(replicas.map((service) => service.stop("SIGKILL")));
    await receiver.close();
    await place.remove();
  });

  test("within a second or so, with what it stops, signed by a key that is not in the JWKS", async () => {
    const [first, second] = replicas as [RunningService, RunningService];
    const parent = await mint(first, { sender: "agent://a", run: "nightly" });
    const child = await mint(second, { sender: "agent://b", parent: parent.token });
    const epoch = await revoke(first, { run: "nightly" });
    await arrived(epoch);
    const got = receiver.accepted.find((event) => event.epoch === epoch);
    expect(got).toMatchObject({ kind: "run", subject: "nightly", part: 1, isLast: true });
    expect(got?.tokens.toSorted()).toEqual([parent.token_id, child.token_id].toSorted());
    const undone = await admin(second, `/revocations/${String(epoch)}/undo`, { reason: "another one" });
    await arrived(Number(undone.body["epoch"]));
    const jwks = await ask(first.port, { path: "/.well-known/jwks.json" });
    const ours = await ask(second.port, { path: "/events/jwks.json" });
    const [key] = (JSON.parse(ours.text) as { keys: { kid: string; x: string }[] }).keys;
    expect(jwks.text).not.toContain(key?.x);
    expect(receiver.forged).toEqual([]);
    expect(JSON.stringify(first.events("event_delivered"))).not.toContain("not-shown");
  });

  test("all of it, in order, from a receiver that misbehaves in every way, restarts, and while a replica is killed", {
    timeout: 120_000,
  }, async () => {
    const [first, second] = replicas as [RunningService, RunningService];
    let turn = 0;
    receiver.treat = (request, response, accept) => {
      turn += 1;
      // A way that fails is followed by one that does not: waits between tries stay short.
      const ways: readonly (() => void)[] = [
        () => response.writeHead(500).end(),
        () => {
          accept();
          response.writeHead(202);
          // It says more without end.
          const more = (): void => {
            while (!response.destroyed && response.write("x".repeat(65_536)));
          };
          response.on("drain", more);
          more();
        },
        () => request.socket.resetAndDestroy(),
        () => {
          accept();
          setTimeout(() => response.writeHead(202).end(), 300);
        },
        // It says nothing more, and closes its half.
        () => request.socket.end(),
        () => {
          accept();
          response.writeHead(202).end();
        },
        () => response.writeHead(302, { location: `${receiver.url}/elsewhere` }).end(),
      ];
      if (turn <= ways.length) (ways[turn - 1] ?? (() => undefined))();
      else {
        accept();
        response.writeHead(202).end();
      }
    };
    const made: number[] = [];
    for (let count = 0; count < 4; count += 1)
      made.push(await revoke(count % 2 === 0 ? first : second, { sender: `agent://s/${String(count)}` }));
    await arrived(made.at(-1) ?? 0);

    // It restarts, on the same port, and meanwhile a replica is killed: perhaps the one that sends.
    await receiver.close();
    for (let count = 0; count < 4; count += 1)
      made.push(await revoke(first, { sender: `agent://t/${String(count)}` }));
    await second.stop("SIGKILL");
    const { accepted: got, port } = receiver;
    receiver = await startReceiver(ISSUER, port, got);
    receiver.verifyWith(`http://127.0.0.1:${String(first.port)}/events/jwks.json`);
    made.push(await revoke(first, { sender: "agent://u" }));
    await arrived(made.at(-1) ?? 0);

    const seen = numbers();
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
    expect(seen).toEqual(expect.arrayContaining(made));
    expect(receiver.forged).toEqual([]);
    // Its place moves on after the answer of the receiver.
    await expect
      .poll(async () => (await admin(first, "/events")).body, { timeout: 30_000 })
      .toMatchObject({ receivers: [{ name: "default", behind: 0, failures: 0, dead: 0 }] });
    expect((await admin(first, "/readyz")).status).toBe(200);
  });

  test("and an event is no access token, nor is an access token an event (N37)", async () => {
    const [first] = replicas as [RunningService];
    receiver.treat = (_request, response, accept) => {
      accept();
      response.writeHead(202).end();
    };
    const before = receiver.texts.length;
    await revoke(first, { sender: "agent://n37" });
    await until(async () => receiver.texts.length > before, 60);
    const event = receiver.texts.at(-1) ?? "";
    const asParent = await postTokens(first.port, { sender: "agent://x", parent: event });
    expect(asParent.status).toBe(400);
    const { token } = await mint(first, { sender: "agent://x" });
    const rejected = receiver.forged.length;
    await ask(receiver.port, {
      method: "POST",
      path: "/events",
      headers: { "content-type": "application/secevent+jwt" },
      body: token,
    });
    expect(receiver.forged).toHaveLength(rejected + 1);
  });

  test("a receiver that is tested, is wrong for good, and is replayed", async () => {
    const [first] = replicas as [RunningService];
    expect((await admin(first, "/events/test", { receiver: "default" })).body).toMatchObject({
      is_delivered: true,
    });
    receiver.treat = (_request, response) => response.writeHead(400).end();
    const epoch = await revoke(first, { sender: "agent://dead" });
    await until(async () => ((await admin(first, "/events/dead")).body["dead"] as unknown[]).length > 0, 60);
    expect((await admin(first, "/events/dead")).body).toMatchObject({
      dead: [{ receiver: "default", epoch, failures: 3, fault: "answered", status: 400 }],
    });
    receiver.treat = (_request, response, accept) => {
      accept();
      response.writeHead(202).end();
    };
    const macpAuth = macpAuthWith(
      { MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN },
      "events",
      "list",
      "--admin",
      `http://127.0.0.1:${String(await adminPort(first))}`,
    );
    expect(macpAuth.out).toMatch(/^RECEIVER .*\ndefault +http:\/\/127/);
    expect((await admin(first, "/events/replay", { receiver: "default" })).body).toMatchObject({
      replayed: 1,
      left: 0,
    });
    await arrived(epoch);
    expect((await admin(first, "/events/replay", { receiver: "nobody" })).status).toBe(404);
  });

  test("also while the key of events is replaced: both keys are shown, and the one before signs until receivers know the new one", {
    timeout: 90_000,
  }, async () => {
    const [first] = replicas as [RunningService];
    const shown = async (service: RunningService) => {
      const { text } = await ask(service.port, { path: "/events/jwks.json" });
      return (JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    };
    const before = await shown(first);
    const { out, err, code } = macpAuthWith(env, "events", "rotate-key", "--json");
    expect([code, err]).toEqual([0, ""]);
    const { kid } = JSON.parse(out) as { kid: string };
    await until(async () => (await shown(first)).includes(kid), 60);
    expect((await shown(first)).toSorted()).toEqual([...before, kid].toSorted());
    const rejected = receiver.forged.length;
    await arrived(await revoke(first, { sender: "agent://rotated" }));
    expect(decodeProtectedHeader(receiver.texts.at(-1) ?? "").kid).toBe(before[0]);
    expect(receiver.forged).toHaveLength(rejected);
  });
});
