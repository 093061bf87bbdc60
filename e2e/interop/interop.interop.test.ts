import { readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import type { SigningAlg } from "../support/signing-keys.ts";
import { IMPLEMENTATIONS, type Implementation, pinnedVersion } from "./implementations.ts";
import { blockOfResults, blocksOfCode, PAGE, type Row, versionOnPage, withBlocks } from "./page.ts";
import { type Result, resultsOf } from "./results.ts";
import { type Prepared, prepareToolchains, type ToolchainName } from "./toolchains.ts";

const ALGS: readonly SigningAlg[] = ["RS256", "ES256"];
const isCi = process.env["CI"] === "true";
const isWriting = process.env["MACP_INTEROP_WRITE"] === "1";
const RUN_MS_MAX = 1_200_000;

let prepared: Readonly<Record<ToolchainName, Prepared>>;
let results: readonly Result[];

beforeAll(async () => {
  prepared = await prepareToolchains();
  for (const implementation of IMPLEMENTATIONS) {
    const line = absence(implementation);
    if (line !== undefined) console.log(line);
  }
  results = (await Promise.all(ALGS.map((alg) => resultsOf(alg, IMPLEMENTATIONS, prepared)))).flat();
}, RUN_MS_MAX);

describe.each(IMPLEMENTATIONS)("$name", (implementation) => {
  test.for(ALGS)(
    "accepts every %s token of the service before, during and after a rotation",
    (alg, context) => {
      needsToolchain(implementation, context);
      expect(wrongAnswers(implementation, alg, true)).toEqual([]);
    },
  );

  test.for(ALGS)(
    "rejects every %s token that is forged, expired, for others or of a key that has left the JWKS",
    (alg, context) => {
      needsToolchain(implementation, context);
      expect(wrongAnswers(implementation, alg, false)).toEqual([]);
    },
  );
});

test("docs/interop.md is what this run found", async (context) => {
  for (const implementation of IMPLEMENTATIONS) needsToolchain(implementation, context);
  const page = await readFile(PAGE, "utf8");
  const found = withBlocks(
    withBlocks(page, blocksOfCode()),
    blockOfResults(IMPLEMENTATIONS.map((one) => rowOf(one, page))),
  );
  if (isWriting) await writeFile(PAGE, found);
  else expect(page, "stale: npm run e2e:interop -- --write").toBe(found);
});

/** On a reader's machine an absent toolchain skips; where CI=true it fails. */
function needsToolchain(implementation: Implementation, { skip }: TestContext): void {
  const line = absence(implementation);
  if (line === undefined) return;
  if (isCi || isWriting) throw new Error(line);
  skip(line);
}

function absence({ name, toolchain }: Implementation): string | undefined {
  const there = prepared[toolchain];
  return there.ready ? undefined : `${name} is not tested here: ${there.why}`;
}

/** All that was answered wrongly; fails when nothing was asked. */
function wrongAnswers({ name }: Implementation, alg: SigningAlg, mustAccept: boolean): Result[] {
  const asked = results.filter(
    (one) => one.implementation === name && one.alg === alg && one.mustAccept === mustAccept,
  );
  expect(asked).not.toEqual([]);
  return asked.filter((one) => !one.isRight);
}

/** A version that the machine's package decides is written, but a run with another one does not make the page stale. */
function rowOf(implementation: Implementation, page: string): Row {
  const { name, language, toolchain } = implementation;
  const there = prepared[toolchain];
  const ofMachine = there.ready ? there.machineVersion : undefined;
  const version =
    pinnedVersion(implementation) ?? (isWriting ? ofMachine : versionOnPage(page, name)) ?? "unknown";
  return { name, language, version, results: results.filter((one) => one.implementation === name) };
}
