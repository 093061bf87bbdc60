import type { Settings } from "../../../config/settings.ts";
import { loggedText, quotedName, shownValue } from "../../../config/shown-value.ts";
import { isLoopback } from "../../../kernel/loopback.ts";
import { shown } from "../../terminal/shown.ts";
import { type Finding, fail, ok, type Rule, skip, warn } from "../finding.ts";

/** The runtime's environment file and this service's settings. */
export interface RuntimeFacts {
  readonly runtime: Readonly<Record<string, string | undefined>>;
  /** `undefined`: no valid configuration of this service was checked. */
  readonly settings: Settings | undefined;
}

/** The runtime's own defaults. A variable that is set to nothing is set, for it. */
const DEFAULT_AUDIENCE = "macp-runtime";
const DEFAULT_TTL = "300";
const DEFAULT_ALGORITHMS = "RS256,ES256";
const JWKS_PATH = "/.well-known/jwks.json";
const NOT_COMPARED = "not compared: name this service's environment file with --environment";

/** The runtime rejects a token with another `iss`, and every token when it has no issuer. */
export function issuersAgree({ runtime, settings }: RuntimeFacts): readonly Finding[] {
  const check = "runtime-issuer";
  const issuer = runtime["MACP_AUTH_ISSUER"];
  if (issuer === undefined) {
    const found = "MACP_AUTH_ISSUER is not set, so the runtime accepts none of these tokens";
    return [
      fail(
        check,
        found,
        `set MACP_AUTH_ISSUER=${loggedText(settings?.tokens.issuer ?? "(this service's issuer)")} for the runtime`,
      ),
    ];
  }
  if (settings === undefined) return [skip(check, NOT_COMPARED)];
  if (issuer === settings.tokens.issuer) return [ok(check, loggedText(issuer))];
  const found = `the runtime expects the issuer ${quotedName(issuer)}, and tokens say ${quotedName(settings.tokens.issuer)}`;
  return [fail(check, found, "set MACP_AUTH_ISSUER to the same value in both")];
}

/** The runtime rejects a token with another `aud`. */
export function audiencesAgree({ runtime, settings }: RuntimeFacts): readonly Finding[] {
  const check = "runtime-audience";
  const audience = runtime["MACP_AUTH_AUDIENCE"] ?? DEFAULT_AUDIENCE;
  if (settings === undefined) return [skip(check, NOT_COMPARED)];
  if (audience === settings.tokens.audience) return [ok(check, loggedText(audience))];
  const found = `the runtime expects the audience ${quotedName(audience)}, and tokens say ${quotedName(settings.tokens.audience)}`;
  return [fail(check, found, "set MACP_AUTH_AUDIENCE to the same value in both")];
}

/** The runtime fetches its keys over plain http, and an inline set of keys hides the address. */
export function runtimeFetchesTheKeys({ runtime }: RuntimeFacts): readonly Finding[] {
  const check = "runtime-jwks-url";
  const { MACP_AUTH_JWKS_JSON: inline, MACP_AUTH_JWKS_URL: address } = runtime;
  if (inline !== undefined) {
    const beside = address === undefined ? "" : "; MACP_AUTH_JWKS_URL is ignored";
    const found = `the keys are in MACP_AUTH_JWKS_JSON and are never fetched: after a rotation every token is rejected${beside}`;
    return [warn(check, found, "set MACP_AUTH_JWKS_URL instead, and remove MACP_AUTH_JWKS_JSON")];
  }
  const fix = `set it to http://HOST:PORT${JWKS_PATH} of this service`;
  if (address === undefined)
    return [fail(check, "MACP_AUTH_JWKS_URL is not set, so the runtime has no keys", fix)];
  if (!URL.canParse(address)) return [fail(check, "MACP_AUTH_JWKS_URL is not a URL", fix)];
  return [judgedAddress(check, new URL(address))];
}

function judgedAddress(check: string, url: URL): Finding {
  const place = shown(`${url.protocol}//${url.host}${url.pathname}`);
  if (url.protocol !== "http:")
    return fail(
      check,
      `${place} is not plain http, and the runtime's client has no TLS`,
      "use an http:// address",
    );
  if (url.pathname.endsWith(JWKS_PATH)) return ok(check, place);
  return warn(
    check,
    `${place} does not end in ${JWKS_PATH}, where this service has its keys`,
    "fix the path, unless a proxy rewrites it",
  );
}

