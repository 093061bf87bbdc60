import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { checkToken } from "./keys.mjs";
import { MINT_BODY, PEER_CLIENT, PEER_RESOURCE, PEER_SCOPE } from "./workload.mjs";

const REPOSITORY = join(import.meta.dirname, "..");
const START_MS_MAX = 30_000;

/** What is compared, in the order in which each round runs it. */
export const SUBJECTS = /** @type {const} */ (["service", "floor", "peer"]);
/** The same, and the service with keys that it keeps in SQLite and rotates itself: what they cost on the hot path. */
export const LOADED = /** @type {const} */ (["service", "managed", "floor", "peer"]);
/** @typedef {typeof LOADED[number]} Subject */
/** @typedef {typeof SUBJECTS[number]} Compared */
/** @typedef {{ pid: number, mint: import("./load.mjs").Shot, jwks: import("./load.mjs").Shot, stop: () => Promise<void> }} Running */

/**
 * One value for each of the subjects.
 * @template {Subject} S
 * @template V
 * @param {readonly S[]} subjects
 * @param {(subject: S) => V} value
 * @returns {Record<S, V>}
 */
export function bySubject(subjects, value) {
  return /** @type {Record<S, V>} */ (Object.fromEntries(subjects.map((one) => [one, value(one)])));
}

const PROGRAMS = {
  service: [join(REPOSITORY, "service/bin/macp-auth.cjs"), "serve"],
  managed: [join(REPOSITORY, "service/bin/macp-auth.cjs"), "serve"],
  floor: [join(import.meta.dirname, "floor.mjs")],
  peer: [join(import.meta.dirname, "peer.mjs")],
};

/** The service gives itself one signing thread for each core and one more; the others get the same. */
const THREADS = String(Math.max(4, availableParallelism() + 1));

/** @type {Set<import("node:child_process").ChildProcess>} */
const alive = new Set();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/**
 * Starts a subject with its standard output on /dev/null, and resolves once it has answered with a token that verifies.
 * @param {Subject} subject
 * @param {import("./keys.mjs").BenchKey} key
 * @returns {Promise<Running>}
 */
export async function startForLoad(subject, key) {
  const port = await freePort();
  const child = launch(subject, key, port, openSync("/dev/null", "w"));
  const running = { pid: child.pid ?? 0, ...shotsAt(subject, port), stop: () => stop(child) };
  const giveUp = Date.now() + START_MS_MAX;
  for (;;) {
    const token = await firstToken(running.mint).catch(() => undefined);
    if (token !== undefined) {
      // The managed keys are the service's own: no token of theirs verifies with the pinned key.
      if (subject !== "managed") checkToken(key, token);
      return running;
    }
    if (child.exitCode !== null || Date.now() > giveUp)
      throw new Error(`the ${subject} does not answer on port ${port}`);
    await pause(20);
  }
}

/**
 * Starts the service or the floor with more settings, and resolves once it has answered a mint with these headers. What it mints is not
 * looked at.
 * @param {import("./keys.mjs").BenchKey} key
 * @param {Record<string, string>} settings
 * @param {Record<string, string>} headers
 * @param {"service" | "floor"} subject
 * @returns {Promise<Running>}
 */
export async function startServiceForLoad(key, settings, headers, subject = "service") {
  const port = await freePort();
  const child = launch(subject, key, port, openSync("/dev/null", "w"), settings);
  const { mint, jwks } = shotsAt(subject, port, "MACP_AUTH_TLS_CERT_FILE" in settings ? "https" : "http");
  const shot = { ...mint, headers: { ...mint.headers, ...headers } };
  const giveUp = Date.now() + START_MS_MAX;
  while ((await firstToken(shot).catch(() => undefined)) === undefined) {
    if (child.exitCode !== null || Date.now() > giveUp)
      throw new Error(`the ${subject} does not answer on port ${port}`);
    await pause(50);
  }
  return { pid: child.pid ?? 0, mint: shot, jwks, stop: () => stop(child) };
}

/**
 * Starts auth-service 1.0.0, built in that folder, and resolves once it has answered with a token that verifies.
 * @param {string} folder
 * @param {import("./keys.mjs").BenchKey} key
 * @returns {Promise<Running>}
 */
