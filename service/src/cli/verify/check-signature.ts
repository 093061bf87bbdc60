import { compactVerify, importJWK } from "jose";
import { ALGORITHMS, parseAlgorithm } from "../../keys/algorithm.ts";
import { shown } from "../terminal/shown.ts";
import type { Finding } from "./finding.ts";
import type { JsonObject, TokenParts } from "./read-token.ts";
import type { TrustedKey } from "./trusted-keys.ts";

/** Header members in which a token could contain its own key (RFC 7515 section 4.1). No verifier may follow them. */
const BRINGS_A_KEY = ["jwk", "jku", "x5u", "x5c"] as const;

/** Which keys the runtime tries for a token, and what led to them. */
interface KeyChoice {
  readonly keys: readonly TrustedKey[];
  readonly finding: Finding;
}

/** Checks header and signature as the runtime does: with the key of the token's kid, or with every key in order. */
export async function checkSignature(
  { token, header }: TokenParts,
  trusted: readonly TrustedKey[],
): Promise<readonly Finding[]> {
  const faults = headerFaults(header);
  if (faults.length > 0) return faults;
  const choice = chooseKeys(header, trusted);
  const good = await firstThatVerifies(token, choice.keys);
  const signature: Finding =
    good === undefined
      ? {
          verdict: "rejected",
          about: "signature",
          text: choice.keys.length === 1 ? "not made by that key" : "made by none of the keys",
        }
      : {
          verdict: "ok",
          about: "signature",
          text: `${good.alg}, by key ${good.kid === undefined ? "without kid" : shown(good.kid)}`,
        };
  return [choice.finding, signature, ...headerNotes(header)];
}

/** Why no key is even tried. */
function headerFaults({ alg, crit, kid }: JsonObject): Finding[] {
  const faults: Finding[] = [];
  if (typeof alg !== "string" || parseAlgorithm(alg) === undefined) {
    const named = typeof alg === "string" ? `"${shown(alg, 40)}"` : "no algorithm";
    faults.push({
      verdict: "rejected",
      about: "algorithm",
      text: `${named}; the runtime accepts only ${ALGORITHMS.join(" and ")}`,
    });
  }
  if (crit !== undefined)
    faults.push({
      verdict: "rejected",
      about: "header",
      text: "has crit: requires an extension, and the runtime supports none",
    });
  if (kid !== undefined && typeof kid !== "string")
    faults.push({ verdict: "rejected", about: "header", text: "has a kid that is not a string" });
  return faults;
}

function headerNotes(header: JsonObject): Finding[] {
  const names = BRINGS_A_KEY.filter((name) => Object.hasOwn(header, name));
  return names.length === 0
    ? []
    : [
        {
          verdict: "note",
          about: "header",
          text: `contains a key (${names.join(", ")}), which was not used`,
        },
      ];
}

/** A kid that is in the set decides; the runtime never fetches again for one that is not. */
function chooseKeys({ kid }: JsonObject, trusted: readonly TrustedKey[]): KeyChoice {
  const named = typeof kid === "string" ? trusted.find((key) => key.kid === kid) : undefined;
  if (named !== undefined)
    return {
      keys: [named],
      finding: {
        verdict: "ok",
        about: "key",
        text: "its kid is in the set; the runtime tries only that key",
      },
    };
  const all = trusted.length === 1 ? "the one key" : `all ${String(trusted.length)} keys in order`;
  const why = typeof kid === "string" ? `its kid ${shown(kid)} is not in the set` : "it has no kid";
  return {
    keys: trusted,
    finding: {
      verdict: "note",
      about: "key",
      text: `${why}; the runtime tries ${all} and does not fetch the set again`,
    },
  };
}

async function firstThatVerifies(
  token: string,
  keys: readonly TrustedKey[],
): Promise<TrustedKey | undefined> {
  for (const key of keys) {
    // A key of the other type, a weak key and a wrong signature have the same result: this key does not prove the token.
    const verified = await importJWK(key.jwk, key.alg)
      .then((imported) => compactVerify(token, imported, { algorithms: [key.alg] }))
      .catch(() => undefined);
    if (verified !== undefined) return key;
  }
  return undefined;
}
