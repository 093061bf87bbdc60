/** The rooms that know nothing of the world, in their order: each may import those before it that it names. */
const CORE = {
  kernel: [],
  scopes: ["kernel"],
  keys: ["kernel"],
  callers: ["kernel", "keys"],
  policy: ["kernel", "scopes", "keys", "callers"],
  limits: ["kernel", "callers"],
  ledger: ["kernel", "scopes", "keys", "callers"],
  events: ["kernel", "keys", "callers", "ledger"],
  "status-lists": ["kernel", "keys", "callers", "ledger"],
  tokens: ["kernel", "scopes", "keys", "callers", "policy", "limits", "ledger", "status-lists"],
  guard: ["kernel", "scopes", "keys", "callers", "ledger", "tokens"],
};
const core = Object.keys(CORE);
/**
 * The arrows between the rooms of service/src: what each may import, and nothing else. A room appears here with its first file;
 * main.ts puts all together.
 */
const ROOMS = {
  ...CORE,
  files: ["kernel"],
  outbound: ["kernel", "callers"],
  telemetry: ["kernel", "keys", "limits", "ledger"],
  config: ["kernel", "keys", "callers", "limits", "ledger", "events"],
  stores: [...core, "files"],
  http: [...core, "telemetry"],
  wiring: [...core, "files", "outbound", "telemetry", "config", "stores"],
  cli: [...core, "files", "config", "stores", "http", "wiring"],
  run: [
    "kernel",
    "keys",
    "limits",
    "ledger",
    "events",
    "tokens",
    "telemetry",
    "config",
    "http",
    "wiring",
    "cli",
  ],
};

const tests = "[.]test[.]ts$|^service/src/testing/";
const room = (...names) => `^service/src/(${names.join("|")})/`;
const forbid = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

const arrows = Object.entries(ROOMS).map(([name, others]) =>
  forbid(
    `arrows-of-${name}`,
    `${name} imports ${others.join(", ") || "no other room"}, and nothing else of this service.`,
    { path: room(name), pathNot: tests },
    { path: "^service/src/", pathNot: room(name, ...others) },
  ),
);

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...arrows,
    forbid(
      "rooms-are-known",
      "Each folder of service/src is a room of the table above.",
      { path: "^service/src/.+/", pathNot: `${tests}|${room(...Object.keys(ROOMS))}` },
      {},
    ),
    forbid(
      "kernel-has-no-package",
      "The kernel imports Node's own modules and itself, nothing else.",
      { path: room("kernel"), pathNot: tests },
      { pathNot: room("kernel"), dependencyTypesNot: ["core"] },
    ),
    forbid(
      "core-is-apart",
      "The core knows no network, no process and no file: what it needs of the world is a port passed in. loopback.ts calculates with addresses.",
      { path: room(...core), pathNot: `${tests}|/kernel/loopback[.]ts$` },
      { path: "^(node:)?(fs|net|http|https|tls|dns|child_process|worker_threads|os|path|process)(/|$)" },
    ),
    forbid(
      "one-reader-of-files",
      "Files are read, written and followed by files/, which is bounded; SQLite looks at its own.",
      { path: "^service/src/", pathNot: `${tests}|^service/src/(files/|stores/sqlite/|main[.]ts$)` },
      { path: "^(node:)?fs(/promises)?$" },
    ),
    forbid(
      "main-is-the-root",
      "main.ts puts the service together; nothing imports it.",
      {},
      { path: "^service/src/main[.]ts$" },
    ),
    forbid(
      "testing-stays-in-tests",
      "testing/ is imported only by tests, e2e and bench.",
      { pathNot: `${tests}|^(e2e|bench)/` },
      { path: "^service/src/testing/" },
    ),
    forbid("no-cycles", "No module imports itself through others.", {}, { circular: true }),
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
