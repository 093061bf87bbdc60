import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AccessFolder, accessFolder } from "../support/access.ts";
import { selfSigned } from "../support/over-tls.ts";
import { type Environment, type RunningService, startService } from "../support/service-process.ts";
import {
  ATTACKS,
  FEW_SLOW_BODIES,
  FEW_SLOW_HEADERS,
  KEPT,
  LARGE_BODIES,
  ONE_BYTE_CHUNKS,
  SILENT,
  SLOW_HEADERS,
  THOUSANDS_AT_ONCE,
} from "./attacks.ts";
import { inPeace, type Measurement, underAttack } from "./measure.ts";
import { GOALS, reportOf, type Story, writeReport } from "./report.ts";
import { type Attack, hasSlowhttptest, type Listener } from "./start-attack.ts";

// `npm run e2e:abuse` measures every attack for as long as its figures need, `npm test` a few for some seconds.
const FULL = process.env["MACP_ABUSE_FULL"] === "1";
// Memory is compared with a service that has warmed up.
const PEACE_SECONDS = FULL ? 8 : 3;
const SHORT_SECONDS = 3;
/** What docs/operations.md advises where memory is scarce and Node uses the allocator of glibc. */
const GIVEN_BACK: Environment = { MALLOC_MMAP_THRESHOLD_: "4096", MALLOC_TRIM_THRESHOLD_: "65536" };
/** Until all their connections are ended. */
const SLOW_SECONDS_MAX = 40;
const STORY_MS_MAX = 400_000;
const isSkipped = !hasSlowhttptest() && process.env["CI"] === undefined;
const ES256: Environment = { HOST: "127.0.0.1", MACP_AUTH_SIGNING_ALG: "ES256" };

/** Attacks a service of its own, one attack after the other; nothing honest fails, and the memory stays bounded. */
async function storyOf(
  settings: string,
  listener: Listener,
  environment: Environment,
  attacks: readonly (readonly [Attack, number])[],
): Promise<Story> {
  const service = await startService({ ...environment, ...(listener === "TLS" && selfSigned()) });
  try {
    return await attackInTurn(service, settings, listener, attacks);
  } finally {
    await service.stop("SIGKILL");
  }
}

async function attackInTurn(
  service: RunningService,
  settings: string,
  listener: Listener,
  attacks: readonly (readonly [Attack, number])[],
): Promise<Story> {
  const subject = await inPeace(service, listener, PEACE_SECONDS);
  const measurements: Measurement[] = [];
  for (const [attack, seconds] of attacks) {
    if (FULL) console.log(`${settings}: ${attack.name}, ${String(seconds)} s`);
    measurements.push(await underAttack(subject, attack, seconds));
  }
  await subject.load.stop();
  expect(Object.keys(subject.load.takeExperience().failures)).toEqual([]);
  return { settings, subject, measurements };
}

function isHarmless({ measurements }: Story): void {
  expect(
    measurements.map(({ attack: { name }, experience: { failures }, growthMb }) => ({
      name,
      failures,
      overMb: Math.max(0, Math.round(growthMb - GOALS.growthMb)),
    })),
  ).toEqual(measurements.map(({ attack: { name } }) => ({ name, failures: {}, overMb: 0 })));
}

function shortForm(): void {
  // Debian: apt-get install slowhttptest. Without it, it is skipped on a reader's machine.
  describe.skipIf(isSkipped)("while clients of slowhttptest send slowly, until each is cut off:", () => {
    test.concurrent.each<[string, Listener, Attack, number]>([
      ["a thousand their headers, on the plain listener", "plain", SLOW_HEADERS, 500],
      ["their bodies, on the plain listener", "plain", FEW_SLOW_BODIES, 100],
      ["their headers, on the TLS listener", "TLS", FEW_SLOW_HEADERS, 100],
      ["their bodies, on the TLS listener", "TLS", FEW_SLOW_BODIES, 100],
    ])("%s", async (_, listener, attack, openedMin) => {
      const story = await storyOf("", listener, ES256, [[attack, SLOW_SECONDS_MAX]]);
      isHarmless(story);
      const { opened, endedByService } = story.measurements[0]?.outcome ?? {};
      expect(opened).toBeGreaterThan(openedMin);
      expect(endedByService).toBe(opened);
    });
  });

  test.each<[Listener, readonly Attack[]]>([
    ["plain", [KEPT, ONE_BYTE_CHUNKS, THOUSANDS_AT_ONCE]],
    ["TLS", [SILENT, LARGE_BODIES]],
  ])("while attackers hold connections and send too much, on the %s listener", async (listener, attacks) => {
    isHarmless(
      await storyOf(
        "",
        listener,
        ES256,
        attacks.map((attack) => [attack, SHORT_SECONDS] as const),
      ),
    );
  });
}

function fullForm(): void {
  let limited: AccessFolder;
  beforeEach(async () => {
    limited = await accessFolder({ version: 1, limits: { connections_per_address: 64 } });
  });
  afterEach(() => limited.remove());

  test("harms no honest request, and leaves the memory bounded", async () => {
    const all = (listener: Listener) =>
      ATTACKS.filter(({ listeners }) => listeners.includes(listener)).map(
        (one) => [one, one.seconds] as const,
      );
    const held = [SLOW_HEADERS, SILENT, KEPT].map((one) => [one, one.seconds] as const);
    const stories = [
      await storyOf("Plain HTTP, no limits", "plain", ES256, all("plain")),
      await storyOf(
        "TLS, no limits, memory given back as docs/operations.md says",
        "TLS",
        { ...ES256, ...GIVEN_BACK },
        all("TLS"),
      ),
      await storyOf(
        "Plain HTTP, 64 connections for each address",
        "plain",
        { ...ES256, ...limited.env },
        held,
      ),
    ];
    const report = reportOf(stories);
    console.log(report);
    if (process.env["MACP_ABUSE_WRITE"] === "1") writeReport(report);
    for (const story of stories) isHarmless(story);
  });
}

if (FULL) describe("every attack", { timeout: 3 * STORY_MS_MAX }, fullForm);
else describe("no honest request fails, and the memory stays bounded", { timeout: STORY_MS_MAX }, shortForm);
