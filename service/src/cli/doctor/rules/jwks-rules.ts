import { algorithmOfKty } from "../../../keys/algorithm.ts";
import type { ImportedKey } from "../../../keys/import/import-key.ts";
import { importFaultWords } from "../../../wiring/words/key-fault-words.ts";
import type { Answer } from "../../client/http-client.ts";
import { shown } from "../../terminal/shown.ts";
import { whyNoAnswer } from "../../words/no-answer.ts";
import { readServedKeys, type ServedKey } from "../facts/served-keys.ts";
import { type Finding, fail, judge, ok, type Rule, skip, warn } from "../finding.ts";
import { fewKeysPerAlgorithm, importFaults, keysAreStrong } from "./key-strength.ts";
import { statusOf } from "./service-rules.ts";

type Answered = Extract<Answer, { kind: "answered" }>;

/** What the runtime allows for a fetch; a healthy service needs a fraction of it. */
const CONNECT_MS_MAX = 3_000;
const TOTAL_MS_MAX = 5_000;
const TOTAL_MS_WARN = 1_000;
const MAX_AGE_SECONDS_MAX = 300;
const NO_SET = "see what answers at this address: it serves no JWK Set";
const SEND_MAX_AGE = "send Cache-Control: public, max-age=60";

/** Everything about `GET /.well-known/jwks.json`, from the connection to the last key. */
export function judgeJwks(answer: Answer): readonly Finding[] {
  const check = "jwks";
  if (answer.kind === "no-answer")
    return [
      fail(
        check,
        `GET /.well-known/jwks.json: ${whyNoAnswer(answer)}`,
        "check that the service runs at this address",
      ),
    ];
  const refusal = refusalOf(answer);
  if (refusal !== undefined)
    return [refusal, ...jwksComesInTime(answer), skip("jwks-keys", "there is no key set to look at")];
  const set = readServedKeys(answer.body);
  if (set.kind === "unreadable")
    return [fail(check, `the answer ${set.why}`, NO_SET), ...judge(HEAD_RULES, answer)];
  return [
    ok(check, "GET /.well-known/jwks.json answers 200"),
    ...judge(HEAD_RULES, answer),
    ...judge(KEY_RULES, set.keys),
  ];
}

function refusalOf(answer: Answered): Finding | undefined {
  const check = "jwks";
  if (answer.status >= 300 && answer.status < 400) {
    return fail(
      check,
      `GET /.well-known/jwks.json answers ${statusOf(answer)}`,
      "serve it on plain http without a redirect: the runtime's client has no TLS",
    );
  }
  if (answer.status !== 200)
    return fail(check, `GET /.well-known/jwks.json answers ${statusOf(answer)}`, "see the service's log");
  if (answer.bodyIs === "cut") return fail(check, "the answer is larger than 100 KiB", NO_SET);
  return undefined;
}

/** The runtime's requests wait for the fetch. */
export function jwksComesInTime({ connectMs, totalMs }: Answered): readonly Finding[] {
  const check = "jwks-time";
  const duration = `the JWKS took ${String(Math.ceil(totalMs))} ms`;
  const connected = `the connection took ${String(Math.ceil(connectMs))} ms`;
  if (connectMs > CONNECT_MS_MAX)
    return [
      fail(check, `${connected}, and the runtime's timeout is 3000 ms`, "fix the network between them"),
    ];
  if (totalMs > TOTAL_MS_MAX)
    return [
      fail(
        check,
        `${duration}, and the runtime's timeout is 5000 ms`,
        "fix the network, or give the service more CPU",
      ),
    ];
  if (totalMs > TOTAL_MS_WARN)
    return [
      warn(
        check,
        `${duration}, and the runtime's requests wait for it`,
        "fix the network, or give the service more CPU",
      ),
    ];
  return [ok(check, duration)];
}

/** Verifiers and caches may store the set, but only for a short time. */
export function jwksMayBeCachedBriefly({ headers }: Answered): readonly Finding[] {
  const check = "jwks-caching";
  const cacheControl = headers["cache-control"];
  if (cacheControl === undefined)
    return [
      warn(
        check,
        "there is no Cache-Control, so each cache decides how long it stores the JWKS",
        SEND_MAX_AGE,
      ),
    ];
  const directives = cacheControl
    .toLowerCase()
    .split(",")
    .map((directive) => directive.trim());
  if (directives.includes("no-store"))
    return [warn(check, "no-store: some verifiers fetch the JWKS for each token", SEND_MAX_AGE)];
  const ages = directives
    .flatMap((directive) => /^(?:s-maxage|max-age)="?(\d+)"?$/.exec(directive)?.[1] ?? [])
    .map(Number);
  if (ages.length === 0)
    return [warn(check, `Cache-Control has no max-age: ${shown(cacheControl)}`, SEND_MAX_AGE)];
  const longest = Math.max(...ages);
  if (longest <= MAX_AGE_SECONDS_MAX) return [ok(check, `max-age=${String(longest)}`)];
  const found = `caches may serve an old JWKS for ${String(longest)} seconds, and a revoked key with it`;
  return [warn(check, found, `send a max-age of ${String(MAX_AGE_SECONDS_MAX)} or less`)];
}

