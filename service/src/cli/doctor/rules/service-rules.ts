import { isLoopback } from "../../../kernel/loopback.ts";
import type { Answer } from "../../client/http-client.ts";
import { shown } from "../../terminal/shown.ts";
import { whyNoAnswer } from "../../words/no-answer.ts";
import type { ServiceFacts } from "../facts/ask-service.ts";
import { type Finding, fail, ok, type Rule, skip, warn } from "../finding.ts";

/** Health checks of existing deployments read the status, and some of them the body: nothing may be added to it. */
export function healthAnswersExactly({ health }: ServiceFacts): readonly Finding[] {
  const check = "health";
  if (health.kind === "no-answer")
    return [
      fail(check, `GET /healthz: ${whyNoAnswer(health)}`, "check that the service runs at this address"),
    ];
  if (health.status !== 200)
    return [fail(check, `GET /healthz answers ${statusOf(health)}`, "see the service's log")];
  if (health.body.trim() === '{"ok":true}') return [ok(check, 'GET /healthz answers {"ok":true}')];
  return [
    fail(
      check,
      'GET /healthz answers 200 without {"ok":true}',
      "check what answers at this address: it is not only this service",
    ),
  ];
}

/** Tokens cross this connection, and anyone who reads one can use it. The JWKS is public. */
export function tokensAreNotReadableOnTheWire({ base }: ServiceFacts): readonly Finding[] {
  const check = "transport";
  if (base.protocol === "https:") {
    return [
      ok(check, "https"),
      skip(
        "jwks-plain-http",
        "not checked: the runtime reads the JWKS only over plain http; run doctor again with the http:// address that the runtime uses",
      ),
    ];
  }
  if (isLoopback(base.hostname)) return [ok(check, "plain http inside this machine")];
  return [
    warn(
      check,
      `plain http to ${shown(base.host)}: anyone who can read the network traffic can read the tokens`,
      "let callers mint over TLS (a proxy or a mesh), and serve /.well-known/jwks.json over plain http without a redirect, for the runtime",
    ),
  ];
}

/** A request without credentials must be rejected before its body is read. */
export function mintAsksForCredentials({ base, emptyMint }: ServiceFacts): readonly Finding[] {
  const check = "open-mint";
  if (emptyMint.kind === "no-answer")
    return [
      fail(check, `POST /tokens: ${whyNoAnswer(emptyMint)}`, "check that the service runs at this address"),
    ];
  const { status } = emptyMint;
  if (status === 401 || status === 403)
    return [ok(check, `POST /tokens without credentials answers ${String(status)}`)];
  if (status === 404) return [ok(check, "POST /tokens is not served at this address")];
  if (status >= 200 && status < 300) {
    const found = `POST /tokens without credentials and without a sender answers ${String(status)}`;
    return [fail(check, found, "check what answers at this address: it mints tokens for anyone")];
  }
  if (errorOf(emptyMint) !== "sender is required") {
    const found = `POST /tokens without credentials answers ${statusOf(emptyMint)}, which does not show whether it needs credentials`;
    return [warn(check, found, "name the service itself with --url, not a proxy before it")];
  }
  const found = "POST /tokens needs no credentials: anyone who reaches it can mint any identity";
  const fix =
    "set HOST=127.0.0.1, put a proxy that authenticates before it, or let the network allow only the callers that may mint";
  return [isLoopback(base.hostname) ? warn(check, found, fix) : fail(check, found, fix)];
}

/** The status of an answer, with where it sends on to: neither user nor query, which may be secret. */
export function statusOf({ status, headers: { location } }: Extract<Answer, { kind: "answered" }>): string {
  if (location === undefined) return String(status);
  return `${String(status)} to ${shown(location.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//"))}`;
}

function errorOf({ body }: Extract<Answer, { kind: "answered" }>): unknown {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : undefined;
  } catch {
    return undefined;
  }
}

export const SERVICE_RULES: readonly Rule<ServiceFacts>[] = [
  healthAnswersExactly,
  tokensAreNotReadableOnTheWire,
  mintAsksForCredentials,
];
