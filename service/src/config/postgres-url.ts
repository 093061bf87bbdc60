import { invisibleIn } from "../kernel/printable.ts";
import { Secret } from "../kernel/secret.ts";
import type { PostgresHost, PostgresLocation, PostgresTls } from "../kernel/store-location.ts";

/** Why a text is not such a URL, as the end of a sentence that begins with the variable's name. Holds no password. */
class UrlFault extends Error {}

const PORT_DEFAULT = 5432;
const PARAMETERS = [
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "sslnegotiation",
  "target_session_attrs",
  "schema",
  "options",
  "application_name",
  "host",
  "port",
] as const;
type Parameter = (typeof PARAMETERS)[number];
type Parameters = Partial<Record<Parameter, string>>;

/** Parameters of other programs, and what to do here. */
const NOT_HERE: Readonly<Record<string, string>> = {
  ssl: "write sslmode=verify-full in its place, or sslmode=require to encrypt without a check of the server",
  uselibpqcompat: "remove it: sslmode means what it means to libpq here",
  channel_binding: "remove it; sslmode=verify-full makes sure of the server",
  connect_timeout: "remove it: a host has 2 seconds here",
  sslpassword: "remove it, and name a key without a passphrase",
  currentSchema: "write schema= in its place",
  search_path: "write schema= in its place",
};

/** Reads what follows `postgres://`. */
export function parsePostgresUrl(
  rest: string,
): PostgresLocation | { readonly kind: "fault"; readonly fault: string } {
  try {
    return locationOf(rest);
  } catch (thrown) {
    if (thrown instanceof UrlFault) return { kind: "fault", fault: thrown.message };
    throw thrown;
  }
}

