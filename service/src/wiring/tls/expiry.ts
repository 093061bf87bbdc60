import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Log } from "../../telemetry/log.ts";
import type { TlsMaterial } from "./judge-tls.ts";

const DAY_SECONDS = 86_400;
/** How many days before a certificate expires this is reported, each once, where it lives for twice as long. */
const DAYS = [1, 7, 30] as const;
/** One that lives for less than two days is reported when this part of its life is left: by then it should have been renewed. */
const LATE_PART = 1 / 4;

/** How close the end of a certificate is: at most so many days away, 0 for one that lives shorter, over, or not close. */
type Expiry = 0 | (typeof DAYS)[number] | "over" | undefined;

/** How close the end of a certificate is at `now`. */
function expiryAt(lifeSeconds: number, notAfter: EpochSeconds, now: EpochSeconds): Expiry {
  if (now > notAfter) return "over";
  const left = notAfter - now;
  const isShort = lifeSeconds < 2 * DAY_SECONDS;
  if (isShort) return left <= lifeSeconds * LATE_PART ? 0 : undefined;
  return DAYS.find((days) => left <= days * DAY_SECONDS && 2 * days * DAY_SECONDS <= lifeSeconds);
}

/** A function that reports each certificate that is about to expire, once for each step. */
export function expiryWatch(
  log: Log,
): (material: Pick<TlsMaterial, "facts" | "authoritiesNotAfter">, now: EpochSeconds) => void {
  const reported = new Map<string, string>();
  const look = (
    certificate: "server" | "client_ca",
    lifeSeconds: number,
    notAfter: EpochSeconds,
    now: EpochSeconds,
  ): void => {
    const expiry = expiryAt(lifeSeconds, notAfter, now);
    const state = `${String(notAfter)} ${String(expiry)}`;
    if (expiry === undefined || reported.get(certificate) === state) return;
    reported.set(certificate, state);
    if (expiry === "over") log.error({ event: "tls_expired", certificate, not_after: notAfter });
    else log.warn({ event: "tls_expires", certificate, days: expiry, not_after: notAfter });
  };
  return ({ facts, authoritiesNotAfter }, now) => {
    look("server", facts.notAfter - facts.notBefore, facts.notAfter, now);
    if (authoritiesNotAfter !== undefined)
      look("client_ca", Number.POSITIVE_INFINITY, authoritiesNotAfter, now);
  };
}
