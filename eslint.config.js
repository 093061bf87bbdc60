// @ts-check
import comments from "@eslint-community/eslint-plugin-eslint-comments/configs";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import { noForgedBrands } from "./tools/no-forged-brands.mjs";

/** Where the machine's own clock, chance and timers are made. */
const PORTS = "service/src/kernel/{clock,random,thread-pool,timers}.ts";
const TESTS = ["**/*.test.ts", "service/src/testing/**", "e2e/**", "bench/**", "tools/**", "*.config.ts"];

const world = "Time, chance and the process are ports of kernel/, passed in by main.ts.";
const chance = "Random bytes come from the Random port of kernel/.";
/** @param {string[]} names @param {string} message */
const each = (names, message) => names.map((name) => ({ name, message }));

const ambientGlobals = each(
  ["crypto", "global", "performance", "process", "setImmediate", "setInterval", "setTimeout"],
  world,
);
const WORLD_MODULES = ["process", "timers", "timers/promises", "perf_hooks"];
/** It ends the process of Node 20 when a hostile server closes a connection at the wrong moment (CVE-2026-87018). */
const noGlobalFetch = each(
  ["fetch"],
  "Requests are made with node:http and node:https, by outbound/ and cli/client/.",
);
/** Modules that are the ambient process, timers or the clock under another name. */
const worldModules = each(
  WORLD_MODULES.flatMap((name) => [name, `node:${name}`]),
  world,
);
const chanceImports = ["crypto", "node:crypto"].map((name) => ({
  name,
  importNames: [
    "default",
    "getRandomValues",
    "pseudoRandomBytes",
    "randomBytes",
    "randomFill",
    "randomFillSync",
    "randomInt",
    "randomUUID",
    "webcrypto",
  ],
  message: chance,
}));

/** The same by other ways than a name or an import at the top. */
const ambientSyntax = [
  {
    selector: `ImportExpression[source.value=/^(?:node:)?(?:${WORLD_MODULES.join("|").replaceAll("/", "\\u002f")})$/]`,
    message: world,
  },
  { selector: "ImportExpression[source.value=/^(?:node:)?crypto$/]", message: chance },
  // A date of a moment that is given is data: `new Date(moment)` and the pure functions of `Date` may be used.
  {
    selector:
      "NewExpression[callee.name='Date']:matches([arguments.length=0], :has(> SpreadElement.arguments))",
    message: `new Date() is the present moment. ${world}`,
  },
  {
    selector: "MemberExpression[object.name='Date']:not([property.name=/^(?:parse|UTC|prototype)$/])",
    message: `Date.now() is the present moment. ${world}`,
  },
  {
    selector:
      "Identifier[name='Date']:not(NewExpression > .callee, MemberExpression > .object, TSTypeReference > .typeName, BinaryExpression[operator='instanceof'] > .right)",
    message: `Date() is the present moment, and so is what Date is passed to. ${world}`,
  },
  {
    selector: "MemberExpression[object.name=/^(?:globalThis|global|self)$/][property.name='Date']",
    message: world,
  },
  {
    selector: "CallExpression[arguments.length=0][callee.property.name=/^format(?:ToParts)?$/]",
    message: `A date format without a moment writes down the present one. ${world}`,
  },
];

const exportSyntax = [
  {
    selector: "ExportDefaultDeclaration",
    message: "A default export gets a new name at every import.",
  },
  { selector: "ExportSpecifier[exported.name='default']", message: "Export it under its name." },
  { selector: "ExportAllDeclaration", message: "List each exported name." },
  { selector: "TSEnumDeclaration", message: "Use a union of string literals." },
];

/** Where the core and the stores write what looks like a sentence and is none: our own bugs, the API's documentation, and bytes. */
const NO_SENTENCE =
  ":not(NewExpression[callee.name=/^(?:Impossible|StatementRejected)$/] *, Property[key.name='description'] *, CallExpression[callee.object.name='Buffer'] *)";
const SENTENCE = "/[a-z]{2,} [a-z]+ [a-z]+/";
const coreSentences = [`Literal[value=${SENTENCE}]`, `TemplateElement[value.raw=${SENTENCE}]`].map(
  (node) => ({
    selector: node + NO_SENTENCE,
    message: "The core and the stores give facts; a sentence is made in http, wiring or cli.",
  }),
);

/** What reads the machine itself: made once, in main.ts. */
const machine = ["systemClock", "systemStopwatch", "systemRandom", "systemTimers"];

export default defineConfig(
  globalIgnores(["**/dist/", "**/coverage/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  comments.recommended,
  {
    name: "a suppression says why",
    rules: {
      "@eslint-community/eslint-comments/require-description": "error",
      "@eslint-community/eslint-comments/no-unlimited-disable": "error",
    },
  },
  {
    name: "strict, with types",
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
    },
  },
  {
    name: "named exports, each listed",
    files: ["**/*.ts"],
    ignores: ["*.config.ts"],
    rules: { "no-restricted-syntax": ["error", ...exportSyntax] },
  },
  {
    name: "short enough to read",
    files: ["service/**/*.ts"],
    ignores: TESTS,
    rules: {
      complexity: ["error", 10],
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    name: "no ambient time, chance or process",
    files: ["service/src/**/*.ts"],
    ignores: [PORTS, "service/src/main.ts", ...TESTS],
    rules: {
      "no-restricted-globals": [
        "error",
        {
          globals: [...ambientGlobals, ...noGlobalFetch],
          checkGlobalObject: true,
        },
      ],
      "no-restricted-properties": ["error", { object: "Math", property: "random", message: chance }],
      "no-restricted-syntax": ["error", ...exportSyntax, ...ambientSyntax],
      "@typescript-eslint/no-restricted-imports": [
        "error",
        {
          paths: [...worldModules, ...chanceImports],
          patterns: [
            { regex: "/(?:clock|random|timers)[.]ts$", importNames: machine, message: world },
            {
              regex: "/callers/caller[.]ts$",
              importNames: ["provedCaller"],
              message: "Only a proof makes a Caller: call one of callers/.",
            },
          ],
        },
      ],
    },
  },
  {
    name: "the core and the stores have no sentences",
    files: [
      "service/src/{kernel,scopes,keys,callers,policy,limits,ledger,status-lists,tokens,stores}/**/*.ts",
    ],
    ignores: [PORTS, ...TESTS],
    rules: { "no-restricted-syntax": ["error", ...exportSyntax, ...ambientSyntax, ...coreSentences] },
  },
  {
    name: "the SQLite worker is the main file of a thread: it reads its own stopwatch and user",
    files: ["service/src/stores/sqlite/worker.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        { globals: ambientGlobals.filter(({ name }) => name !== "process"), checkGlobalObject: true },
      ],
      "@typescript-eslint/no-restricted-imports": ["error", { paths: [...worldModules, ...chanceImports] }],
    },
  },
  {
    name: "a branded value comes from its maker",
    files: ["service/src/**/*.ts"],
    ignores: ["service/src/testing/**"],
    plugins: { local: { rules: { "no-forged-brands": noForgedBrands } } },
    rules: { "local/no-forged-brands": "error" },
  },
  {
    name: "chance comes from the kernel, in main.ts too",
    files: ["service/src/main.ts"],
    rules: { "@typescript-eslint/no-restricted-imports": ["error", { paths: chanceImports }] },
  },
  {
    name: "a memory adapter of an asynchronous port has nothing to await",
    files: ["service/src/stores/memory/**", ...TESTS],
    rules: { "@typescript-eslint/require-await": "off" },
  },
);
