import type { GuardSettings } from "../../../config/guard-settings.ts";
import { loggedText } from "../../../config/shown-value.ts";
import { isLoopback } from "../../../kernel/loopback.ts";
import { CLOCKS_DIFFER_SECONDS } from "../../../wiring/guard/follow-mint.ts";
import type { GuardFacts } from "../facts/guard-facts.ts";
import { type Finding, fail, judge, ok, type Rule, warn } from "../finding.ts";
import { SECRET_FILE_RULES } from "./secret-file-rules.ts";

/** In an outage of the mint a revoked token passes for as long. */
const STALE_SECONDS_MAX = 60;

/** Each program that can ask a guard learns which tokens are live. Envoy's listener has no TLS at all. */
export function guardListensToTheProxyOnly(guard: GuardSettings): readonly Finding[] {
  const check = "guard-listener";
  const doors = [
    ...(guard.port === undefined ? [] : ["HTTP"]),
    ...(guard.grpcPort === undefined ? [] : ["gRPC"]),
  ].join(" and ");
  const found = `${doors} on ${loggedText(guard.host)}`;
  if (isLoopback(guard.host)) return [ok(check, found)];
  const plain = guard.grpcPort === undefined ? "" : ", and gRPC is in the clear";
  return [
    warn(
      check,
      `${found}: other machines may ask which tokens are live${plain}`,
      "bind to 127.0.0.1 beside the proxy, or let nobody but the proxy reach it",
    ),
  ];
}

/** The settings are those that a start of `guard serve` would accept. */
function guardSettingsAreValid({ guard }: GuardFacts): readonly Finding[] {
  const check = "guard-settings";
  if (guard.kind === "rejected") return guard.faults.map((fault) => fail(check, fault));
  const { warnings, place } = guard.loaded;
  if (warnings.length > 0) return warnings.map((warning) => warn(check, warning));
  return [ok(check, `follows ${loggedText(place.url)}, issuer ${loggedText(place.issuer)}`)];
}

function guardIsNotExposed({ guard }: GuardFacts): readonly Finding[] {
  const listeners = guard.kind === "rejected" ? undefined : guard.loaded.settings.guard;
  return listeners === undefined ? [] : guardListensToTheProxyOnly(listeners);
}

/** How long a revoked token may pass while the mint is away. */
function staleIsBounded({ guard }: GuardFacts): readonly Finding[] {
  if (guard.kind === "rejected") return [];
  const check = "guard-staleness";
  const { staleSeconds } = guard.loaded.place;
  const found = `while the mint is away, requests pass for ${String(staleSeconds)} s`;
  if (staleSeconds <= STALE_SECONDS_MAX) return [ok(check, found)];
  return [
    warn(
      check,
      `${found}, and so does a token that is revoked meanwhile`,
      "lower MACP_AUTH_GUARD_STALE_SECONDS",
    ),
  ];
}

/** A user who reads the file can follow what is revoked. */
function credentialIsPrivate({ guard, userId, now }: GuardFacts): readonly Finding[] {
  if (guard.kind === "rejected" || guard.tokenFile === undefined) return [];
  return judge(SECRET_FILE_RULES, { file: guard.tokenFile, userId, now });
}

/** The mint answers this guard, and its clock is that of this machine. */
function mintIsFollowed({ guard }: GuardFacts): readonly Finding[] {
  if (guard.kind === "rejected") return [];
  const check = "guard-feed";
  const { mint } = guard;
  if (mint.kind === "failed") return [fail(check, mint.line)];
  const { epoch, revoked, clockOffsetSeconds: offset } = mint;
  const followed = ok(
    check,
    `the mint is at revocation ${String(epoch)}, and ${String(revoked)} are stopped`,
  );
  if (Math.abs(offset) <= CLOCKS_DIFFER_SECONDS) return [followed];
  return [
    followed,
    warn(
      "guard-clock",
      `the clocks of the mint and of this machine differ by ${String(Math.abs(offset))} s`,
      "synchronise both clocks, for example with chrony: tokens expire by the one that is ahead",
    ),
  ];
}

/** What `doctor --guard` checks. */
export const GUARD_RULES: readonly Rule<GuardFacts>[] = [
  guardSettingsAreValid,
  guardIsNotExposed,
  staleIsBounded,
  credentialIsPrivate,
  mintIsFollowed,
];
