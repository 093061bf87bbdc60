import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { median } from "./stats.mjs";

const run = promisify(execFile);
/** Rows of `openssl speed -mr`: one algorithm each, microseconds or rate of signing in the second last field. */
const ROWS = { RS256: /^\+F2:\d+:\d+:([\d.]+):/m, ES256: /^\+F4:\d+:\d+:([\d.]+):/m };

/** @typedef {{ version: string, perSecond: Record<import("./keys.mjs").Algorithm, number> }} Limit */

/**
 * Signatures a second that OpenSSL makes with every core and nothing else to do. `undefined` where there is no openssl.
 * @param {number} rounds
 * @returns {Promise<Limit | undefined>}
 */
export async function signingLimit(rounds) {
  const version = await run("openssl", ["version"]).catch(() => undefined);
  if (version === undefined) return undefined;
  /** @type {Record<import("./keys.mjs").Algorithm, number[]>} */
  const seen = { RS256: [], ES256: [] };
  for (let round = 0; round < rounds; round += 1) {
    const { stdout } = await run("openssl", speedArguments());
    for (const alg of /** @type {const} */ (["RS256", "ES256"]))
      seen[alg].push(Number(ROWS[alg].exec(stdout)?.[1]));
  }
  return {
    version: /^OpenSSL \S+/.exec(version.stdout)?.[0] ?? "unknown",
    perSecond: { RS256: median(seen.RS256), ES256: median(seen.ES256) },
  };
}

/** The call, as docs/benchmarks.md shows it. */
export function speedArguments() {
  return [
    "speed",
    "-elapsed",
    "-mr",
    "-seconds",
    "2",
    "-multi",
    String(availableParallelism()),
    "rsa2048",
    "ecdsap256",
  ];
}
