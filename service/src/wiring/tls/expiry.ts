import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Log } from "../../telemetry/log.ts";
import type { TlsMaterial } from "./judge-tls.ts";

const DAY_SECONDS = 86_400;
/** How many days before a certificate expires this is reported, each once. */
const DAYS = [1, 7, 30] as const;

/** How close the end of a certificate is: at most so many days away, over, or not close. */
type Expiry = (typeof DAYS)[number] | "over" | undefined;

/** How close the end of a certificate is at `now`. */
function expiryAt(notAfter: EpochSeconds, now: EpochSeconds): Expiry {
  if (now > notAfter) return "over";
  return DAYS.find((days) => notAfter - now <= days * DAY_SECONDS);
}

/** A function that reports each certificate that is about to expire, once for each step. */
export function expiryWatch(
  log: Log,
): (material: Pick<TlsMaterial, "facts" | "authoritiesNotAfter">, now: EpochSeconds) => void {
  const reported = new Map<string, string>();
  const look = (certificate: "server" | "client_ca", notAfter: EpochSeconds, now: EpochSeconds): void => {
    const expiry = expiryAt(notAfter, now);
    const state = `${String(notAfter)} ${String(expiry)}`;
    if (expiry === undefined || reported.get(certificate) === state) return;
    reported.set(certificate, state);
    if (expiry === "over") log.error({ event: "tls_expired", certificate, not_after: notAfter });
    else log.warn({ event: "tls_expires", certificate, days: expiry, not_after: notAfter });
  };
  return ({ facts, authoritiesNotAfter }, now) => {
    look("server", facts.notAfter, now);
    if (authoritiesNotAfter !== undefined) look("client_ca", authoritiesNotAfter, now);
  };
}
