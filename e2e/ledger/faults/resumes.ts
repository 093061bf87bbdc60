import { expect } from "vitest";
import { until } from "../../support/managed-service.ts";
import { ask } from "../../support/raw-http.ts";
import type { RunningService } from "../../support/service-process.ts";
import { expectNone, faultsOf } from "../minters.ts";
import { percentile, RECORDED_REFUSAL, RecordedLoad } from "../recorded-load.ts";

/** While the store is away no token leaves and all else works; afterwards it mints by itself, and every token that left has its entry. */
export async function resumes(
  service: RunningService,
  url: string,
  { breakStore, fixStore }: { readonly breakStore: () => unknown; readonly fixStore: () => unknown },
): Promise<void> {
  const load = new RecordedLoad(service);
  expect((await load.mint()).status).toBe(200);
  const clients = load.run(4);
  await until(() => Promise.resolve(load.tokens.size > 50));
  await breakStore();
  await until(() => Promise.resolve(load.answers.filter(({ status }) => status === 503).length > 10));
  const [jwks, health] = await Promise.all(
    ["/.well-known/jwks.json", "/healthz"].map((path) => ask(service.port, { path })),
  );
  expect([jwks?.status, health?.status]).toEqual([200, 200]);
  await fixStore();
  const [fixed, tokens] = [performance.now(), load.tokens.size];
  await until(() => Promise.resolve(load.tokens.size > tokens + 50));
  const resumedMs = Math.round(performance.now() - fixed);
  load.stop();
  await clients;
  const rejected = load.answers.filter(({ status }) => status !== 200);
  expect(new Set(rejected.map(({ status, text }) => `${String(status)} ${text}`))).toEqual(
    new Set([RECORDED_REFUSAL]),
  );
  console.log(
    `${String(load.tokens.size)} tokens, ${String(rejected.length)} rejected after at most ${String(percentile(rejected, 1))} ms, 50 tokens within ${String(resumedMs)} ms`,
  );
  await service.stop();
  expectNone(await faultsOf(url, load.tokens));
}
