// `node bench/mtls.mjs [ROUNDS SECONDS]`, after `npm run build`: what a client certificate costs as a proof, on kept-alive connections.
// The same service over TLS with callers off, with a shared secret, and with a certificate, in turns; medians, ratios to off, processor
// time a mint. ab sends the requests, since wrk has no client certificate. Needs openssl and ab (Debian: apache2-utils).
import { printRatios } from "./compare.mjs";
import { makeBenchKey } from "./keys.mjs";
import { startServiceForLoad } from "./subjects.mjs";
import { inTurnsOverTls, makeCertificates, makeSecret } from "./with-certificates.mjs";

// The first answer of a server is read by fetch, which has no other way to accept a certificate of this run.
process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];

const secret = makeSecret();
const certificates = makeCertificates();
const TLS = certificates.settings;
const document = certificates.writeDocument("access.yaml", [secret.proof]);

const DECLARED = { ...TLS, MACP_AUTH_CONFIG_FILE: document };
const { bearer } = secret;
/** @type {Record<string, { settings: Record<string, string>, headers: Record<string, string>, sent: Record<string, string>, identity: string | undefined }>} */
const SUBJECTS = {
  "TLS, callers off": { settings: TLS, headers: {}, sent: {}, identity: undefined },
  "TLS, a shared secret": { settings: DECLARED, headers: bearer, sent: bearer, identity: undefined },
  "mTLS, a certificate": { settings: DECLARED, headers: bearer, sent: {}, identity: certificates.identity },
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
  const measured = await inTurnsOverTls(running, rounds, seconds);
  for (const { stop } of running) await stop();
  printRatios(alg, measured, "TLS, callers off");
}
