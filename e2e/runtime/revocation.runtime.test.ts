import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { clientAt, doorsHere } from "./doors/doors.ts";
import { sessionStart } from "./doors/session-start.ts";
import { FAST, FAST_ENVIRONMENT } from "./pairs/fast-rotation.ts";
import { checksOn, withPair } from "./pairs/pair.ts";

/** Nothing rotates on its own, and tokens would live for an hour. */
const STEADY = {
  ...FAST_ENVIRONMENT,
  MACP_AUTH_KEY_ROTATION_SECONDS: "3600",
  MACP_AUTH_MAX_TTL_SECONDS: "3600",
  MACP_AUTH_DEFAULT_TTL_SECONDS: "3600",
};

test("the tokens of a revoked key are rejected at every door within B4, new ones are accepted at once, and open streams stay open", () =>
  withPair(STEADY, async ({ issuer, runtime }) => {
    const clients = doorsHere().map((door) => clientAt(runtime, door));
    // Each alternates between the doors on its own, so that both doors see both kinds of token.
    const checks = checksOn(runtime);
    const checksOfOld = checksOn(runtime);
    await pause((FAST.leadSeconds + 2) * 1_000);
    const old = await issuer.mint();
    expect(await checks.check(old.token)).toBe("accepted");
    const watches = clients.map((client) => client.watchSessions(old.token));
    for (const watch of watches) expect(await watch.opened).toBe("OK");

    const revokedMs = Date.now();
    const revocation = await issuer.admin("/keys/revoke", { kid: old.kid, reason: "a story" });
    expect(revocation).toMatchObject({
      status: 200,
      body: { done: true, still_accepted: { refreshing_seconds: FAST.revocationSeconds } },
    });
    expect(await issuer.publishedKids()).not.toContain(old.kid);

    let acceptedMs = revokedMs;
    let oldChecks = 0;
    let newChecks = 0;
    while (Date.now() - revokedMs < (FAST.revocationSeconds + 3) * 1_000) {
      const fresh = await issuer.mint();
      expect(fresh.kid).not.toBe(old.kid);
      expect(await checks.check(fresh.token)).toBe("accepted");
      newChecks += 1;
      const answer = await checksOfOld.check(old.token);
      expect(answer).not.toBe("no_answer");
      if (answer === "accepted") acceptedMs = Date.now();
      oldChecks += 1;
      await pause(10);
    }
    console.log(
      `revocation\n  last acceptance of the revoked key, ms after the request: ${String(acceptedMs - revokedMs)}\n  promised, ms: ${String(FAST.revocationSeconds * 1_000)}\n` +
        `  checks of its token: ${String(oldChecks)}\n  checks of new tokens: ${String(newChecks)}, rejected: 0`,
    );
    expect(acceptedMs - revokedMs).toBeLessThanOrEqual(FAST.revocationSeconds * 1_000);
    for (const client of clients) {
      expect(await client.verdict(old.token)).toBe("UNAUTHENTICATED");
      expect(await client.stream("WatchSessions", old.token).opened).toBe("UNAUTHENTICATED");
    }

    for (const client of clients) {
      const session_id = crypto.randomUUID();
      expect(await client.send((await issuer.mint()).token, sessionStart(session_id))).toBe("ok");
      for (const watch of watches) {
        await expect.poll(watch.ids).toContain(session_id);
        expect(watch.ended()).toBeUndefined();
      }
    }
    for (const client of clients) client.close();
    checksOfOld.close();
    checks.close();
  }));
