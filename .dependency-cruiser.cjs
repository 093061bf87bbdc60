/**
 * The arrows between the rooms of service/src. A core room imports only the rooms before it; the edge rooms import
 * the core; main.ts and its run/ import anything, and nothing imports main.ts.
 */
const core = ["kernel", "scopes", "keys", "callers", "tokens"];
const edge = ["http", "cli", "stores", "telemetry", "config"];

const tests = "[.]test[.]ts$|^service/src/testing/";
const room = (...names) => `^service/src/(${names.join("|")})/`;
const forbid = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

const coreOrder = core
  .slice(0, -1)
  .map((name, place) =>
    forbid(
      `core-order-${name}`,
      `${name} imports only the core rooms before it: ${core.slice(0, place).join(", ") || "none"}.`,
      { path: room(name), pathNot: tests },
      { path: room(...core.slice(place + 1)) },
    ),
  );

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...coreOrder,
    forbid(
      "core-knows-no-edge",
      "The core knows no adapter: what it needs of the world is a port passed in.",
      { path: room(...core), pathNot: tests },
      { path: room(...edge) },
    ),
    forbid(
      "kernel-imports-nothing",
      "The kernel imports Node's own modules and itself, nothing else.",
      { path: room("kernel"), pathNot: tests },
      { pathNot: room("kernel"), dependencyTypesNot: ["core"] },
    ),
    forbid(
      "http-apart",
      "http knows no command and no store.",
      { path: room("http"), pathNot: tests },
      { path: room("cli", "stores") },
    ),
    forbid(
      "stores-apart",
      "A store knows no wire and no command.",
      { path: room("stores"), pathNot: tests },
      { path: room("http", "cli") },
    ),
    forbid(
      "one-reader-of-files",
      "Files are read, written and followed by files/, which is bounded; SQLite looks at its own.",
      { path: "^service/src/", pathNot: `${tests}|^service/src/(files/|stores/sqlite/|main[.]ts$)` },
      { path: "^(node:)?fs(/promises)?$" },
    ),
    forbid(
      "config-is-plain",
      "Settings are plain data: config knows neither the log nor the stores that they are for.",
      { path: room("config"), pathNot: tests },
      { path: room("telemetry", "stores", "wiring", "files", "http", "cli", "run") },
    ),
    forbid(
      "main-is-the-root",
      "main.ts puts the service together; nothing imports it.",
      {},
      { path: "^service/src/main[.]ts$" },
    ),
    forbid(
      "run-belongs-to-main",
      "run/ is main.ts in several files: nothing else imports it.",
      { pathNot: `${tests}|^service/src/(main[.]ts$|run/)` },
      { path: room("run") },
    ),
    forbid(
      "testing-stays-in-tests",
      "testing/ is imported by tests, e2e and bench alone.",
      { pathNot: `${tests}|^(e2e|bench)/` },
      { path: "^service/src/testing/" },
    ),
    forbid("no-cycles", "No module imports itself by a detour.", {}, { circular: true }),
    forbid("resolvable", "Every import leads somewhere.", {}, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // The verifiers are installed apart from this repository, with packages of their own.
    exclude: { path: "(^|/)dist/|^e2e/interop/node/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