export async function startUpstreamForLoad(folder, key) {
  const port = await freePort();
  const child = launch("service", key, port, openSync("/dev/null", "w"), { UV_THREADPOOL_SIZE: THREADS }, [
    join(folder, "dist/index.js"),
  ]);
  const { mint, jwks } = shotsAt("service", port);
  const giveUp = Date.now() + START_MS_MAX;
  for (;;) {
    const token = await firstToken(mint).catch(() => undefined);
    if (token !== undefined) {
      checkToken(key, token);
      return { pid: child.pid ?? 0, mint, jwks, stop: () => stop(child) };
    }
    if (child.exitCode !== null || Date.now() > giveUp)
      throw new Error(`auth-service 1.0.0 in ${folder} does not answer on port ${port}`);
    await pause(50);
  }
}

/**
 * Starts a subject with its standard output on a pipe, waits for its first line, which says that it listens, and asks for a
 * token. Resolves to the milliseconds from before the start to the whole answer.
 * @param {Subject} subject
 * @param {import("./keys.mjs").BenchKey} key
 * @returns {Promise<number>}
 */
export async function startToFirstTokenMs(subject, key) {
  const begun = performance.now();
  const child = launch(subject, key, 0, "pipe");
  const [line] = await once(
    createInterface(/** @type {import("node:stream").Readable} */ (child.stdout)),
    "line",
    {
      signal: AbortSignal.timeout(START_MS_MAX),
    },
  );
  const token = await firstToken(shotsAt(subject, JSON.parse(line).port).mint);
  const tookMs = performance.now() - begun;
  checkToken(key, token);
  await stop(child);
  return tookMs;
}

/**
 * @param {Subject} subject
 * @param {import("./keys.mjs").BenchKey} key
 * @param {number} port
 * @param {number | "pipe"} stdout
 * @param {Record<string, string>} settings
 * @param {readonly string[]} program
 */
function launch(subject, key, port, stdout, settings = {}, program = PROGRAMS[subject]) {
  const child = spawn(process.execPath, program, {
    stdio: ["ignore", stdout, subject === "peer" ? "ignore" : "inherit"],
    env: {
      PATH: process.env["PATH"],
      NODE_ENV: "production",
      PORT: String(port),
      MACP_AUTH_SIGNING_ALG: key.alg,
      ...(subject === "managed" ? managedSettings() : { MACP_AUTH_SIGNING_KEY_JSON: key.privateJwk }),
      ...settings,
      ...((subject === "floor" || subject === "peer") && { UV_THREADPOOL_SIZE: THREADS }),
    },
  });
  alive.add(child);
  child.once("exit", () => alive.delete(child));
  return child;
}

function managedSettings() {
  const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return {
    MACP_AUTH_STORE_URL: `sqlite:${join(folder, "keys.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  };
}

/** @param {import("node:child_process").ChildProcess} child */
async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/**
 * @param {Subject} subject
 * @param {number} port
 * @param {"http" | "https"} scheme
 * @returns {{ mint: import("./load.mjs").Shot, jwks: import("./load.mjs").Shot }}
 */
function shotsAt(subject, port, scheme = "http") {
  const base = `${scheme}://127.0.0.1:${port}`;
  if (subject !== "peer") {
    return {
      mint: {
        url: `${base}/tokens`,
        method: "POST",
        body: MINT_BODY,
        headers: { "content-type": "application/json" },
      },
      jwks: { url: `${base}/.well-known/jwks.json`, method: "GET", headers: {} },
    };
  }
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    resource: PEER_RESOURCE,
    scope: PEER_SCOPE,
  }).toString();
  const authorization = `Basic ${Buffer.from(`${PEER_CLIENT.id}:${PEER_CLIENT.secret}`).toString("base64")}`;
  return {
    mint: {
      url: `${base}/token`,
      method: "POST",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded", authorization },
    },
    jwks: { url: `${base}/jwks`, method: "GET", headers: {} },
  };
}

/** @param {import("./load.mjs").Shot} shot */
async function firstToken({ url, method, body, headers }) {
  const response = await fetch(url, {
    method,
    body: body ?? null,
    headers: { ...headers, connection: "close" },
  });
  const answer = /** @type {Record<string, string>} */ (await response.json());
  if (response.status !== 200)
    throw new Error(`${url} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer["token"] ?? answer["access_token"] ?? "";
}

async function freePort() {
  const probe = createServer().listen(0);
  await once(probe, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, "close");
  return port;
}
