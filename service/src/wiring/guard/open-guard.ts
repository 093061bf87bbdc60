import type { Settings } from "../../config/settings.ts";
import { loggedText } from "../../config/shown-value.ts";
import { type CheckAsked, type Checked, check } from "../../guard/check.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { Verified } from "../../tokens/verify.ts";

/** The guard of this process: one decision for all of its listeners. */
export interface OpenGuard {
  check(asked: CheckAsked): Promise<Checked>;
  /** Reports a member of a recipe that is not understood, each once. */
  misconfigured(member: string): void;
}

const UNAVAILABLE_EVERY_MS = 10_000;
/** A recipe that passes on what its clients send must not fill the log. */
const MEMBERS_MAX = 20;

/** Opens the guard. `verify`: by the served keys, and what is revoked, as this process knows them (`rememberedVerify`). */
export function openGuard(
  verify: (text: string) => Promise<Verified>,
  { audience }: Pick<Settings["tokens"], "audience">,
  { log, timers }: { readonly log: Log; readonly timers: Timers },
): OpenGuard {
  const deps = { verify, audience: [audience] };
  const atTimes = seldom(timers, UNAVAILABLE_EVERY_MS);
  const reported = new Set<string>();
  return {
    async check(asked) {
      const outcome = await check(deps, asked);
      if (outcome.kind === "unavailable")
        atTimes(() => {
          log.error({ event: "guard_unavailable", reason: outcome.reason });
        });
      return outcome;
    },
    misconfigured(member) {
      if (reported.has(member) || reported.size >= MEMBERS_MAX) return;
      reported.add(member);
      const message = `a proxy requires ${loggedText(member)} of /check, which is not understood: every such request is rejected; use can_start_sessions=true, can_manage_mode_registry=true, is_observer=true or mode=NAME`;
      log.error({ event: "guard_misconfigured", message });
    },
  };
}
