// What status lists cost, with 10^5 and 10^6 live tokens: how long an index takes, how long the bits of revoked tokens, how long the lists,
// and how large they are. After `npm run build`: node bench/status-lists.mjs
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { loadavg } from "node:os";
import { gzipSync } from "node:zlib";

/** @param {string} name */
const built = (name) => import(new URL(`../service/dist/${name}.js`, import.meta.url).href);
const { IndexSupply } = await built("status-lists/index-supply");
const { StoppedPlaces } = await built("status-lists/stopped-places");
const { signedList } = await built("status-lists/list-token");
const { tokenIds } = await built("status-lists/token-ids");
const { memoryStatusLists } = await built("stores/memory/status-lists");
const { localSigner } = await built("keys/signer");

const NOW = 1_800_000_000;
const clock = { now: () => NOW };
const ids = tokenIds(randomBytes(32));
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { kid: "k", signer: localSigner("ES256", privateKey) };
const PAGE = 5_000;

/** @param {number} count */
async function minted(count) {
  const store = memoryStatusLists(clock);
  const random = { bytes: randomBytes };
  const publicUrl = "https://auth.example";
  const supply = new IndexSupply({ store, ids: () => ids, random, clock, publicUrl, lifeSeconds: 3_720 });
  const began = performance.now();
  const jtis = [];
  for (let turn = 0; turn < count; turn += 1) jtis.push((await supply.take("k")).idAt(NOW));
  const micros = ((performance.now() - began) * 1_000) / count;
  return { jtis, micros, lists: await store.live() };
}

/**
 * Reads revoked tokens as they come from a store, page by page.
 * @param {readonly string[]} jtis
 */
async function stopped(jtis) {
  let at = 0;
  const changes = () => {
    const tokens = jtis.slice(at, at + PAGE).map((jti) => ({ epoch: 1, jti, until: NOW + 300 }));
    at += PAGE;
    return Promise.resolve({
      epoch: 1,
      rules: [],
      tokens,
      next: at < jtis.length ? { epoch: 1, jti: "" } : undefined,
    });
  };
  const places = new StoppedPlaces({ revocations: { changes }, questions: {}, ids, now: clock.now });
  const began = performance.now();
  await places.look();
  return { places, ms: performance.now() - began };
}

const bytes = (/** @type {number} */ count) => `${(count / 1_024).toFixed(1)} KiB`;
console.log(`load ${loadavg()[0]?.toFixed(1) ?? "?"}, ${process.version}, lists of 131072\n`);
console.log(
  "| Tokens | Revoked | An index and its id | Reading what was revoked | Lists | Making one | A list | with gzip |",
);
console.log("|---:|---:|---:|---:|---:|---:|---:|---:|");
for (const count of [100_000, 1_000_000]) {
  const { jtis, micros, lists } = await minted(count);
  for (const share of [0, 0.01, 0.5]) {
    const { places, ms } = await stopped(jtis.filter(() => Math.random() < share));
    let [took, size, zipped] = [0, 0, 0];
    for (const list of lists) {
      const began = performance.now();
      const uri = `https://auth.example/statuslists/${list.id}`;
      const facts = { issuer: "macp-auth-service", uri, aggregationUri: "https://auth.example/statuslists" };
      const token = await signedList(
        { ...facts, bytes: places.bitsOf(list).bytes(), iat: NOW, ttlSeconds: 15 },
        key,
      );
      took += performance.now() - began;
      size = Math.max(size, token.length);
      zipped = Math.max(zipped, gzipSync(token).length);
    }
    const cells = [count, `${share * 100} %`, `${micros.toFixed(1)} µs`, `${ms.toFixed(0)} ms`, lists.length];
    cells.push(`${(took / lists.length).toFixed(1)} ms`, bytes(size), bytes(zipped));
    console.log(`| ${cells.join(" | ")} |`);
  }
}
