import { asksForCertificates } from "../../../wiring/tls/asks-for-certificates.ts";
import { unsafeClientCertificates } from "../../words/node-line.ts";
import type { ConfigurationFacts, TlsFound } from "../facts/configuration-facts.ts";
import { type Finding, fail, ok, type Rule, warn } from "../finding.ts";

const DAY_SECONDS = 86_400;
/** As the service warns first. */
const DAYS_LEFT_MIN = 30;

/** The certificate of the listeners can be served, and for long enough to renew it. */
export function certificateIsServable({ tls, now }: ConfigurationFacts): readonly Finding[] {
  const check = "tls-certificate";
  switch (tls.kind) {
    case "none":
      return [];
    case "rejected":
      return tls.faults.map((fault) => fail(check, fault));
    case "servable": {
      return [ofDate(check, tls, now), ...tls.warnings.map((warning) => warn(check, warning))];
    }
  }
}

function ofDate(
  check: string,
  { notAfter, lifeSeconds }: Pick<Extract<TlsFound, { kind: "servable" }>, "notAfter" | "lifeSeconds">,
  now: number,
): Finding {
  const left = notAfter - now;
  // What lives for hours is renewed by a program, in time or not at all.
  const isShort = lifeSeconds < 2 * DAY_SECONDS;
  const time = isShort
    ? `${String(Math.floor(left / 60))} more minutes`
    : `${String(Math.floor(left / DAY_SECONDS))} more days`;
  const found = `the certificate of the listeners is valid for ${time}`;
  const isLate = isShort ? left <= lifeSeconds / 4 : left < (DAYS_LEFT_MIN + 1) * DAY_SECONDS;
  return isLate ? warn(check, found, "renew it") : ok(check, found);
}

/** Where clients are asked for certificates, Node has the fixes for that. */
export function nodeIsSafeForClientCertificates({
  settings,
  access,
  nodeVersion,
}: ConfigurationFacts): readonly Finding[] {
  const check = "node-client-certificates";
  const registry = access.kind === "loaded" ? access.loaded.registry : undefined;
  if (settings.kind !== "read" || !asksForCertificates(settings.settings.tls, registry)) return [];
  const unsafe = unsafeClientCertificates(nodeVersion);
  return unsafe === undefined ? [ok(check, `Node ${nodeVersion}`)] : [warn(check, unsafe.found, unsafe.fix)];
}

export const TLS_RULES: readonly Rule<ConfigurationFacts>[] = [
  certificateIsServable,
  nodeIsSafeForClientCertificates,
];
