// `node bench/traces.mjs [ROUNDS SECONDS]`, after `npm run build`: what traces cost a mint. The same service without traces, with every
// hundredth request traced, with every request traced, and with every request traced while the receiver never answers; in turns;
// medians, ratios to off, processor time a mint. That of the receiver, which runs here, is not counted. Needs wrk.
import { once } from "node:events";
import { createServer } from "node:http";
import { inTurns, printRatios } from "./compare.mjs";
import { makeBenchKey } from "./keys.mjs";
import { findLoader } from "./load.mjs";
import { startServiceForLoad } from "./subjects.mjs";

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];

/**
 * A receiver of traces; resolves to the settings that name it.
 * @param {boolean} answers
 */
async function receiver(answers) {
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    if (answers) incoming.once("end", () => outgoing.writeHead(200).end("{}"));
  });
  server.unref();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
}

const loader = await findLoader();
const [up, frozen] = [await receiver(true), await receiver(false)];
/** @type {Record<string, Record<string, string>>} */
const subjects = {
  off: {},
  "every hundredth": { ...up, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" },
  every: up,
  "every, no answer": frozen,
};
for (const alg of /** @type {const} */ (["RS256", "ES256"])) {
  const key = makeBenchKey(alg);
  const running = [];
  for (const [name, settings] of Object.entries(subjects)) {
    const { mint: shot, ...one } = await startServiceForLoad(key, settings, {});
    running.push({ name, ...one, shot });
  }
  printRatios(alg, await inTurns(loader, running, rounds, seconds), "off");
}