function locationOf(rest: string): PostgresLocation {
  rejectUnencoded(rest);
  const [, userinfo = "", authority = "", path = "", query = ""] =
    /^(?:([^/?@]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? [];
  const parameters = parametersOf(query, HAS_HOST.test(rest));
  const hosts = hostsOf(authority, parameters);
  return {
    kind: "postgres",
    hosts,
    ...userOf(userinfo),
    database: decoded(path, "database") || undefined,
    schema: schemaOf(parameters),
    target: targetOf(parameters, hosts.length),
    tls: tlsOf(parameters),
    options: parameters.options,
    applicationName: parameters.application_name,
  };
}

function userOf(userinfo: string): Pick<PostgresLocation, "user" | "password"> {
  const [user = "", ...rest] = userinfo.split(":");
  const password = decoded(rest.join(":"), "password");
  return {
    user: decoded(user, "user") || undefined,
    password: password === "" ? undefined : new Secret(password),
  };
}

/** Characters that end the part of a URL that they stand in, and how each is written inside of it. */
const RESERVED = { "@": "%40", "#": "%23", "/": "%2F", "?": "%3F", " ": "%20" } as const;

/**
 * A password with an unencoded character is the usual reason for a URL that cannot be read or, worse, means something else. Only
 * the character is shown.
 */
function rejectUnencoded(rest: string): void {
  const invisible = invisibleIn(rest)?.codePoint.toString(16).toUpperCase().padStart(4, "0");
  if (invisible !== undefined) throw new UrlFault(`holds U+${invisible}, which cannot be seen; remove it`);
  const [authority] = rest.split(/[/?#]/, 1);
  const lastAt = rest.lastIndexOf("@");
  const isInAuthority = lastAt < (authority ?? "").length;
  if (!/[# ]/.test(rest) && lastAt === rest.indexOf("@") && isInAuthority) return;
  throw new UrlFault(whyNotPlain(rest.slice(0, Math.max(lastAt, 0)), isInAuthority));
}

function whyNotPlain(secret: string, isInAuthority: boolean): string {
  const found = Object.entries(RESERVED).filter(([character]) => secret.includes(character));
  if (found.length === 0)
    return "has an unencoded # or blank: write %23 or %20 in its place, or remove it and what follows";
  const names = found.map(([character]) => (character === " " ? "blank" : character)).join(" and ");
  const codes = found.map(([, code]) => code).join(" and ");
  const mayBeLater = !isInAuthority && !secret.includes("#");
  const other = mayBeLater ? "; or it has an unencoded @ after its host: write %40" : "";
  return `has an unencoded ${names} in its password or user: write ${codes}, and % itself as %25${other}`;
}

function decoded(text: string, what: string): string {
  if (/%(?![0-9a-f]{2})/i.test(text))
    throw new UrlFault(
      `has an unencoded % in its ${what}: write %25 in its place, or two hexadecimal digits after it`,
    );
  try {
    const plain = decodeURIComponent(text);
    if (!plain.includes("\0")) return plain;
  } catch {
    // Not UTF-8: reported below.
  }
  throw new UrlFault(`has percent-escapes in its ${what} that are not UTF-8: encode it as UTF-8`);
}

/** A user or a host before the parameters: without one, what stands there may be the second half of a password with an unencoded ?. */
const HAS_HOST = /^(?:[^?]*@|\/|[^:/?]+[/?]|[^:/?,]+(?::[0-9]{1,5})?(?:,[^:/?,]+(?::[0-9]{1,5})?)*\/)/;

function parametersOf(query: string, hasHost: boolean): Parameters {
  const parameters: Parameters = {};
  for (const pair of query.split("&").filter((one) => one !== "")) {
    const [, written = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
    const name = PARAMETERS.find((one) => one === decoded(written, "parameters"));
    if (name === undefined) throw new UrlFault(whyNoParameter(written, hasHost && pair.includes("=")));
    if (parameters[name] !== undefined) throw new UrlFault(`has ${name} twice; keep one of them`);
    // Between the words of options, + is what other programs make of a blank.
    const plain = decoded(name === "options" ? value.replaceAll("+", " ") : value, name);
    if (plain === "") throw new UrlFault(`has ${name} without a value; remove it, or give it one`);
    parameters[name] = plain;
  }
  return parameters;
}

const LIKE_A_NAME = /^[A-Za-z_]{1,40}$/;

function whyNoParameter(written: string, mayBeShown: boolean): string {
  const instead = Object.hasOwn(NOT_HERE, written) ? NOT_HERE[written] : undefined;
  if (instead !== undefined) return `has the parameter ${written}, which is not known here; ${instead}`;
  const known = `Known: ${PARAMETERS.join(", ")}`;
  return mayBeShown && LIKE_A_NAME.test(written)
    ? `has the parameter ${written}, which is not known here; remove it. ${known}`
    : `has a parameter that is not known here; remove it, or write %3F for a ? and %26 for a & in its password. ${known}`;
}

function hostsOf(authority: string, parameters: Parameters): readonly PostgresHost[] {
  if (parameters.host !== undefined && authority !== "")
    throw new UrlFault("has a host twice, after // and as host=; keep one of them");
  const places =
    parameters.host === undefined
      ? authority.split(",").map((place) => hostAndPort(place))
      : parameters.host.split(",").map((host) => ({ host, port: undefined }));
  const ports = parameters.port?.split(",") ?? [];
  if (ports.length > 1 && ports.length !== places.length)
    throw new UrlFault(
      `has ${String(places.length)} hosts and ${String(ports.length)} ports; give one port each, or one for all`,
    );
  return places.map(({ host, port }, index) => {
    if (host === "")
      throw new UrlFault("names no host: write one after //, or ?host=/var/run/postgresql for a Unix socket");
    return { host, port: portOf(port ?? ports[index] ?? ports[0]) };
  });
}

function hostAndPort(place: string): { readonly host: string; readonly port: string | undefined } {
  const parts = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(place);
  if (parts === null)
    throw new UrlFault("has a host that is not valid: write a name, an address, or [ADDRESS] for IPv6");
  const [, bracketed, name = "", port] = parts;
  return { host: decoded(bracketed ?? name, "host"), port: port === "" ? undefined : port };
}

function portOf(text: string | undefined): number {
  if (text === undefined) return PORT_DEFAULT;
  const port = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  // Not shown: what stands after a colon may be a password whose host is missing.
  throw new UrlFault("has a port that is not a whole number from 1 to 65535");
}

const SCHEMA_BYTES_MAX = 63;

function schemaOf({ schema }: Parameters): string | undefined {
  if (schema !== undefined && Buffer.byteLength(schema) > SCHEMA_BYTES_MAX)
    throw new UrlFault(
      `has a schema of more than ${String(SCHEMA_BYTES_MAX)} bytes, which PostgreSQL would cut`,
    );
  return schema;
}

function targetOf({ target_session_attrs: wanted }: Parameters, hosts: number): PostgresLocation["target"] {
  switch (wanted) {
    case undefined:
      return hosts > 1 ? "read-write" : "any";
    case "read-write":
    case "primary":
      return "read-write";
    case "any":
      return "any";
    default:
      throw new UrlFault(
        "has a target_session_attrs other than read-write, primary or any: this service writes",
      );
  }
}

const MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
/** Modes of libpq and of the driver that are not accepted, and what to write. */
const NO_MODES: Readonly<Record<string, string>> = {
  allow: "sslmode=allow encrypts only when the server requires it; write prefer, require or verify-full",
  "no-verify":
    "sslmode=no-verify is another program's; write require, which encrypts without a check of the server",
};

function tlsOf(parameters: Parameters): PostgresTls {
  const mode = modeOf(parameters);
  const fault = NO_TLS.find(([isSo]) => isSo(mode, parameters))?.[1];
  if (fault !== undefined) throw new UrlFault(fault);
  const { sslrootcert, sslcert: certPath, sslkey: keyPath, sslnegotiation } = parameters;
  return {
    mode,
    negotiation: sslnegotiation === "direct" ? "direct" : "postgres",
    rootCert: rootCertOf(sslrootcert),
    client: certPath === undefined || keyPath === undefined ? undefined : { certPath, keyPath },
  };
}

/** An authority to check with asks for the check; else TLS is what the server offers. */
function modeOf({ sslmode, sslrootcert }: Parameters): PostgresTls["mode"] {
  const written = sslmode ?? (sslrootcert === undefined ? "prefer" : "verify-full");
  const mode = MODES.find((one) => one === written);
  if (mode !== undefined) return mode;
  const known = Object.hasOwn(NO_MODES, written) ? NO_MODES[written] : undefined;
  throw new UrlFault(known ?? `has an sslmode that is not one of ${MODES.join(", ")}`);
}

const isWeak = (mode: PostgresTls["mode"]): boolean => mode === "disable" || mode === "prefer";

/** Parameters that do not go together, and why. */
const NO_TLS: readonly (readonly [(mode: PostgresTls["mode"], given: Parameters) => boolean, string])[] = [
  [
    (_mode, { sslnegotiation = "postgres" }) => !["postgres", "direct"].includes(sslnegotiation),
    "has an sslnegotiation other than postgres or direct",
  ],
  [
    (mode, { sslnegotiation }) => sslnegotiation === "direct" && isWeak(mode),
    "has sslnegotiation=direct, which needs sslmode=require or verify-full",
  ],
  [
    (mode, { sslrootcert }) => sslrootcert !== undefined && isWeak(mode),
    "has sslrootcert with an sslmode that checks nothing; write sslmode=verify-full",
  ],
  [
    (mode, { sslrootcert }) => sslrootcert === "system" && mode !== "verify-full",
    "has sslrootcert=system, which needs sslmode=verify-full: anyone can get a certificate from a public authority",
  ],
  [
    (mode, { sslrootcert }) => sslrootcert === undefined && mode === "verify-ca",
    "has sslmode=verify-ca without sslrootcert; name the file of your authority, or write sslmode=verify-full",
  ],
  [
    (_mode, { sslcert, sslkey }) => (sslcert === undefined) !== (sslkey === undefined),
    "has one of sslcert and sslkey; a client certificate needs both",
  ],
];

function rootCertOf(sslrootcert: string | undefined): PostgresTls["rootCert"] {
  if (sslrootcert === undefined) return undefined;
  return sslrootcert === "system" ? { kind: "system" } : { kind: "file", path: sslrootcert };
}
