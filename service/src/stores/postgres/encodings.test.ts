import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OPEN_ACCESS } from "../../http/access.ts";
import { publicServer } from "../../http/public-server.ts";
import { epochSeconds, systemClock, systemStopwatch } from "../../kernel/clock.ts";
import { systemTimers } from "../../kernel/timers.ts";
import type { VerifierSighting } from "../../keys/managed/key-store.ts";
import { ManagedKeys } from "../../keys/managed/managed-keys.ts";
import { wholeRound } from "../../keys/managed/round.ts";
import { noMeter } from "../../telemetry/meter.ts";
import { beatOf, publishFresh, replicaOf } from "../../testing/contracts/key-store-contract.ts";
import { custodyOf, keksUnder } from "../../testing/custodies.ts";
import { kidOf } from "../../testing/forged.ts";
import { RULES } from "../../testing/managed-key-sets.ts";
import { mintDeps } from "../../testing/mint-deps.ts";
import { databasePlace } from "../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut, type StoredPlace } from "../../testing/store-places.ts";

const keks = keksUnder(1);
/** What lies outside of one encoding or another: Latin, Cyrillic, Japanese, emoji, NUL, a lone surrogate, the last code point. */
const AWKWARD = "Ã© ключ 日本 😀 100% %{41} \\u{0} \0 \ud800 \u{10ffff}";

function sighting(address: string, userAgent: string): VerifierSighting {
  return {
    address,
    userAgent,
    version: 1,
    seenAt: epochSeconds(1000),
    minIntervalSeconds: undefined,
    fetches: 1,
  };
}

describe.skipIf(mayLeavePostgresOut()).each(["WIN1251", "SQL_ASCII", "LATIN1", "EUC_JP", "UTF8"])(
  "a database with ENCODING %s",
  { timeout: 120_000 },
  (encoding) => {
    let place: StoredPlace;
    beforeEach(async () => {
      place = await databasePlace(encoding);
    });
    afterEach(() => place.remove());

    test("holds every text that reaches it, and gives it back as it was", async () => {
      const store = await place.open(keks);
      const fresh = await publishFresh(keks);
      const kid = kidOf(`ключ-日本-é-${"\u{10ffff}".repeat(240)}`);
      const named = { ...fresh, kid, publicJwk: { ...fresh.publicJwk, kid } };
      expect(await store.replace(0, [named, { kind: "taint", kid, reason: AWKWARD }])).toBe("replaced");
      const replica = replicaOf(AWKWARD, 1);
      const sightings = [
        sighting("fe80::1%eth0", AWKWARD),
        sighting(AWKWARD, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("latin1")),
      ];
      await store.beat(beatOf({ replica, verifiers: sightings }));
      const set = await store.load();
      expect(set.keys).toMatchObject([{ kid, reason: AWKWARD }]);
      expect(set.replicas).toMatchObject([{ id: AWKWARD }]);
      expect(set.verifiers.toSorted((one) => (one.address === AWKWARD ? 1 : -1))).toEqual(sightings);
      expect(await store.replace(1, [{ kind: "revoke", kid, reason: "\0" }])).toBe("replaced");
    });

    test("no bytes that a client sends as a User-Agent stop a round: each is followed by a beat", async () => {
      const store = await place.open(keks);
      const deps = { store, custody: custodyOf(keks), rules: RULES };
      const keys = new ManagedKeys({
        ...deps,
        clock: systemClock,
        stopwatch: systemStopwatch,
        ...RULES,
        replicaId: "one",
        versionSeenBefore: 0,
      });
      await wholeRound(deps, keys);
      const listener = publicServer({
        ...mintDeps(),
        clock: systemClock,
        timers: systemTimers,
        keys,
        usage: keys.usage,
        log: pino({ level: "silent" }),
        meter: noMeter,
        access: OPEN_ACCESS,
        jwksMaxAgeSeconds: 60,
        keepAliveSeconds: 65,
      });
      listener.server.listen(0, "127.0.0.1");
      await once(listener.server, "listening");
      const address = listener.server.address();
      const port = typeof address === "object" ? (address?.port ?? 0) : 0;
      try {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async (agents) => {
            await Promise.all(agents.map((agent) => fetchAs(port, agent)));
            await wholeRound(deps, keys);
          }),
          { numRuns: 15, examples: [[[Uint8Array.from({ length: 128 }, (_, byte) => byte + 128)]]] },
        );
        expect(keys.fence()).toBeUndefined();
        expect((await store.load()).verifiers.length).toBeGreaterThan(0);
      } finally {
        listener.server.close();
        listener.server.closeAllConnections();
      }
    });
  },
);

/** One fetch of the JWKS over a socket: no client library changes the bytes. Resolves at the end of the answer. */
async function fetchAs(port: number, userAgent: Uint8Array): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: ");
  socket.write(userAgent);
  socket.end("\r\n\r\n");
  socket.resume();
  await once(socket, "close");
}
