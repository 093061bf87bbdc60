import { isLoopback } from "../../../kernel/loopback.ts";
import { printable } from "../../../kernel/printable.ts";
import type { RedisLook, ServerFacts } from "../../../stores/redis/look-at-redis.ts";
import type { ConfigurationFacts } from "../facts/configuration-facts.ts";
import { type Finding, fail, ok, type Rule, warn } from "../finding.ts";

/** As long as a probe may take (limits/shared-buckets.ts). */
const ANSWER_MS_MAX = 20;
const MAJOR_VERSION_MIN = 6;
const CLOCK_OFFSET_SECONDS_MAX = 5;
const CHECK = "limits-server";

type LimitsFacts = Pick<ConfigurationFacts, "limitsServer">;
type Answering = Extract<RedisLook, { kind: "answers" }>;

/** What a login needs, as docs/limits.md has it. */
const ALLOW = "allow its login the commands of docs/limits.md, for keys that begin with {macp-auth:";

/** By how a fault begins, or what is in it: the fix. The first that fits counts. */
const FIXES: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:NOAUTH|WRONGPASS|ERR (?:AUTH|invalid password))/,
    "set the user and password in MACP_AUTH_LIMITS_URL: redis://USER:PASSWORD@HOST:6379",
  ],
  [/^(?:NOPERM|ERR The user executing the script|ERR ACL failure)/, ALLOW],
  [/^(?:READONLY|MASTERDOWN)/, "name the primary in MACP_AUTH_LIMITS_URL: this server is a replica"],
  [
    /^(?:MOVED|CLUSTERDOWN|CROSSSLOT)/,
    "name the node of the cluster that has the keys, or a server that is not part of a cluster",
  ],
  [
    /^OOM/,
    "raise maxmemory, or use a server of its own: limits and known addresses need 500 bytes or less each",
  ],
  [/^(?:MISCONF|NOREPLICAS)/, "fix what the server names: until then it accepts no writes"],
  [/^LOADING/, "wait until the server has loaded its data"],
  [
    /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH/,
    "start the server, or correct host and port in MACP_AUTH_LIMITS_URL",
  ],
  [/ENOTFOUND|EAI_AGAIN/, "correct the host in MACP_AUTH_LIMITS_URL"],
  [
    /certificate|self-signed|altnames/i,
    "let the server have a certificate for this host name, of an authority that NODE_EXTRA_CA_CERTS names",
  ],
  [/unknown command/, "name a Redis or Valkey server that runs scripts (EVALSHA)"],
];
const OTHER_FIX =
  "see that HOST:PORT is that of a Redis or Valkey server, that rediss:// is written only where it speaks TLS, and that nothing between drops packets";

/** The server of shared limits answers this login, and decides. */
function limitsServerDecides({ limitsServer }: LimitsFacts): readonly Finding[] {
  if (limitsServer === undefined) return [];
  const { look } = limitsServer;
  const fault = look.kind === "unreachable" ? look.fault : look.takeFault;
  if (fault !== undefined)
    return [
      fail(
        CHECK,
        `the server of MACP_AUTH_LIMITS_URL does not decide, so each replica limits by itself: ${shown(fault)}`,
        fixOf(fault),
      ),
    ];
  const { fastestMs, facts } = look as Answering;
  const version = facts?.version === undefined ? "" : `, version ${printable(facts.version)}`;
  return fastestMs > ANSWER_MS_MAX
    ? [
        warn(
          CHECK,
          `decides in ${fastestMs.toFixed(0)} ms from here, later than the ${String(ANSWER_MS_MAX)} ms after which a replica does not use it`,
          "use a server that is nearer",
        ),
      ]
    : [ok(CHECK, `decides in ${fastestMs.toFixed(1)} ms${version}`)];
}

/** It lets replicas share which callers they know, so that a guesser locks none of them out. */
function limitsServerSharesAddresses({ limitsServer }: LimitsFacts): readonly Finding[] {
  const look = limitsServer?.look;
  if (look?.kind !== "answers" || look.takeFault !== undefined || look.pairsFault === undefined) return [];
  return [
    warn(
      "limits-known-addresses",
      `replicas cannot share from which addresses callers call, so guesses at a secret can lock its caller out: ${shown(look.pairsFault)}`,
      fixOf(look.pairsFault),
    ),
  ];
}

/** It is new enough, and keeps what it is given. */
function limitsServerKeepsBuckets({ limitsServer }: LimitsFacts): readonly Finding[] {
  const look = limitsServer?.look;
  if (look?.kind !== "answers" || look.takeFault !== undefined) return [];
  if (look.facts === undefined)
    return [
      warn(
        "limits-server-memory",
        "the login may not ask for version and memory (INFO), so these were not checked",
        "allow it +info",
      ),
    ];
  return [...oldVersion(look.facts), ...dropsKeys(look.facts)];
}

function oldVersion({ version }: ServerFacts): readonly Finding[] {
  if (version === undefined || Number(version.split(".", 1)[0]) >= MAJOR_VERSION_MIN) return [];
  return [
    warn(
      "limits-server-version",
      `has version ${printable(version)}`,
      `use Redis ${String(MAJOR_VERSION_MIN)} or newer, or Valkey`,
    ),
  ];
}

function dropsKeys({ drops }: ServerFacts): readonly Finding[] {
  if (drops === undefined) return [];
  return [
    warn(
      "limits-server-memory",
      `drops keys when its memory is full (maxmemory-policy ${printable(drops)}): a limit whose key is dropped begins anew`,
      "set maxmemory-policy noeviction, or use a server of its own",
    ),
  ];
}

/** Its clock is right: limits are counted by it, so it must not be set right by a step later. */
function limitsServerHasTheTime({ limitsServer }: LimitsFacts): readonly Finding[] {
  const look = limitsServer?.look;
  const offset = look?.kind === "answers" ? look.clockOffsetSeconds : undefined;
  if (offset === undefined || Math.abs(offset) <= CLOCK_OFFSET_SECONDS_MAX) return [];
  const side = offset > 0 ? "ahead of" : "behind";
  return [
    warn(
      "limits-server-clock",
      `its clock is ${String(Math.abs(offset))} s ${side} that of this machine; limits are counted by it, and are wrong for as long when it is set right`,
      "synchronise both clocks (NTP)",
    ),
  ];
}

/** What is counted, and the password, cross the network only encrypted. */
function limitsServerIsReachedSafely({ limitsServer }: LimitsFacts): readonly Finding[] {
  if (limitsServer === undefined || limitsServer.isEncrypted || isLoopback(limitsServer.host)) return [];
  return [
    warn(
      "limits-server-encryption",
      "the connection to the server of MACP_AUTH_LIMITS_URL is not encrypted: others may read its password, or answer in its place",
      "use rediss://",
    ),
  ];
}

/** Without the place in our own script. */
function shown(fault: string): string {
  return printable(fault.replace(/ script: [0-9a-f]{40}.*$/, ""));
}

function fixOf(fault: string): string {
  return FIXES.find(([pattern]) => pattern.test(fault))?.[1] ?? OTHER_FIX;
}

export const LIMITS_RULES: readonly Rule<LimitsFacts>[] = [
  limitsServerDecides,
  limitsServerSharesAddresses,
  limitsServerKeepsBuckets,
  limitsServerHasTheTime,
  limitsServerIsReachedSafely,
];
