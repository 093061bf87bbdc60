import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer } from "../support/access.ts";
import { descriptionAt } from "../support/held-description.ts";
import { ask, sendRaw } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService } from "../support/service-process.ts";
import { checked, type FollowedMint, followedMint, untilChecked, untilReady } from "./sidecar.ts";

const held = descriptionAt("guard-openapi.json");
const STRICT = "?can_start_sessions=true&mode=a&mode=b";

let mint: FollowedMint;
let guard: RunningService;
/** It never knows enough: nobody answers where its mint should be. */
let blind: RunningService;

beforeAll(async () => {
  mint = await followedMint();
  await mint.start();
  guard = await mint.guard({ MACP_AUTH_GUARD_STALE_SECONDS: "600" });
  blind = await mint.guard({ MACP_AUTH_GUARD_MINT_URL: "http://127.0.0.1:9" });
  await untilReady(guard);
}, BOOT_MS_MAX * 2);
afterAll(() => mint.remove(), BOOT_MS_MAX);

/** Asks, and insists that the answer is described. */
async function answered(
  at: RunningService,
  [method, path]: readonly [string, string],
  { query = "", token = "" }: { readonly query?: string; readonly token?: string } = {},
): Promise<number> {
  const headers = token === "" ? {} : bearer(token);
  return held.expectDescribed(method, path, await ask(at.port, { method, path: `${path}${query}`, headers }));
}

const checks = held.operations.filter(([, path]) => path === "/check");

describe.each(held.operations)("%s %s answers as it is described", (method, path) => {
  test.each([
    [400, "Host: x\r\nHost: y\r\n\r\n"],
    [417, "Host: x\r\nExpect: nonsense\r\n\r\n"],
    [431, `Host: x\r\nX-Pad: ${"p".repeat(17 * 1024)}\r\n\r\n`],
  ])("with %i to a request that is wrong for every operation", async (status, bytes) => {
    const answer = await sendRaw(guard.port, `${method} ${path} HTTP/1.1\r\n${bytes}`, method === "HEAD");
    expect(held.expectDescribed(method, path, answer)).toBe(status);
  });
});

test("each operation but the check is for anyone, and says whether the guard is ready", async () => {
  for (const one of held.operations.filter(([, path]) => path !== "/check")) {
    const isOptions = one[0] === "OPTIONS";
    expect([one, await answered(guard, one)]).toEqual([one, isOptions ? 204 : 200]);
    expect([one, await answered(blind, one)]).toEqual([
      one,
      isOptions ? 204 : one[1] === "/readyz" ? 503 : 200,
    ]);
  }
});

test("the check is answered by every method alike, with what is described of it", async () => {
  const token = await mint.mint("agent://planner é");
  await untilChecked(guard, token, 200);
  const stopped = await mint.mint();
  await mint.revoke({ token: stopped });
  await untilChecked(guard, stopped, 401);
  const narrow = await mint.mint("agent://narrow", { can_start_sessions: false });
  await untilChecked(guard, narrow, 200);
  for (const one of checks) {
    const seen = [
      await answered(guard, one, { token }),
      await answered(guard, one, { token: narrow, query: STRICT }),
      await answered(guard, one, { token, query: "?can_start_session=true" }),
      await answered(guard, one, { token: stopped }),
      await answered(guard, one),
      await answered(blind, one, { token }),
    ];
    expect([one, seen]).toEqual([one, [200, 403, 403, 401, 401, 503]]);
  }
  expect(await checked(guard, token)).toBe(200);
});

test("every operation answers 408 when the headers do not come, as it is described", {
  timeout: 30_000,
}, async () => {
  await Promise.all(
    held.operations.map(async ([method, path]) => {
      const bytes = `${method} ${path} HTTP/1.1\r\nHost: x\r\nX-Slow: `;
      const answer = await sendRaw(guard.port, bytes, method === "HEAD");
      expect(held.expectDescribed(method, path, answer)).toBe(408);
    }),
  );
});

test("nothing is described that was not answered here", () => {
  expect([...held.seen].toSorted()).toEqual([...held.described].toSorted());
});
