// Looks into every layer of an image: node layers.mjs OCI_FOLDER BASE_LAYERS PRIVATE PUBLIC
//   OCI_FOLDER   the image as an OCI layout; BASE_LAYERS: how many of its layers are the base image's
//   PRIVATE      a file of texts that no layer may hold; PUBLIC: one of texts that no layer above the base may hold
// Prints what the layers above the base hold and their size. Exit code 1: something is there that must not be.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** The layers above the base, unpacked: the promise of docs/operations.md. */
const BYTES_MAX = 60e6;
/** What the Dockerfile puts beside /app. A base image may lack the package managers that are taken out of it. */
const ELSEWHERE =
  /^(?:data\/|etc\/(?:passwd|group)?|usr\/(?:local\/(?:bin\/(?:macp-auth|\.wh\.(?:npm|npx|corepack|yarn[a-z]*))?|lib\/(?:\.wh\.node_modules)?)?)?|opt\/(?:\.wh\.yarn.*)?|app\/?)$/;
const APP = /^app\/(?:LICENSE|node_modules\/.*|service\/(?:package\.json|bin\/.*|dist\/.*)?)$/;
/** Of this package nothing but what runs: no source, no test, nothing that only tests import. */
const STRAY = /^app\/service\/.*(?:\.ts|\.map|\.test\.|\/testing(?:\/|$)|\/node_modules(?:\/|$))/;
/** A private key, as PEM or as a JWK. */
const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}|"(?:d|k)"\s*:\s*"[A-Za-z0-9_-]{40}/;

const [folder = "", baseLayers = "", privateFile = "", publicFile = ""] = process.argv.slice(2);
/** @param {string} digest */
const blob = (digest) => readFileSync(join(folder, "blobs/sha256", digest.replace("sha256:", "")));
/** @param {Buffer} bytes */
const json = (bytes) => JSON.parse(bytes.toString("utf8"));
/** @param {string} file */
const linesOf = (file) =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");

/** @type {string[]} */
const faults = [];
const secrets = linesOf(privateFile);
const addresses = linesOf(publicFile);
const manifest = json(blob(json(readFileSync(join(folder, "index.json"))).manifests[0].digest));
refuse("the configuration", blob(manifest.config.digest), [...secrets, ...addresses]);

const service = { layers: 0, bytes: 0, compressedBytes: 0, names: /** @type {string[]} */ ([]) };
for (const [index, { digest }] of manifest.layers.entries()) {
  const compressed = blob(digest);
  const tar = gunzipSync(compressed);
  const isBase = index < Number(baseLayers);
  refuse(`layer ${index + 1}`, tar, isBase ? secrets : [...secrets, ...addresses]);
  if (isBase) continue;
  if (KEY.test(tar.toString("latin1"))) faults.push(`layer ${index + 1} holds a private key`);
  service.layers += 1;
  service.bytes += tar.length;
  service.compressedBytes += compressed.length;
  service.names.push(...namesIn(tar));
}
for (const name of service.names)
  if (STRAY.test(name) || !(APP.test(name) || ELSEWHERE.test(name))) faults.push(`/${name} is in the image`);
if (service.layers === 0) faults.push("no layer is above the base");
if (service.bytes > BYTES_MAX) faults.push(`its layers are larger than ${megabytes(BYTES_MAX)}`);

/** @param {string} name */
const isFile = (name) => !name.endsWith("/");
const app = service.names.filter((name) => isFile(name) && name.startsWith("app/"));
const beside = service.names.filter((name) => isFile(name) && !name.startsWith("app/"));
console.log(`      ${app.length} files in /app; beside it: ${beside.map((name) => `/${name}`).join(" ")}`);
console.log(
  `      layers above the base: ${service.layers}, ${megabytes(service.bytes)}, compressed ${megabytes(service.compressedBytes)}`,
);
for (const fault of faults) console.log(`      ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;

/**
 * The line itself is not shown: it may be a secret.
 * @param {string} place
 * @param {Buffer} bytes
 * @param {readonly string[]} lines
 */
function refuse(place, bytes, lines) {
  if (lines.length === 0) faults.push("there is nothing to look for");
  for (const [index, line] of lines.entries())
    if (bytes.includes(line)) faults.push(`${place} holds line ${index + 1} of what it must not`);
}

/** @param {Buffer} tar */
function namesIn(tar) {
  const { status, stdout } = spawnSync("tar", ["--list"], { input: tar, encoding: "utf8", maxBuffer: 1e8 });
  if (status !== 0) throw new Error("tar cannot read a layer");
  return stdout.split("\n").filter((name) => name !== "");
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