/** With a strong tag an unchanged set costs a verifier no transfer (RFC 9110 section 8.8.3). */
export function jwksHasAStrongTag({ headers: { etag } }: Answered): readonly Finding[] {
  const check = "jwks-etag";
  if (etag === undefined) return [warn(check, "there is no ETag", "configure proxies to pass it on")];
  if (!/^"[^"]*"$/.test(etag))
    return [
      warn(check, `the ETag is not strong: ${shown(etag)}`, "configure proxies not to change the answer"),
    ];
  return [ok(check, "a strong ETag")];
}

/** The runtime trusts every RSA and EC key of the set, and needs one. */
function someKeyIsUsable(keys: readonly ServedKey[]): readonly Finding[] {
  const check = "jwks-keys";
  const faults = keys.flatMap(({ outcome, position }) =>
    outcome?.kind === "rejected"
      ? outcome.faults.map((fault) => importFaultWords({ ...fault, key: position }))
      : [],
  );
  const usable = validKeysOf(keys);
  if (usable.length === 0) {
    const found = "the set has no valid RSA or P-256 key, so the runtime continues with its old set";
    return [fail(check, found, "serve at least one signing key"), ...importFaults(check, faults)];
  }
  const foreign = keys.filter(({ kty }) => kty !== "RSA" && kty !== "EC" && kty !== "oct");
  return [
    ...(faults.length === 0 ? [ok(check, `${String(usable.length)} usable`)] : importFaults(check, faults)),
    ...foreign.map(({ position, kty }) =>
      warn(
        check,
        `key ${String(position)} has the type ${shown(kty ?? "(none)")}, which the runtime ignores`,
        "remove it",
      ),
    ),
  ];
}

/** A secret in a public document: anyone who fetched it can sign as this service. */
function noSecretIsServed(keys: readonly ServedKey[]): readonly Finding[] {
  const check = "jwks-secrets";
  const findings = keys.flatMap(({ kty, position, privateMembers }) => {
    const forged = "anyone who reads it can forge tokens";
    const name = `key ${String(position)}`;
    if (kty === "oct")
      return [
        fail(
          check,
          `${name} is a symmetric key ("oct"): ${forged}`,
          "remove it, and stop trusting it everywhere now",
        ),
      ];
    if (privateMembers.length === 0) return [];
    return [
      fail(
        check,
        `${name} shows its private members ${privateMembers.join(", ")}: ${forged}`,
        "replace the key now, and serve only public members",
      ),
    ];
  });
  return findings.length > 0 ? findings : [ok(check, "no private members and no symmetric key")];
}

/** A token's kid must lead to one key. */
function kidsAreUnique(keys: readonly ServedKey[]): readonly Finding[] {
  const check = "jwks-kids";
  const nameless = keys.filter(({ kid }) => kid === undefined).map(({ position }) => position);
  const repeated = keys.filter(
    ({ kid }, index) => kid !== undefined && keys.findIndex((other) => other.kid === kid) < index,
  );
  const findings = [
    ...repeated.map(({ position, kid }) =>
      fail(check, `key ${String(position)} repeats the kid ${shown(kid ?? "")}`, "give each key its own kid"),
    ),
    ...nameless.map((position) =>
      warn(
        check,
        `key ${String(position)} has no kid, so a verifier must try it on every token`,
        "give each key its own kid",
      ),
    ),
  ];
  return findings.length > 0 ? findings : [ok(check, "each key has its own kid")];
}

/** Verifiers other than the runtime choose a key by its use and algorithm (RFC 7517 sections 4.2 and 4.4). */
function keysSayWhatTheyAreFor(keys: readonly ServedKey[]): readonly Finding[] {
  const check = "jwks-labels";
  const findings = keys.flatMap(({ kty, alg, use, position }) => {
    const wanted = algorithmOfKty(kty);
    if (wanted === undefined || (alg === wanted && use === "sig")) return [];
    return [
      warn(
        check,
        `key ${String(position)} does not say alg "${wanted}" and use "sig"`,
        "add them: strict verifiers ignore a key without them",
      ),
    ];
  });
  return findings.length > 0 ? findings : [ok(check, "each key says its alg and use")];
}

function servedKeysAreStrong(keys: readonly ServedKey[]): readonly Finding[] {
  const valid = validKeysOf(keys);
  return valid.length === 0
    ? []
    : [...keysAreStrong("jwks-strength", valid), ...fewKeysPerAlgorithm("jwks-count", valid)];
}

function validKeysOf(keys: readonly ServedKey[]): readonly ImportedKey[] {
  return keys.flatMap(({ outcome }) => (outcome?.kind === "imported" ? outcome.keys : []));
}

const HEAD_RULES: readonly Rule<Answered>[] = [jwksComesInTime, jwksMayBeCachedBriefly, jwksHasAStrongTag];
const KEY_RULES: readonly Rule<readonly ServedKey[]>[] = [
  noSecretIsServed,
  someKeyIsUsable,
  servedKeysAreStrong,
  kidsAreUnique,
  keysSayWhatTheyAreFor,
];
