import { unsafeClientCertificates } from "../../words/node-line.ts";
import type { ConfigurationFacts } from "../facts/configuration-facts.ts";
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
      const days = Math.floor((tls.notAfter - now) / DAY_SECONDS);
      const found = `the certificate of the listeners is valid for ${String(days)} more days`;
      const ofDate = days > DAYS_LEFT_MIN ? ok(check, found) : warn(check, found, "renew it");
      return [ofDate, ...tls.warnings.map((warning) => warn(check, warning))];
    }
  }
}

/** Where clients are asked for certificates, Node has the fixes for that. */
export function nodeIsSafeForClientCertificates({
  settings,
  nodeVersion,
}: ConfigurationFacts): readonly Finding[] {
  const check = "node-client-certificates";
  if (settings.kind !== "read" || settings.settings.tls?.clientCaFile === undefined) return [];
  const unsafe = unsafeClientCertificates(nodeVersion);
  return unsafe === undefined ? [ok(check, `Node ${nodeVersion}`)] : [warn(check, unsafe.found, unsafe.fix)];
}

export const TLS_RULES: readonly Rule<ConfigurationFacts>[] = [
  certificateIsServable,
  nodeIsSafeForClientCertificates,
];
