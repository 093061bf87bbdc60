import { copyFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, runToExit } from "../support/service-process.ts";
import { checked, type FollowedMint, followedMint, untilChecked } from "./sidecar.ts";

const BOUND_MS = 1_000;
const SEQUENCES = Number(process.env["MACP_GUARD_SEQUENCES"] ?? 4);

let mint: FollowedMint;
let guard: RunningService;
let patient: RunningService;

beforeAll(async () => {
  mint = await followedMint();
  // Before its mint is there: it rejects, and waits for it.
  guard = await mint.guard();
  expect(await checked(guard, "a.b.c")).toBe(503);
  expect(await ready(guard)).toMatchObject({
    ready: false,
    reasons: ["revocations_stale", "no_keys"],
    age_ms: null,
  });
  await mint.start();
  patient = await mint.guard({ MACP_AUTH_GUARD_STALE_SECONDS: "600" });
  await untilChecked(guard, await mint.mint(), 200);
  await untilChecked(patient, await mint.mint(), 200);
}, BOOT_MS_MAX * 3);
afterAll(() => mint.remove(), BOOT_MS_MAX);

async function ready(of: RunningService): Promise<unknown> {
  return JSON.parse((await ask(of.port, { path: "/readyz" })).text);
}

test("a guard of its own process says who may pass, when it is ready, and how old its knowledge is", async () => {
  const token = await mint.mint("agent://planner é");
  await untilChecked(guard, token, 200);
  const answer = await ask(guard.port, {
    path: "/check?can_start_sessions=true",
    headers: { authorization: `Bearer ${token}` },
  });
  expect(answer.headers.get("x-auth-subject")).toBe("agent://planner%20%C3%A9");
  expect(await checked(guard, `${token.slice(0, -4)}AAAA`)).toBe(401);
  expect(await ready(patient)).toMatchObject({
    ready: true,
    reasons: [],
    stale_after_ms: 600_000,
    feed: "ok",
  });
  expect(guard.events("guard_ready")).toHaveLength(1);
  const { text } = await ask(guard.port, { path: "/metrics" });
  expect(text).toMatch(/^macp_auth_guard_feed_age_seconds [0-9.e-]+$/m);
  expect(text).toContain("macp_auth_guard_stale_after_seconds 1\n");
  expect(text).toMatch(/^macp_auth_guard_feed_failures_total\{reason="connect_failed"\} [1-9]/m);
  expect(text).toMatch(/^macp_auth_guard_checks_total\{door="http",result="allowed"\} [1-9]/m);
});

test("while the mint is away, killed or frozen, a guard answers up to its bound and then rejects everything, and forgets nothing (N29)", {
  timeout: 60_000,
}, async () => {
  const [token, stopped] = [await mint.mint(), await mint.mint()];
  await mint.revoke({ token: stopped });
  for (const one of [guard, patient]) await untilChecked(one, stopped, 401);
  await untilChecked(guard, token, 200);

  mint.service().signal("SIGSTOP");
  await untilChecked(guard, token, 503);
  expect(await ready(guard)).toMatchObject({ ready: false, reasons: ["revocations_stale"] });
  expect([await checked(patient, token), await checked(patient, stopped)]).toEqual([200, 401]);
  mint.service().signal("SIGCONT");
  await untilChecked(guard, token, 200);

  await mint.service().stop("SIGKILL");
  await untilChecked(guard, token, 503);
  expect([
    await checked(guard, stopped),
    await checked(patient, token),
    await checked(patient, stopped),
  ]).toEqual([401, 200, 401]);
  await mint.start();
  await untilChecked(guard, token, 200);
  expect(await checked(guard, stopped)).toBe(401);
  expect(guard.events("guard_feed_went_back")).toEqual([]);
  await guard.event("guard_feed_restored");
});

test(`no request passes that is sent later than a second after the answer to the revocation of its token, in ${String(SEQUENCES)} random sequences`, {
  timeout: 120_000,
}, async () => {
  for (let sequence = 0; sequence < SEQUENCES; sequence += 1) await randomSequence(sequence);
});

/** Mints, revokes by one of the doors, freezes the mint or not, takes back or not; checks all the time. */
async function randomSequence(seed: number): Promise<void> {
  const chance = (share: number): boolean => Math.random() < share;
  const sender = `agent://sequence/${String(seed)}`;
  const token = await mint.mint(sender);
  await untilChecked(guard, token, 200);
  const epoch = await mint.revoke(chance(0.5) ? { token } : { sender });
  const answeredAt = performance.now();
  if (chance(0.4)) mint.service().signal("SIGSTOP");
  const seen: { readonly sentAfterMs: number; readonly status: number }[] = [];
  while (performance.now() - answeredAt < BOUND_MS + 400) {
    const sentAfterMs = performance.now() - answeredAt;
    seen.push({ sentAfterMs, status: await checked(guard, token) });
    await pause(10);
  }
  mint.service().signal("SIGCONT");
  expect(seen.filter(({ sentAfterMs, status }) => sentAfterMs > BOUND_MS && status === 200)).toEqual([]);
  await untilChecked(guard, token, 401);
  if (!chance(0.5)) return;
  await mint.undo(epoch);
  await untilChecked(guard, token, 200);
}

