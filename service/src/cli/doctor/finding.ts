/** How a check came out: `fail` must be fixed before the deployment is relied on, `warn` is a risk to accept knowingly, `skip` was not looked at. */
export type Grade = "ok" | "warn" | "fail" | "skip";

/** What one check found. Its texts hold no key material, no token and no secret value; text from outside in them went through `shown`. */
export interface Finding {
  readonly grade: Grade;
  /** Names the check, kebab-case, the same in every release. */
  readonly check: string;
  readonly found: string;
  /** What to do about it, where `found` does not say so itself. */
  readonly fix?: string;
}

/** The check found nothing to fix. */
export function ok(check: string, found: string): Finding {
  return { grade: "ok", check, found };
}

/** The check found a risk. */
export function warn(check: string, found: string, fix?: string): Finding {
  return { grade: "warn", check, found, ...(fix !== undefined && { fix }) };
}

/** The check found something that must be fixed. */
export function fail(check: string, found: string, fix?: string): Finding {
  return { grade: "fail", check, found, ...(fix !== undefined && { fix }) };
}

/** The check was not made; `found` says why, and how to have it made. */
export function skip(check: string, found: string): Finding {
  return { grade: "skip", check, found };
}

/** A rule looks only at facts: no clock, no file, no network. */
export type Rule<Facts> = (facts: Facts) => readonly Finding[];

/** What all the rules find, in their order. */
export function judge<Facts>(rules: readonly Rule<Facts>[], facts: Facts): readonly Finding[] {
  return rules.flatMap((rule) => rule(facts));
}
