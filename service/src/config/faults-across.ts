import { isLoopback } from "../kernel/loopback.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import { leadFloorSeconds, type RotationTiming } from "../keys/timing.ts";
import { faultOfAdminToken } from "./admin-token.ts";
import { type EnvironmentRead, ROTATION_SECONDS_DEFAULT } from "./environment.ts";

// Faults of settings that do not go together. A variable with a fault of its own is not judged again.

/** Pairs of which one must be chosen. */
const EITHER_OR = [
  ["MACP_AUTH_SIGNING_KEY_JSON", "MACP_AUTH_SIGNING_KEY_FILE"],
  ["MACP_AUTH_KEK", "MACP_AUTH_KEK_FILE"],
  ["MACP_AUTH_ADMIN_TOKEN", "MACP_AUTH_ADMIN_TOKEN_FILE"],
] as const;

/** A line for each pair of variables of which only one may be set. */
export function faultsOfPairs(given: ReadonlySet<string>): string[] {
  return EITHER_OR.filter(([one, other]) => given.has(one) && given.has(other)).map(
    ([one, other]) => `${one} and ${other} are both set; unset the one that is not meant`,
  );
}

/** A line when a new key would sign before every verifier knows it. */
export function faultsOfLead({ env, isSound }: EnvironmentRead, timing: RotationTiming): string[] {
  const areSound = isSound(
    "MACP_AUTH_KEY_LEAD_SECONDS",
    "MACP_AUTH_JWKS_MAX_AGE_SECONDS",
    "MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS",
    "MACP_AUTH_UNSAFE_FAST_ROTATION",
  );
  const leadSeconds = env.MACP_AUTH_KEY_LEAD_SECONDS;
  const floor = leadFloorSeconds(timing);
  return areSound && leadSeconds < floor
    ? [
        `MACP_AUTH_KEY_LEAD_SECONDS is ${String(leadSeconds)}, and verifiers with these settings need ${String(floor)} to learn of a new key; use 7200, or at least ${String(floor)}`,
      ]
    : [];
}

/** What is wrong with the settings of managed keys. */
export function faultsOfManaged(read: EnvironmentRead, store: StoreLocation): string[] {
  return [...faultsOfStore(read, store), ...faultsOfPeriod(read)];
}

function faultsOfStore({ given }: EnvironmentRead, store: StoreLocation): string[] {
  return store.kind === "memory" || given.has("MACP_AUTH_KEK") || given.has("MACP_AUTH_KEK_FILE")
    ? []
    : [
        "MACP_AUTH_STORE_URL keeps private keys, and neither MACP_AUTH_KEK_FILE nor MACP_AUTH_KEK is set; name the file of the key that the store was made with, or for a new store make one with: macp-auth kek generate --out FILE",
      ];
}

function faultsOfPeriod({ env, isSound }: EnvironmentRead): string[] {
  if (!isSound("MACP_AUTH_KEY_ROTATION_SECONDS")) return [];
  const periodSeconds = env.MACP_AUTH_KEY_ROTATION_SECONDS ?? ROTATION_SECONDS_DEFAULT;
  const faults: string[] = [];
  const isFast = env.MACP_AUTH_UNSAFE_FAST_ROTATION !== undefined;
  if (periodSeconds < 86_400 && !isFast && isSound("MACP_AUTH_UNSAFE_FAST_ROTATION")) {
    faults.push(
      `MACP_AUTH_KEY_ROTATION_SECONDS is ${String(periodSeconds)}, and a key must sign for 86400 seconds or more`,
    );
  }
  if (periodSeconds < env.MACP_AUTH_KEY_LEAD_SECONDS && isSound("MACP_AUTH_KEY_LEAD_SECONDS")) {
    faults.push(
      "MACP_AUTH_KEY_ROTATION_SECONDS is below MACP_AUTH_KEY_LEAD_SECONDS, so no successor would ever be ready in time; raise it",
    );
  }
  return faults;
}

/** What is wrong with the settings of the admin listener. */
export function faultsOfAdmin(read: EnvironmentRead): string[] {
  return read.given.has("MACP_AUTH_ADMIN_PORT")
    ? [...faultsOfAdminPort(read), ...faultsOfAdminToken(read)]
    : [];
}

const ALL_ADDRESSES = ["::", "0.0.0.0"];

function faultsOfAdminPort({ env, isSound }: EnvironmentRead): string[] {
  const {
    PORT: port,
    HOST: host = "::",
    MACP_AUTH_ADMIN_PORT: adminPort,
    MACP_AUTH_ADMIN_HOST: adminHost,
  } = env;
  if (!isSound("PORT", "HOST", "MACP_AUTH_ADMIN_PORT", "MACP_AUTH_ADMIN_HOST")) return [];
  const oneAddress = ALL_ADDRESSES.includes(host) || host === adminHost;
  return port !== 0 && port === adminPort && oneAddress
    ? ["MACP_AUTH_ADMIN_PORT is the same as PORT; give the admin listener a port of its own"]
    : [];
}

function faultsOfAdminToken({ env, isSound }: EnvironmentRead): string[] {
  const token = env.MACP_AUTH_ADMIN_TOKEN;
  const fault = token && faultOfAdminToken("MACP_AUTH_ADMIN_TOKEN", token.reveal());
  if (fault !== undefined) return [fault];
  const open =
    token === undefined &&
    env.MACP_AUTH_ADMIN_TOKEN_FILE === undefined &&
    isSound("MACP_AUTH_ADMIN_HOST") &&
    !isLoopback(env.MACP_AUTH_ADMIN_HOST);
  return open
    ? [
        "MACP_AUTH_ADMIN_HOST is reachable from other machines; set MACP_AUTH_ADMIN_TOKEN_FILE, or use 127.0.0.1",
      ]
    : [];
}
