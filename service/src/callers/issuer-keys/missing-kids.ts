/** Key ids that were looked for in vain, and until when nobody looks again. */
export class MissingKids {
  readonly #until = new Map<string, number>();

  /** Whether a fetch looked for this id in vain, less than 5 minutes ago. */
  has(kid: string, now: number): boolean {
    return now < (this.#until.get(kid) ?? 0);
  }

  /** Remembers 1,000 ids: another one takes the place of the oldest. What then asks too often waits for the cooldown. */
  add(kid: string, now: number): void {
    this.#until.delete(kid);
    this.#until.set(kid, now + MISSING_SECONDS);
    const [oldest] = this.#until.keys();
    if (this.#until.size > KIDS_MAX && oldest !== undefined) this.#until.delete(oldest);
  }

  /** The key set changed: what was missing may be in it. */
  clear(): void {
    this.#until.clear();
  }

  get size(): number {
    return this.#until.size;
  }
}

const MISSING_SECONDS = 300;
const KIDS_MAX = 1000;
