import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { FAST, FAST_ENVIRONMENT } from "./fast-rotation.ts";
import { checksOn, withPair } from "./pair.ts";
import { runtimeClient } from "./runtime-client.ts";

/** Nothing rotates by itself, and tokens would live for an hour. */
const STEADY = {
  ...FAST_ENVIRONMENT,
  MACP_AUTH_KEY_ROTATION_SECONDS: "3600",
  MACP_AUTH_MAX_TTL_SECONDS: "3600",
  MACP_AUTH_DEFAULT_TTL_SECONDS: "3600",
};

test("the tokens of a revoked key die within B4, while new ones are taken at once and open streams live on", () =>
  withPair(STEADY, async ({ issuer, runtime }) => {
    const client = runtimeClient(runtime.address);
    const checks = checksOn(runtime);
    await pause((FAST.leadSeconds + 2) * 1_000);
    const old = await issuer.mint();
    expect(await checks.check(old.token)).toBe("accepted");
    const watch = client.watchSessions(old.token);

    const revokedMs = Date.now();
    const revocation = await issuer.admin("/keys/revoke", { kid: old.kid, reason: "a story" });
    expect(revocation).toMatchObject({
      status: 200,
      body: { done: true, dies: { refreshing_seconds: FAST.revocationSeconds } },
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
      const answer = await checks.check(old.token);
      expect(answer).not.toBe("no_answer");
      if (answer === "accepted") acceptedMs = Date.now();
      oldChecks += 1;
      await pause(10);
    }
    console.log(
      `revocation\n  last acceptance of the revoked key, ms after the request: ${String(acceptedMs - revokedMs)}\n  promised, ms: ${String(FAST.revocationSeconds * 1_000)}\n` +
        `  checks of its token: ${String(oldChecks)}\n  checks of new tokens: ${String(newChecks)}, refused: 0`,
    );
    expect(acceptedMs - revokedMs).toBeLessThanOrEqual(FAST.revocationSeconds * 1_000);
    expect(await checks.check(old.token)).toBe("refused");

    const { token } = await issuer.mint();
    const session_id = crypto.randomUUID();
    const payload = {
      name: "a story",
      participants: ["agent://one"],
      mode_version: "1.0.0",
      configuration_version: "config.default",
      ttl_ms: 60_000,
    };
    expect(
      await client.send(token, {
        message_type: "SessionStart",
        mode: "macp.mode.decision.v1",
        session_id,
        payload,
      }),
    ).toBe("ok");
    await expect.poll(() => watch.ids).toContain(session_id);
    expect(watch.ended()).toBeUndefined();
    client.close();
    checks.close();
  }));
