import type { EpochSeconds } from "../../kernel/clock.ts";
import { ALGORITHMS, type Algorithm } from "../../keys/algorithm.ts";
import type { KeySet, Replica } from "../../keys/managed/key-store.ts";
import { isSigning, servedInOrder } from "../../keys/managed/managed-key.ts";
import { isLive, widest } from "../../keys/managed/plan/fleet-rules.ts";
import type { RotationRules } from "../../keys/managed/plan/rotation-rules.ts";
import { duration } from "../terminal/time.ts";

/** What the shell of a command says: its settings, defaults included, and which variables it sets. */
export interface ShellRules {
  readonly rules: RotationRules;
  readonly isSet: (variable: string) => boolean;
}

/** The rules that a command on the store uses. */
export interface StoreRules {
  readonly rules: RotationRules;
  /** The algorithms that the service on this store is run with; several in the middle of a change. */
  readonly algs: readonly Algorithm[];
  /** A line for each variable of the shell that contradicts the service or the key that signs on this store. */
  readonly contradictions: readonly string[];
}

/**
 * What the store was run with: by its live replicas, or, when none is live, by those that were last. Where nobody ever ran on
 * it, the algorithm of its keys, as of an imported one, and else what the shell says. A variable that the shell sets to something else contradicts it. Pure.
 */
export function rulesOnStore({ rules: own, isSet }: ShellRules, set: KeySet): StoreRules {
  const running = lastLive(set);
  const [newest] = running;
  if (newest === undefined) return rulesOfKeys({ rules: own, isSet }, set);
  const algs = ALGORITHMS.filter((alg) => running.some((replica) => replica.alg === alg));
  const alg = isSet("MACP_AUTH_SIGNING_ALG") && algs.includes(own.alg) ? own.alg : newest.alg;
  return {
    rules: { alg, ...widest(running.map(({ settings }) => settings)) },
    algs,
    contradictions: VARIABLES.filter(([variable]) => isSet(variable)).flatMap(([variable, shown]) =>
      contradiction(
        variable,
        String(shown(own)),
        running.map((one) => String(shown(rulesOf(one)))),
        {
          heardAt: newest.seenAt,
          now: set.now,
        },
      ),
    ),
  };
}

/** On a store that no replica ever ran on, the key that signs says the algorithm, else the served keys where all are of one. */
function rulesOfKeys({ rules: own, isSet }: ShellRules, { keys }: KeySet): StoreRules {
  const served = servedInOrder(keys);
  const signing = served.filter(isSigning);
  const deciding = signing.length > 0 ? signing : served;
  const [alg, ...others] = new Set(deciding.map((key) => key.alg));
  if (alg === undefined || others.length > 0)
    return { rules: own, algs: alg === undefined ? [own.alg] : [alg, ...others], contradictions: [] };
  if (own.alg === alg || !isSet("MACP_AUTH_SIGNING_ALG"))
    return { rules: { ...own, alg }, algs: [alg], contradictions: [] };
  const line = `MACP_AUTH_SIGNING_ALG is ${own.alg} here, and ${signing.length > 0 ? "the key that signs on this store is" : "the keys of this store are"} for ${alg}; unset it here, or start the service with MACP_AUTH_SIGNING_ALG=${own.alg} first`;
  return { rules: { ...own, alg }, algs: [alg], contradictions: [line] };
}

const VARIABLES: readonly (readonly [string, (rules: RotationRules) => string | number])[] = [
  ["MACP_AUTH_SIGNING_ALG", ({ alg }) => alg],
  ["MACP_AUTH_MAX_TTL_SECONDS", ({ timing }) => timing.maxTtlSeconds],
  ["MACP_AUTH_JWKS_MAX_AGE_SECONDS", ({ timing }) => timing.jwksMaxAgeSeconds],
  ["MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS", ({ timing }) => timing.verifierTtlSeconds],
  ["MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS", ({ timing }) => timing.verifierGraceSeconds],
  ["MACP_AUTH_KEY_ROTATION_SECONDS", ({ periodSeconds }) => periodSeconds],
  ["MACP_AUTH_KEY_LEAD_SECONDS", ({ leadSeconds }) => leadSeconds],
  ["MACP_AUTH_ACTIVATION_GATE", ({ gate }) => gate],
];

/** The replicas of the last moment at which any was heard of, the one heard of last first. */
function lastLive({ replicas, now }: KeySet): readonly Replica[] {
  const latestFirst = replicas.toSorted((one, other) => other.seenAt - one.seenAt);
  const live = latestFirst.filter((replica) => isLive(replica, now));
  const last = latestFirst[0]?.seenAt;
  if (live.length > 0 || last === undefined) return live;
  return latestFirst.filter((replica) => isLive(replica, last));
}

function rulesOf({ alg, settings }: Replica): RotationRules {
  return { alg, ...settings };
}

function contradiction(
  variable: string,
  own: string,
  theirs: readonly string[],
  { heardAt, now }: { readonly heardAt: EpochSeconds; readonly now: EpochSeconds },
): readonly string[] {
  if (theirs.includes(own)) return [];
  const values = [...new Set(theirs)].join(" and ");
  return [
    `${variable} is ${own} here, and the service on this store runs with ${values} (last report ${duration(now - heardAt)} ago); unset it here, or restart the service with ${variable}=${own} first`,
  ];
}
