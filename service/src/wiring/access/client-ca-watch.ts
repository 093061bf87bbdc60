import { type ClientCa, type ClientCaEnds, endsOfClientCa } from "../../callers/certificates/client-ca.ts";
import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import type { Log } from "../../telemetry/log.ts";
import { LOOK_MS, type UpkeepLoop } from "../key-upkeep.ts";
import type { AccessDirectory, AccessView } from "./access-directory.ts";

const DAY_SECONDS = 86_400;
/** How long before the last authority of a client CA expires this is reported, and of what lives shorter which part of its life. */
const NOTICE_SECONDS = 7 * DAY_SECONDS;
const NOTICE_PART = 1 / 4;

/** When each client CA that is in force ends; none where nobody is asked who they are. */
export function clientCaEnds(declared: Pick<AccessDirectory, "view"> | undefined): readonly ClientCaEnds[] {
  return declared?.view().proofs.directory.clientCas.map(endsOfClientCa) ?? [];
}

/** Looks at the client CAs that are in force. */
export function clientCaLoop(log: Log, clock: Clock, view: () => AccessView): UpkeepLoop {
  const watch = clientCaWatch(log);
  const run = (): Promise<void> => {
    watch(view().proofs.directory.clientCas, clock.now());
    return Promise.resolve();
  };
  return { name: "client_cas", everyMs: LOOK_MS, run };
}

/** A function that reports each client CA that is about to prove nobody any more, or does not: each state once. */
export function clientCaWatch(log: Log): (cas: readonly ClientCa[], now: EpochSeconds) => void {
  const reported = new Set<string>();
  const report = (state: string, write: () => void): void => {
    if (reported.has(state)) return;
    reported.add(state);
    write();
  };
  return (cas, now) => {
    for (const { name, authoritiesEnd, authoritySeconds, listsEnd } of cas.map(endsOfClientCa)) {
      const facts = { client_ca: name, not_after: authoritiesEnd };
      if (authoritiesEnd > 0) reported.delete(`${name} empty`);
      if (authoritiesEnd === 0)
        report(`${name} empty`, () => log.error({ event: "client_ca_empty", client_ca: name }));
      else if (now > authoritiesEnd)
        report(`${name} over ${String(authoritiesEnd)}`, () =>
          log.error({ event: "client_ca_expired", ...facts }),
        );
      else if (authoritiesEnd - now <= Math.min(NOTICE_SECONDS, authoritySeconds * NOTICE_PART))
        report(`${name} ${String(authoritiesEnd)}`, () => log.warn({ event: "client_ca_expires", ...facts }));
      if (listsEnd !== undefined && now >= listsEnd)
        report(`${name} list ${String(listsEnd)}`, () => {
          log.error({ event: "revocation_list_ended", client_ca: name, next_update: listsEnd });
        });
    }
  };
}