/** Rotation waits for the declared cache time: a runtime that caches keys for longer rejects valid tokens. */
export function keyLifetimesAgree({ runtime, settings }: RuntimeFacts): readonly Finding[] {
  const check = "runtime-jwks-ttl";
  const written = runtime["MACP_AUTH_JWKS_TTL_SECS"] ?? DEFAULT_TTL;
  // The runtime silently ignores what is not a u64.
  if (!/^\+?[0-9]{1,19}$/.test(written)) {
    return [
      warn(
        check,
        `MACP_AUTH_JWKS_TTL_SECS is not a number, so the runtime uses ${DEFAULT_TTL}`,
        "set it to whole seconds, or leave it out",
      ),
    ];
  }
  if (settings === undefined) return [skip(check, NOT_COMPARED)];
  const declared = settings.keys.timing.verifierTtlSeconds;
  const cached = Number(written);
  if (cached === declared) return [ok(check, `${String(cached)} seconds, as declared`)];
  const found = `the runtime caches the JWKS for ${String(cached)} seconds, and this service expects ${String(declared)}`;
  const fix = `set MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS=${String(cached)} for this service`;
  return [
    cached > declared
      ? fail(check, `${found}: after a rotation the runtime can reject valid tokens`, fix)
      : warn(check, found, fix),
  ];
}

/** With HS256 anyone who can read a shared key can sign; and the algorithm in use must be on the list. */
export function algorithmsAgree({ runtime, settings }: RuntimeFacts): readonly Finding[] {
  const check = "runtime-algorithms";
  const known = algorithmsOf(runtime["MACP_AUTH_JWT_ALGS"] ?? DEFAULT_ALGORITHMS);
  const allowed = known.length > 0 ? known : algorithmsOf(DEFAULT_ALGORITHMS);
  const accepted = allowed.join(", ");
  const findings: Finding[] = [];
  if (settings !== undefined && !allowed.includes(settings.keys.alg)) {
    const fix = `add ${settings.keys.alg} to MACP_AUTH_JWT_ALGS, or unset it`;
    findings.push(
      fail(check, `the runtime accepts ${accepted}, and tokens are signed with ${settings.keys.alg}`, fix),
    );
  }
  if (allowed.includes("HS256")) {
    findings.push(
      warn(
        check,
        `the runtime accepts ${accepted}: a symmetric key in its JWKS could sign tokens`,
        "remove HS256 from MACP_AUTH_JWT_ALGS",
      ),
    );
  }
  return findings.length > 0 ? findings : [ok(check, accepted)];
}

/** Agents send their tokens to the runtime. */
export function runtimeUsesTls({ runtime }: RuntimeFacts): readonly Finding[] {
  const check = "runtime-transport";
  if (runtime["MACP_ALLOW_INSECURE"] !== "1") return [ok(check, "plain text is not allowed")];
  return [
    warn(
      check,
      "MACP_ALLOW_INSECURE=1: agents may send their tokens in plain text",
      "set MACP_TLS_CERT_PATH and MACP_TLS_KEY_PATH, and unset MACP_ALLOW_INSECURE",
    ),
  ];
}

/** Since 0.12 the runtime can listen a second time, for HTTP/JSON, with the same tokens: what guards the gRPC port must guard it too. */
export function runtimeHasOneDoor({ runtime }: RuntimeFacts): readonly Finding[] {
  const check = "runtime-http";
  const address = runtime["MACP_HTTP_BIND_ADDR"] ?? "";
  // Set to nothing, it is off.
  if (address === "") return [ok(check, "the HTTP/JSON listener is off")];
  const shown = shownValue(address);
  if (isLoopback(address.replace(/:\d+$/, "")))
    return [ok(check, `HTTP/JSON at ${shown}, only for this machine`)];
  const found = `HTTP/JSON at ${shown} accepts the same tokens as the gRPC port`;
  return [warn(check, found, "guard both ports by the same network rules and proxies")];
}

function algorithmsOf(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.trim().toUpperCase())
    .filter((name) => name === "RS256" || name === "ES256" || name === "HS256");
}

export const RUNTIME_RULES: readonly Rule<RuntimeFacts>[] = [
  issuersAgree,
  audiencesAgree,
  runtimeFetchesTheKeys,
  keyLifetimesAgree,
  algorithmsAgree,
  runtimeUsesTls,
  runtimeHasOneDoor,
];
