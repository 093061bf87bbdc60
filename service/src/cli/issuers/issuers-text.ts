import type { IssuerReport } from "../../http/routes/admin/list-issuers.ts";
import { counted } from "../terminal/count.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { utcAndDistance } from "../terminal/time.ts";

const STATES: Readonly<Record<IssuerReport["state"], string>> = {
  not_asked: "not asked yet",
  fresh: "fresh",
  stale: "stale",
  unavailable: "unavailable",
};

/** The issuers as a table, and for each whose last attempt failed or whose keys are partly skipped, a line that says so. */
export function issuersText(issuers: readonly IssuerReport[], now: number): string {
  const rows = issuers.map(({ name, issuer, keys_from: place, state, keys, fetched_at: at }) => [
    shown(name),
    STATES[state],
    String(keys.length),
    place,
    at === null ? "-" : utcAndDistance(at, now),
    shown(issuer),
  ]);
  return [
    issuers.length === 0 ? "" : table([["NAME", "STATE", "KEYS", "FROM", "FETCHED", "ISSUER"], ...rows]),
    issuers.length === 0 ? "" : "\n",
    ...issuers.flatMap((issuer) => remarksOn(issuer, now)),
    `${counted(issuers.length, "issuer")}\n`,
  ].join("");
}

function remarksOn({ name, last_failure: failure, skipped }: IssuerReport, now: number): readonly string[] {
  const status = failure?.status ?? undefined;
  return [
    ...(failure === null
      ? []
      : [
          `${shown(name)}: the last attempt failed (${shown(failure.reason)}${status === undefined ? "" : ` ${String(status)}`}) at ${utcAndDistance(failure.at, now)}\n`,
        ]),
    ...(skipped.length === 0
      ? []
      : [
          `${shown(name)}: ${counted(skipped.length, "key is", "keys are")} not used (${[...new Set(skipped)].map((code) => shown(code)).join(", ")})\n`,
        ]),
  ];
}
