// `node bench/tls.mjs [ROUNDS SECONDS]`, after `npm run build`: what TLS costs. Mints over kept-alive connections in plain and over
// TLS 1.3, in turns; then full handshakes a second beside a bare node:https server with the same certificate. Medians, ratios, and
// processor time of the server. Needs wrk and openssl.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { inTurns, printRatios, printRows } from "./compare.mjs";
import { makeBenchKey } from "./keys.mjs";
import { findLoader } from "./load.mjs";
import { processorSeconds } from "./process-use.mjs";
import { startServiceForLoad } from "./subjects.mjs";

// The first answer of a server is read by fetch, which has no other way to accept a certificate of this run.
process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
/** Clients of openssl that make one handshake after the other. */
const CLIENTS = 4;
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
const asked = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
execFileSync("openssl", ["req", "-x509", ...curve, "-keyout", keyFile, "-out", certFile, ...asked], {
  stdio: "ignore",
});
const TLS = { MACP_AUTH_TLS_CERT_FILE: certFile, MACP_AUTH_TLS_KEY_FILE: keyFile };

/** @type {Record<string, Record<string, string>>} */
const SUBJECTS = {
  off: {},
  TLS,
  "TLS, client certificates asked for": { ...TLS, MACP_AUTH_TLS_CLIENT_CA_FILE: certFile },
};

const loader = await findLoader();
for (const alg of /** @type {const} */ (["RS256", "ES256"])) {
  const key = makeBenchKey(alg);
  const running = await Promise.all(
    Object.entries(SUBJECTS).map(async ([name, settings]) => {
      const { mint: shot, ...one } = await startServiceForLoad(key, settings, {});
      return { name, ...one, shot };
    }),
  );
  printRatios(alg, await inTurns(loader, running, rounds, seconds), "off");
}

const es256 = makeBenchKey("ES256");
const service = await startServiceForLoad(es256, TLS, {});
const mutual = await startServiceForLoad(es256, { ...TLS, MACP_AUTH_TLS_CLIENT_CA_FILE: certFile }, {});
const floor = await startFloor();
const servers = [
  { name: "bare node:https", pid: floor.pid, port: floor.port, client: [] },
  { name: "TLS", pid: service.pid, port: Number(new URL(service.mint.url).port), client: [] },
  {
    name: "TLS, with a client certificate",
    pid: mutual.pid,
    port: Number(new URL(mutual.mint.url).port),
    client: ["-cert", certFile, "-key", keyFile],
  },
];
/** @type {Record<string, { perSecond: number, processorUs: number }[]>} */
const handshakes = {};
for (let round = 0; round < rounds; round += 1)
  for (const { name, pid, port, client } of servers) {
    const before = (await processorSeconds(pid)) ?? 0;
    const counts = await Promise.all(Array.from({ length: CLIENTS }, () => handshakesWith(port, client)));
    const after = (await processorSeconds(pid)) ?? 0;
    const count = counts.reduce((sum, one) => sum + one, 0);
    handshakes[name] = handshakes[name] ?? [];
    handshakes[name].push({ perSecond: count / seconds, processorUs: ((after - before) * 1e6) / count });
  }
for (const { stop } of [service, mutual, floor]) await stop();
console.log(
  "\n| full handshakes, TLS 1.3 | a second | to bare | processor µs each | to bare |\n|---|---|---|---|---|",
);
printRows(handshakes, "bare node:https");

/**
 * How many handshakes one client of openssl finishes.
 * @param {number} port
 * @param {readonly string[]} client
 */
async function handshakesWith(port, client) {
  const args = ["s_time", "-connect", `127.0.0.1:${port}`, "-new", "-time", String(seconds), ...client];
  const child = spawn("openssl", args, { stdio: ["ignore", "pipe", "ignore"] });
  const [output] = await Promise.all([text(child.stdout), once(child, "close")]);
  const count = /(\d+) connections in \d+ real seconds/.exec(output)?.[1];
  if (count === undefined) throw new Error(`openssl s_time: ${output}`);
  return Number(count);
}

async function startFloor() {
  const child = spawn(process.execPath, [join(import.meta.dirname, "https-floor.mjs")], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"], PORT: "0", ...TLS },
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const [line] = await once(createInterface(child.stdout), "line");
  const stop = async () => {
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  return { pid: child.pid ?? 0, port: /** @type {number} */ (JSON.parse(line).port), stop };
}
