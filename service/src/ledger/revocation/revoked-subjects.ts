import { type EpochSeconds, latest } from "../../kernel/clock.ts";
import type { TokenFacts } from "../ledger.ts";
import type { RevocationRule } from "./revocation-store.ts";

const KINDS = ["sender", "caller", "run", "kid"] as const;
type Kind = (typeof KINDS)[number];

/** What is stopped by what stands in a token: one rule for each subject. */
export class RevokedSubjects {
  readonly #rules: Readonly<Record<Kind, Map<string, RevocationRule>>> = {
    sender: new Map(),
    caller: new Map(),
    run: new Map(),
    kid: new Map(),
  };

  /** How many are known. */
  get size(): number {
    return KINDS.reduce((sum, kind) => sum + this.#rules[kind].size, 0);
  }

  /** Notes a rule. A later one for the same subject stops all that the earlier one does. */
  add(rule: RevocationRule): void {
    const rules = this.#of(rule.kind);
    const known = rules?.get(rule.subject);
    if (known === undefined || known.epoch < rule.epoch) rules?.set(rule.subject, rule);
  }

  /** Drops the rule of this revocation, when it is still the one for its subject. */
  end({ kind, subject }: Pick<RevocationRule, "kind" | "subject">, epoch: number): void {
    for (const rules of kind === "undo" ? Object.values(this.#rules) : [this.#of(kind)])
      if (rules?.get(subject)?.epoch === epoch) rules.delete(subject);
  }

  /** A revocation that stops this token by what stands in it; `undefined`: none does. */
  stoppedBy({ sub, iat, kid, run, caller }: Omit<TokenFacts, "jti" | "parent">): number | undefined {
    const { sender, caller: callers, run: runs, kid: kids } = this.#rules;
    const rule =
      ifBefore(iat, sender.get(sub)) ??
      kids.get(kid) ??
      (run === undefined ? undefined : runs.get(run)) ??
      (caller === undefined ? undefined : ifBefore(iat, callers.get(caller)));
    return rule?.epoch;
  }

  /** The last second whose tokens are stopped for this sender or this caller; `undefined`: none is. */
  lastStopped({ sub, caller }: Pick<TokenFacts, "sub" | "caller">): EpochSeconds | undefined {
    const ofSender = this.#rules.sender.get(sub)?.cutOff;
    const ofCaller = caller === undefined ? undefined : this.#rules.caller.get(caller)?.cutOff;
    if (ofSender === undefined || ofCaller === undefined) return ofSender ?? ofCaller;
    return latest(ofSender, ofCaller);
  }

  /** Lets go of rules that have nothing left to stop. */
  sweep(now: EpochSeconds): void {
    for (const kind of KINDS)
      for (const [subject, { until }] of this.#rules[kind])
        if (until <= now) this.#rules[kind].delete(subject);
  }

  #of(kind: RevocationRule["kind"]): Map<string, RevocationRule> | undefined {
    return kind === "jti" || kind === "root" || kind === "undo" ? undefined : this.#rules[kind];
  }
}

/** The rule, where it stops what was issued in this second. */
function ifBefore(iat: EpochSeconds, rule: RevocationRule | undefined): RevocationRule | undefined {
  return rule?.cutOff !== undefined && iat <= rule.cutOff ? rule : undefined;
}
