// Runs every static check in order, and fails when one did.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Share of expressions whose type is known (no `any` in disguise), in percent: the measured floor, only raised. */
const TYPE_COVERAGE_FLOOR = 99.6;
const SOURCES = ["service/src", "e2e", "bench", "tools"].filter((folder) => existsSync(folder));

/**
 * What each step guarantees, and the command that proves it.
 * @type {readonly [guarantee: string, command: readonly [tool: string, ...args: string[]]][]}
 */
const STEPS = [
  [
    "Every file is formatted and lint-free, its imports sorted",
    ["biome", "check", "--error-on-warnings", "."],
  ],
  ["Every type holds", ["tsc", "--noEmit"]],
  ["No promise floats, no time or chance is ambient, nothing is too long to read", ["eslint", "."]],
  [
    "Every import follows the arrows between the rooms",
    ["depcruise", "--config", ".dependency-cruiser.cjs", ...SOURCES],
  ],
  ["Every arrow is drawn, and every drawn arrow is a rule", ["node", "tools/drawn-arrows.mjs"]],
  ["Only rooms that write for operators name variables and commands", ["node", "tools/core-words.mjs"]],
  ["No file, export or dependency is unused", ["knip"]],
  ["No type is an any in disguise", ["type-coverage", "--strict", "--at-least", String(TYPE_COVERAGE_FLOOR)]],
  ["The OpenAPI descriptions are lint-free", ["node", "tools/openapi.mjs"]],
];

const broken = STEPS.filter(([guarantee, [tool, ...args]]) => {
  console.log(`\n== ${guarantee} (${tool})`);
  const [command, ...rest] = tool === "node" ? [tool, ...args] : ["npx", "--no", "--", tool, ...args];
  return spawnSync(command, rest, { stdio: "inherit" }).status !== 0;
});
for (const [guarantee, [tool]] of broken) console.error(`\nFailed: ${guarantee} (${tool}).`);
process.exitCode = broken.length === 0 ? 0 : 1;
