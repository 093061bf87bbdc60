// `node bench/introspection.mjs [ROUNDS SECONDS]`, after `npm run build`: what a question about a token costs, with a ledger in SQLite and a
// caller that proves itself by a secret. A live token and one that was revoked, asked about again and again as guards and proxies do, and
// /healthz of the same process as the floor; in turns, with RS256 and ES256. Needs wrk.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTurns, printRows } from "./compare.mjs";
import { declaredSecret } from "./declared-secret.mjs";
import { makeBenchKey } from "./keys.mjs";
import { findLoader } from "./load.mjs";
import { startServiceForLoad } from "./subjects.mjs";

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const secret = declaredSecret();
const headers = { authorization: `Bearer ${secret.text}` };
const document = join(folder, "access.yaml");
writeFileSync(
  document,
  `version: 1
callers:
  bench:
    introspects: [macp-runtime]
    proofs: [{secret: "${secret.line}"}]
grants:
  - {name: all, callers: [bench], senders: ["agent://**"], scopes: {can_start_sessions: true, allowed_modes: ["", macp.mode.decision.v1, macp.mode.task.v1, macp.mode.quorum.v1], max_open_sessions: 20}}
`,
);

/** @param {"RS256" | "ES256"} alg */
async function measure(alg) {
  const { pid, mint, stop } = await startServiceForLoad(
    makeBenchKey(alg),
    {
      MACP_AUTH_SIGNING_KEY_JSON: "",
      MACP_AUTH_STORE_URL: `sqlite:${join(folder, `${alg}.db`)}`,
      MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
      MACP_AUTH_CONFIG_FILE: document,
      MACP_AUTH_DEFAULT_TTL_SECONDS: "3600",
    },
    headers,
  );
  const origin = new URL(mint.url).origin;
  const [live, revoked] = [await minted(mint), await minted(mint)];
  await posted(`${origin}/oauth/revoke`, `token=${revoked}`);
  /** @param {string} token @returns {import("./load.mjs").Shot} */
  const question = (token) => ({
    url: `${origin}/oauth/introspect`,
    method: "POST",
    body: `token=${token}`,
    headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
  });
  const subjects = {
    "a live token": question(live),
    "a revoked token": question(revoked),
    "/healthz": { url: `${origin}/healthz`, method: /** @type {const} */ ("GET"), headers: {} },
  };
  const running = Object.entries(subjects).map(([name, shot]) => ({ name, pid, shot, stop }));
  console.log(
    `\n| ${alg} | answers/s | to /healthz | processor µs each | to /healthz |\n|---|---|---|---|---|`,
  );
  printRows(await inTurns(await findLoader(), running, rounds, seconds), "/healthz");
}

/** @param {import("./load.mjs").Shot} shot */
async function minted({ url, body = "", headers: own }) {
  const answer = await fetch(url, { method: "POST", headers: own, body });
  return /** @type {{ token: string }} */ (await answer.json()).token;
}

/**
 * @param {string} url
 * @param {string} body
 */
async function posted(url, body) {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await fetch(url, { method: "POST", headers: { ...headers, ...type }, body });
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
}

for (const alg of /** @type {const} */ (["RS256", "ES256"])) await measure(alg);
