import { z } from "zod";
import { ALGORITHMS } from "../keys/algorithm.ts";
import { SECONDS_MAX } from "../keys/timing.ts";
import { LOG_LEVELS } from "../telemetry/log.ts";
import { host, oneOf, path, secret, storeLocation, verbatim, whole } from "./fields.ts";
import { type RawEnvironment, withoutBlanks } from "./given.ts";
import { serviceLinksIn } from "./service-links.ts";

/** How long a managed key signs. Not a default of its variable, which turns managed keys on. */
export const ROTATION_SECONDS_DEFAULT = 604_800;

/** One variable: its default, how its text is read, and what docs/configuration.md says of it. */
export const Environment = z.object({
  PORT: whole(0, 65_535).default(3200).describe("TCP port; 0 takes any free one"),
  HOST: host().optional().describe("address to listen on; unset means every address, IPv6 and IPv4"),
  MACP_AUTH_ISSUER: verbatim().default("macp-auth-service").describe("the `iss` of every token"),
  MACP_AUTH_AUDIENCE: verbatim().default("macp-runtime").describe("the `aud` of every token"),
  MACP_AUTH_MAX_TTL_SECONDS: whole(1, SECONDS_MAX)
    .default(3600)
    .describe("longest life of a token; longer wishes are cut to it"),
  MACP_AUTH_DEFAULT_TTL_SECONDS: whole(1, SECONDS_MAX)
    .default(300)
    .describe("life of a token whose request names none"),
  MACP_AUTH_SIGNING_ALG: oneOf(ALGORITHMS).default("RS256").describe("algorithm of every signature"),
  MACP_AUTH_SIGNING_KEY_JSON: z
    .string()
    .optional()
    .describe("a private JWK; unset and no key file means a key made at start"),
  MACP_AUTH_SIGNING_KEY_FILE: path()
    .optional()
    .describe("a file with a private JWK, a JWK Set or a PEM private key; watched"),
  MACP_AUTH_KEY_LEAD_SECONDS: whole(1, SECONDS_MAX)
    .default(7200)
    .describe("how long a new first key of the file is served before it signs"),
  MACP_AUTH_JWKS_MAX_AGE_SECONDS: whole(0, 86_400).default(60).describe("`max-age` of the JWKS answer"),
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: whole(1, SECONDS_MAX)
    .default(300)
    .describe("how long your verifiers keep a JWKS (the runtime's MACP_AUTH_JWKS_TTL_SECS)"),
  MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: whole(0, SECONDS_MAX)
    .default(3600)
    .describe("how long your verifiers go on with an old JWKS when they cannot refresh"),
  MACP_AUTH_STORE_URL: storeLocation()
    .optional()
    .describe("where managed keys live: `memory:`, `sqlite:PATH` or `postgres://…`; turns managed keys on"),
  MACP_AUTH_KEK: secret()
    .optional()
    .describe(
      "key-encryption keys: 32 bytes each as base64url or hex, separated by commas; the first encrypts, all decrypt",
    ),
  MACP_AUTH_KEK_FILE: path().optional().describe("a file with the key-encryption keys, one a line"),
  MACP_AUTH_KEY_ROTATION_SECONDS: whole(1, 2_592_000)
    .optional()
    .describe("how long a managed key signs (default 604800, from 86400 to 2592000); turns managed keys on"),
  MACP_AUTH_ACTIVATION_GATE: oneOf(["off", "warn", "enforce"])
    .default("warn")
    .describe("whether a new key waits until every known verifier has fetched it"),
  MACP_AUTH_KEY_VERSION_FILE: path()
    .optional()
    .describe("where this replica remembers the newest key set it saw; a store that is older is refused"),
  MACP_AUTH_ADMIN_PORT: whole(0, 65_535).optional().describe("port of the admin listener; unset means none"),
  MACP_AUTH_ADMIN_HOST: host().default("127.0.0.1").describe("address of the admin listener"),
  MACP_AUTH_ADMIN_TOKEN: secret()
    .optional()
    .describe("bearer secret of the admin listener, 32 characters or more; required beyond loopback"),
  MACP_AUTH_ADMIN_TOKEN_FILE: path().optional().describe("a file with that secret"),
  MACP_AUTH_UNSAFE_FAST_ROTATION: oneOf(["1"])
    .optional()
    .describe("1 shrinks every bound of rotation to a second; for tests alone"),
  MACP_AUTH_KEEP_ALIVE_SECONDS: whole(1, 86_400)
    .default(65)
    .describe("how long an idle connection is kept; longer than the proxy in front keeps its own"),
  MACP_AUTH_DRAIN_SECONDS: whole(0, 300)
    .default(0)
    .describe(
      "how long a service that is asked to stop still accepts connections, while `/readyz` answers 503 and every answer closes its connection",
    ),
  MACP_AUTH_LOG_LEVEL: oneOf(LOG_LEVELS).default("info").describe("least severe level that is written"),
});

/** The values of the environment, a default where a variable is not set. */
export type ParsedEnvironment = z.infer<typeof Environment>;
type Name = keyof ParsedEnvironment;

/** The environment as far as it can be read. */
export interface EnvironmentRead {
  /** A variable with a fault stands at its default here. */
  readonly env: ParsedEnvironment;
  /** The names of all variables that are set, also those that nobody reads. */
  readonly given: ReadonlySet<string>;
  /** The names of the service links, which are none of the above. */
  readonly links: ReadonlySet<string>;
  /** A line for each variable that cannot be read. */
  readonly faults: readonly string[];
  /** Whether none of the variables has a fault of its own, so that what they say together can be judged. */
  readonly isSound: (...names: readonly Name[]) => boolean;
}

/** Reads each variable separately; one that is empty counts as unset, and so does a service link under one of our names. */
export function readEnvironment(environment: RawEnvironment): EnvironmentRead {
  const set = withoutBlanks(environment);
  const links = serviceLinksIn(set);
  const given = Object.entries(set).filter(([name]) => !links.has(name));
  const { data, error } = Environment.safeParse(Object.fromEntries(given));
  const issues = error?.issues ?? [];
  const broken = new Set(issues.map(({ path }) => path[0]));
  return {
    env: data ?? Environment.parse(Object.fromEntries(given.filter(([name]) => !broken.has(name)))),
    given: new Set(given.map(([name]) => name)),
    links,
    faults: issues.map(({ path, message }) => `${String(path[0])} ${message}`),
    isSound: (...names) => names.every((name) => !broken.has(name)),
  };
}