test("a guard whose mint was put back to an earlier state says so once, and knows that state", {
  timeout: 90_000,
}, async () => {
  const token = await mint.mint();
  await putBack(async () => {
    await mint.revoke({ token });
    await untilChecked(guard, token, 401);
  });
  await untilChecked(guard, token, 200);
  expect(guard.events("guard_feed_went_back")).toHaveLength(1);
});

test("a guard whose mint was put back, and has as many revocations again before it could ask, knows that they are others", {
  timeout: 90_000,
}, async () => {
  const [known, unknown] = [await mint.mint(), await mint.mint()];
  await putBack(async () => {
    await mint.revoke({ token: known });
    await untilChecked(guard, known, 401);
    guard.signal("SIGSTOP");
  });
  // The number of the revocation that this guard knows; and one more, which it would read in any case.
  await mint.revoke({ token: unknown });
  await mint.revoke({ token: await mint.mint() });
  guard.signal("SIGCONT");
  await untilChecked(guard, unknown, 401);
  await untilChecked(guard, known, 200);
  expect(guard.events("guard_feed_went_back")).toHaveLength(2);
});

/** Puts the store of the mint back to what it was before `meanwhile`. */
async function putBack(meanwhile: () => Promise<void>): Promise<void> {
  await mint.service().stop();
  await copyFile(mint.storePath, `${mint.storePath}.backup`);
  await mint.start();
  await meanwhile();
  await mint.service().stop();
  await copyFile(`${mint.storePath}.backup`, mint.storePath);
  await mint.start();
}

test("a guard ends at a signal with 0, and one without its settings does not start", {
  timeout: 60_000,
}, async () => {
  const another = await mint.guard();
  expect(await another.stop()).toBe(0);
  const { code, stderr } = await runToExit({}, ["guard", "serve"]);
  expect(code).toBe(1);
  expect(stderr).toEqual([
    "macp-auth: neither MACP_AUTH_GUARD_PORT nor MACP_AUTH_GUARD_GRPC_PORT is set, so that no proxy could ask; set one",
    "macp-auth: MACP_AUTH_GUARD_MINT_URL is not set; name the mint, such as https://auth.example.org, or use --mint URL",
    "macp-auth: MACP_AUTH_GUARD_MINT_TOKEN_FILE is not set; name a file with the credential of a caller that has guards: true at the mint",
  ]);
});

test("each thing that keeps a guard from its mint is one line that says the fix, and nothing passes", {
  timeout: 90_000,
}, async () => {
  const token = await mint.mint();
  const cases: readonly (readonly [Record<string, string>, string, RegExp])[] = [
    [
      { MACP_AUTH_GUARD_MINT_TOKEN_FILE: await mint.folder.file("wrong", "wrong-secret") },
      "credential_rejected",
      /MACP_AUTH_GUARD_MINT_TOKEN_FILE/,
    ],
    [
      { MACP_AUTH_GUARD_MINT_TOKEN_FILE: await mint.folder.file("two", "two\nlines") },
      "credential_unreadable",
      /holds no credential/,
    ],
    [{ MACP_AUTH_GUARD_MINT_TOKEN_FILE: mint.files.minter }, "not_allowed", /guards: true/],
    [{ MACP_AUTH_GUARD_MINT_URL: `${mint.url}/elsewhere` }, "no_feed", /404/],
    [
      { MACP_AUTH_ISSUER: "another" },
      "issuer_other",
      /"https:\/\/auth\.example", which is not MACP_AUTH_ISSUER/,
    ],
    [{ MACP_AUTH_GUARD_MINT_URL: "http://127.0.0.1:9" }, "connect_failed", /cannot be reached/],
  ];
  await Promise.all(
    cases.map(async ([env, reason, message]) => {
      const one = await mint.guard(env);
      for (let tries = 0; one.events("guard_feed_failed").length === 0 && tries < 400; tries += 1)
        await pause(50);
      expect(one.events("guard_feed_failed")).toMatchObject([
        { reason, message: expect.stringMatching(message) as string },
      ]);
      expect(await checked(one, token)).toBe(503);
      expect(await one.stop()).toBe(0);
    }),
  );
});
