// Runs every static check in order and stops at the first that fails.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Share of expressions whose type is known (no `any` in disguise), in percent: the measured floor, only raised. */
const TYPE_COVERAGE_FLOOR = 99.5;
const SOURCES = ["service/src", "e2e", "bench", "tools"].filter((folder) => existsSync(folder));

/** What each step guarantees, and the command that proves it. */
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
  ["No file, export or dependency is unused", ["knip"]],
  ["No type is an any in disguise", ["type-coverage", "--strict", "--at-least", String(TYPE_COVERAGE_FLOOR)]],
  [
    "The OpenAPI description is what the built schemas say, and lint-free",
    ["node", "tools/openapi.mjs", "--check"],
  ],
];

for (const [guarantee, [tool, ...args]] of STEPS) {
  console.log(`\n== ${guarantee} (${tool})`);
  const { status } = spawnSync(
    tool === "node" ? tool : "npx",
    tool === "node" ? args : ["--no", "--", tool, ...args],
    { stdio: "inherit" },
  );
  if (status !== 0) {
    console.error(`\nNot so: ${guarantee} (${tool}).`);
    process.exit(1);
  }
}
