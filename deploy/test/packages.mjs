// Compares the packages of an image with the lock file: node packages.mjs APP_FOLDER. Prints their names and versions.
// Exit code 1: one is not asked for in production, is of another version, or is missing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const app = process.argv[2] ?? "";
/** @type {{ packages: Record<string, { version?: string, dev?: boolean, optional?: boolean, link?: boolean }> }} */
const { packages } = JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"));
const found = new Map();
walk("node_modules");

/** @param {string} key */
const isWanted = (key) => key.startsWith("node_modules/") && !packages[key]?.dev && !packages[key]?.optional;
const faults = [
  ...[...found].flatMap(([key, version]) => {
    const locked = packages[key];
    if (locked === undefined || locked.dev) return [`not asked for: ${key}`];
    return locked.link || locked.version === version ? [] : [`another version: ${key} ${version}`];
  }),
  ...Object.keys(packages).flatMap((key) => (isWanted(key) && !found.has(key) ? [`missing: ${key}`] : [])),
];
const listed = [...found].map(([key, version]) => `${key.replace(/^.*node_modules\//, "")}@${version}`);
console.log(`      ${listed.length} packages: ${listed.sort().join(" ")}`);
for (const fault of faults) console.log(`      ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;

/** @param {string} folder */
function walk(folder) {
  for (const name of existsSync(join(app, folder)) ? readdirSync(join(app, folder)) : []) {
    const path = `${folder}/${name}`;
    if (name.startsWith("@")) walk(path);
    else if (!name.startsWith(".")) {
      const { version } = JSON.parse(readFileSync(join(app, path, "package.json"), "utf8"));
      found.set(path, version);
      walk(`${path}/node_modules`);
    }
  }
}
