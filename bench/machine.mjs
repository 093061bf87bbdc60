import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";

/** The load of the machine before the run began. Unless it is well below the number of cores, the numbers mean little. */
const LOAD_BEFORE = loadavg()[0] ?? 0;

/**
 * What the numbers depend on, one fact each: name and value.
 * @param {{ loader: string, openssl: string | undefined }} tools
 * @returns {readonly (readonly [string, string])[]}
 */
export function machineFacts({ loader, openssl }) {
  return [
    ["processor", `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} cores`],
    ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ["load before the run", LOAD_BEFORE.toFixed(1)],
    ["kernel", `${type()} ${release()}`],
    ["Node.js", `${process.version}, with OpenSSL ${process.versions.openssl}`],
    ["limit", openssl ?? "no openssl on this machine"],
    ["loader", `${loader}, on the same cores`],
    ["service", versionIn(join(import.meta.dirname, "../service/package.json"))],
    [
      "peer",
      `oidc-provider ${versionIn(createRequire(import.meta.url).resolve("oidc-provider/package.json"))}`,
    ],
  ];
}

/** @param {string} manifest */
function versionIn(manifest) {
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}
