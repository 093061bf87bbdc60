// What benches of client certificates share: the certificates, an access document for their caller, and a load of mints over TLS.
// Needs openssl, and ab (Debian: apache2-utils).
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { declaredSecret } from "./declared-secret.mjs";
import { CONNECTIONS } from "./load.mjs";
import { processorSeconds } from "./process-use.mjs";

/** @typedef {{ name: string, pid: number, mint: import("./load.mjs").Shot, sent: Record<string, string>, identity: string | undefined }} Subject */

/** Makes the certificates of a service and of a client with the SPIFFE id of `planner`, in a folder of this run. */
export function makeCertificates() {
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
  const leaf = ["-in", at("client.csr"), "-extfile", at("client.ext"), "-out", at("client.crt")];
  openssl("x509", "-req", ...leaf, ...signing);
  writeFileSync(at("client.pem"), [readFileSync(at("client.crt")), readFileSync(at("client.key"))].join(""));
  return {
    /** The settings of a service that speaks TLS. */
    settings: { MACP_AUTH_TLS_CERT_FILE: at("tls.crt"), MACP_AUTH_TLS_KEY_FILE: at("tls.key") },
    /** The file with the client's certificate and its key. */
    identity: at("client.pem"),
    /**
     * Writes an access document in which `planner` has the client's certificate as a proof, and other proofs as lines of YAML.
     * @param {string} name
     * @param {readonly string[]} proofs
     * @param {string} more Another section.
     */
    writeDocument(name, proofs = [], more = "") {
      writeFileSync(
        at(name),
        `version: 1
client_cas: {mesh: {ca_file: ca.crt}}
callers:
  planner:
    proofs:
      - certificate: {ca: mesh, uri: "spiffe://example.org/ns/prod/sa/planner"}
${proofs.map((proof) => `      - ${proof}\n`).join("")}grants:
  - {name: all, callers: [planner], senders: ["**"], scopes: {can_start_sessions: true, can_manage_mode_registry: true, is_observer: true, allowed_modes: any, max_open_sessions: unlimited}}
${more}`,
      );
      return at(name);
    },
  };
}

/** A shared secret of this run, as a proof of an access document and as a header. */
export function makeSecret() {
  const secret = declaredSecret();
  return { proof: `secret: "${secret.line}"`, bearer: { authorization: `Bearer ${secret.text}` } };
}

/**
 * Loads subjects in turns. ab sends the requests, since wrk has no client certificate.
 * @param {readonly Subject[]} subjects
 * @param {number} rounds
 * @param {number} seconds
 */
export async function inTurnsOverTls(subjects, rounds, seconds) {
  /** @type {Record<string, { perSecond: number, processorUs: number }[]>} */
  const measured = Object.fromEntries(subjects.map(({ name }) => [name, []]));
  for (const one of subjects) await fire(one, 1);
  for (let round = 0; round < rounds; round += 1)
    for (const one of subjects) {
      const before = (await processorSeconds(one.pid)) ?? 0;
      const { requests, perSecond } = await fire(one, seconds);
      const after = (await processorSeconds(one.pid)) ?? 0;
      measured[one.name]?.push({ perSecond, processorUs: ((after - before) * 1e6) / requests });
    }
  return measured;
}

/** More than any server answers in the time. */
const REQUESTS_MAX = "100000000";

/**
 * How many mints were answered with a token.
 * @param {Subject} subject
 * @param {number} duration
 */
async function fire({ name, mint: { url, body = "", headers }, sent, identity }, duration) {
  const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
  writeFileSync(join(folder, "body"), body);
  const client = identity === undefined ? [] : ["-E", identity];
  const others = Object.entries(sent).flatMap(([header, value]) => ["-H", `${header}: ${value}`]);
  const load = ["-c", String(CONNECTIONS), "-t", String(duration), "-n", REQUESTS_MAX];
  const post = ["-p", join(folder, "body"), "-T", headers["content-type"] ?? "application/json"];
  const output = await outputOf("ab", ["-q", "-l", "-k", ...load, ...post, ...others, ...client, url]);
  rmSync(folder, { recursive: true });
  /** @param {string} row */
  const figure = (row) => Number(new RegExp(`^${row}:\\s+([0-9.]+)`, "m").exec(output)?.[1] ?? 0);
  const requests = figure("Complete requests");
  const failed = figure("Failed requests") + figure("Non-2xx responses");
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} mints of ${name} failed`);
  return { requests, perSecond: figure("Requests per second") };
}

/**
 * What a program prints. Rejects when it fails.
 * @param {string} program
 * @param {readonly string[]} args
 */
async function outputOf(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return output;
}
