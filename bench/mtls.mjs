// `node bench/mtls.mjs [ROUNDS SECONDS]`, after `npm run build`: what a client certificate costs as a proof, on kept-alive connections.
// The same service over TLS with callers off, with a shared secret, and with a certificate, in turns; medians, ratios to off, processor
// time a mint. autocannon sends the requests, since wrk has no client certificate; it shares the machine, so compare the processor time.
// Needs openssl.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import autocannon from "autocannon";
import { printRatios } from "./compare.mjs";
import { makeBenchKey } from "./keys.mjs";
import { CONNECTIONS } from "./load.mjs";
import { processorSeconds } from "./process-use.mjs";
import { startServiceForLoad } from "./subjects.mjs";

// The first answer of a server is read by fetch, which has no other way to accept a certificate of this run.
process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
/** @param {string} name */
const at = (name) => join(folder, name);
/** @param {readonly string[]} args */
const openssl = (...args) => execFileSync("openssl", args, { stdio: "ignore" });

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
const self = ["req", "-x509", ...curve, "-days", "2"];
const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
openssl(...self, ...names, "-keyout", at("tls.key"), "-out", at("tls.crt"));
openssl(...self, "-subj", "/CN=mesh", "-keyout", at("ca.key"), "-out", at("ca.crt"));
openssl("req", ...curve, "-subj", "/CN=planner", "-keyout", at("client.key"), "-out", at("client.csr"));
writeFileSync(
  at("client.ext"),
  "subjectAltName=URI:spiffe://example.org/ns/prod/sa/planner\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n",
);
const signing = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2"];
openssl(
  "x509",
  "-req",
  "-in",
  at("client.csr"),
  ...signing,
  "-extfile",
  at("client.ext"),
  "-out",
  at("client.crt"),
);

/**
 * A module of the built service; its types are those of its source.
 * @param {string} name
 */
const built = (name) => import(new URL(`../service/dist/${name}.js`, import.meta.url).href);
/** @type {typeof import("../service/src/callers/secrets/secret-text.ts")} */
const { generateSecret } = await built("callers/secrets/secret-text");
/** @type {typeof import("../service/src/callers/secrets/secret-hash.ts")} */
const { hashSecret, writeSecretHash } = await built("callers/secrets/secret-hash");
const random = { bytes: randomBytes };
const secret = generateSecret(random);
writeFileSync(
  at("access.yaml"),
  `version: 1
client_cas: {mesh: {ca_file: ca.crt}}
callers:
  planner:
    proofs:
      - certificate: {ca: mesh, uri: "spiffe://example.org/ns/prod/sa/planner"}
      - secret: "${writeSecretHash(hashSecret(random, secret))}"
grants:
  - {name: all, callers: [planner], senders: ["**"], scopes: {can_start_sessions: true, can_manage_mode_registry: true, is_observer: true, allowed_modes: any, max_open_sessions: unlimited}}
`,
);

const TLS = { MACP_AUTH_TLS_CERT_FILE: at("tls.crt"), MACP_AUTH_TLS_KEY_FILE: at("tls.key") };
const DECLARED = { ...TLS, MACP_AUTH_CONFIG_FILE: at("access.yaml") };
const bearer = { authorization: `Bearer ${secret.reveal()}` };
const identity = { cert: readFileSync(at("client.crt")), key: readFileSync(at("client.key")) };
/** @type {Record<string, { settings: Record<string, string>, headers: Record<string, string>, sent: Record<string, string>, tls: object }>} */
const SUBJECTS = {
  "TLS, callers off": { settings: TLS, headers: {}, sent: {}, tls: {} },
  "TLS, a shared secret": { settings: DECLARED, headers: bearer, sent: bearer, tls: {} },
  "mTLS, a certificate": { settings: DECLARED, headers: bearer, sent: {}, tls: identity },
};

for (const alg of /** @type {const} */ (["RS256", "ES256"])) {
  const key = makeBenchKey(alg);
  const running = await Promise.all(
    Object.entries(SUBJECTS).map(async ([name, { settings, headers, ...subject }]) => ({
      name,
      ...subject,
      ...(await startServiceForLoad(key, settings, headers)),
    })),
  );
  /** @type {Record<string, { perSecond: number, processorUs: number }[]>} */
  const measured = {};
  for (const one of running) await fire(one, 1);
  for (let round = 0; round < rounds; round += 1)
    for (const one of running) {
      const before = (await processorSeconds(one.pid)) ?? 0;
      const requests = await fire(one, seconds);
      const after = (await processorSeconds(one.pid)) ?? 0;
      measured[one.name] = measured[one.name] ?? [];
      measured[one.name]?.push({
        perSecond: requests / seconds,
        processorUs: ((after - before) * 1e6) / requests,
      });
    }
  for (const { stop } of running) await stop();
  printRatios(alg, measured, "TLS, callers off");
}

/**
 * How many mints were answered with a token.
 * @param {{ name: string, mint: import("./load.mjs").Shot, sent: Record<string, string>, tls: object }} subject
 * @param {number} duration
 */
async function fire({ name, mint: { url, method, body = "", headers }, sent, tls }, duration) {
  const { authorization: _, ...others } = headers;
  const result = await autocannon({
    url,
    method,
    body,
    headers: { ...others, ...sent },
    connections: CONNECTIONS,
    duration,
    tlsOptions: tls,
  });
  if (result.non2xx + result.errors > 0)
    throw new Error(`${result.non2xx + result.errors} mints of ${name} failed`);
  return result["2xx"];
}
