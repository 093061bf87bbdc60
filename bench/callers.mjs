// `node bench/callers.mjs [ROUNDS SECONDS]`, after `npm run build`: what proofs and policy cost. The same service with callers off, with
// shared secrets of 10 and of 10,000 callers who have 10 grants each, and with workload tokens (ES256) that are presented again and that
// are new each time, in turns; medians, ratios to off, processor time a mint. Beside them the floor, and the floor that verifies the
// signature of each new token and nothing else: what any service on this machine pays for that. Needs wrk.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTurns, printRatios } from "./compare.mjs";
import { declaredSecret } from "./declared-secret.mjs";
import { makeBenchKey } from "./keys.mjs";
import { findLoader } from "./load.mjs";
import { startServiceForLoad } from "./subjects.mjs";

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const ISSUER = "https://issuer.example";
const workloadKey = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...workloadKey.publicKey.export({ format: "jwk" }), kid: "bench", alg: "ES256", use: "sig" };
writeFileSync(join(folder, "jwks.json"), JSON.stringify({ keys: [jwk] }));

/** More than are remembered, so that each is new when its turn comes again. */
const TOKENS = 20_000;

/** @param {object} part */
const segment = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");

function workloadToken() {
  const iat = Math.floor(Date.now() / 1_000);
  const header = segment({ alg: "ES256", kid: "bench", typ: "JWT" });
  const claims = { iss: ISSUER, aud: "macp-auth-service", sub: "bench-0", iat, exp: iat + 3_000 };
  const input = `${header}.${segment({ ...claims, jti: randomBytes(9).toString("base64url") })}`;
  const key = { key: workloadKey.privateKey, dsaEncoding: /** @type {const} */ ("ieee-p1363") };
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

/**
 * A document of so many callers, each with a secret or a workload and with 10 grants, of which the last one allows the request.
 * @param {number} callers
 * @param {"secret" | "workload"} kind
 */
function documentOf(callers, kind) {
  const names = Array.from({ length: callers }, (_, index) => `caller-${index}`);
  let secret = "";
  const declared = names.map((name, index) => {
    if (kind === "workload")
      return `  ${name}: {proofs: [{workload: {issuer: bench, subject: bench-${index}}}]}`;
    const made = declaredSecret();
    if (index === 0) secret = made.text;
    return `  ${name}: {proofs: [{secret: "${made.line}"}]}`;
  });
  const grants = Array.from(
    { length: 10 },
    (_, index) =>
      `  - {name: grant-${index}, callers: ["@all"], senders: ["agent://${index === 9 ? "planner" : `team-${index}/*`}"], scopes: {can_start_sessions: true, allowed_modes: ["", macp.mode.decision.v1, macp.mode.task.v1, macp.mode.quorum.v1], max_open_sessions: 20}}`,
  );
  const text = [
    "version: 1",
    "issuers:",
    `  bench: {preset: oidc, issuer: "${ISSUER}", keys: {jwks_file: jwks.json}}`,
    "callers:",
    ...declared,
    `groups: {callers: {all: [${names.join(", ")}]}}`,
    "grants:",
    ...grants,
    "",
  ].join("\n");
  const path = join(folder, `${kind}-${callers}.yaml`);
  writeFileSync(path, text);
  return { path, secret };
}

const tokens = Array.from({ length: TOKENS }, workloadToken);
const bearersFile = join(folder, "bearers");
writeFileSync(bearersFile, `${tokens.join("\n")}\n`);
const [ten, many, workloads] = [
  documentOf(10, "secret"),
  documentOf(10_000, "secret"),
  documentOf(10, "workload"),
];

/** @type {Record<string, { settings: Record<string, string>, bearer?: string, bearersFile?: string, subject?: "floor" }>} */
const SUBJECTS = {
  off: { settings: {} },
  "secret, 10 callers": { settings: { MACP_AUTH_CONFIG_FILE: ten.path }, bearer: ten.secret },
  "secret, 10,000 callers": { settings: { MACP_AUTH_CONFIG_FILE: many.path }, bearer: many.secret },
  "workload token, again": { settings: { MACP_AUTH_CONFIG_FILE: workloads.path }, bearer: tokens[0] ?? "" },
  "workload token, new": {
    settings: { MACP_AUTH_CONFIG_FILE: workloads.path },
    bearer: tokens[0] ?? "",
    bearersFile,
  },
  floor: { settings: {}, subject: "floor" },
  "floor that verifies new tokens": {
    settings: { BENCH_VERIFY_JWK: JSON.stringify(jwk) },
    bearer: tokens[0] ?? "",
    bearersFile,
    subject: "floor",
  },
};

const loader = await findLoader();
for (const alg of /** @type {const} */ (["RS256", "ES256"])) {
  const key = makeBenchKey(alg);
  const running = await Promise.all(
    Object.entries(SUBJECTS).map(async ([name, { settings, bearer, bearersFile: file, subject }]) => {
      const one = await startServiceForLoad(
        key,
        settings,
        bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
        subject,
      );
      return {
        name,
        pid: one.pid,
        stop: one.stop,
        shot: { ...one.mint, ...(file !== undefined && { bearersFile: file }) },
      };
    }),
  );
  printRatios(alg, await inTurns(loader, running, rounds, seconds), "off");
}
