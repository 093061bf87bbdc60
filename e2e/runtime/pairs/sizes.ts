/** How much a run does. `npm run e2e:runtime` does the full run; `-- --quick` about a minute of it. */
export interface Sizes {
  /** Rotations and checks after which the rotation story has seen enough. */
  readonly rotations: number;
  readonly checks: number;
  /** Services that rotate at the same time, each with a runtime of its own. */
  readonly pairs: number;
}

const FULL: Sizes = { rotations: 100, checks: 1_000_000, pairs: 6 };
const QUICK: Sizes = { rotations: 12, checks: 50_000, pairs: 4 };

/** The sizes of this run; `MACP_E2E_ROTATIONS`, `MACP_E2E_CHECKS` and `MACP_E2E_PAIRS` overrule them one by one. */
export function sizesOfThisRun(): Sizes {
  const named = isQuick() ? QUICK : FULL;
  return {
    rotations: numberIn("MACP_E2E_ROTATIONS") ?? named.rotations,
    checks: numberIn("MACP_E2E_CHECKS") ?? named.checks,
    pairs: numberIn("MACP_E2E_PAIRS") ?? named.pairs,
  };
}

/** Whether this is the short run. */
export function isQuick(): boolean {
  return process.env["MACP_E2E_QUICK"] === "1";
}

function numberIn(variable: string): number | undefined {
  const text = process.env[variable];
  return text === undefined || text === "" ? undefined : Number(text);
}
