import type { EpochSeconds } from "../kernel/clock.ts";
import { type LedgerQuestions, PAGE_MAX } from "../ledger/questions/ledger-questions.ts";
import { tokenOf } from "../ledger/questions/live-tokens.ts";
import { recordOf } from "../ledger/questions/record.ts";
import type {
  RevocationChanges,
  RevocationRule,
  RevocationStore,
} from "../ledger/revocation/revocation-store.ts";
import { ListBits } from "./list-bits.ts";
import type { LiveList } from "./status-list-store.ts";
import type { ListId } from "./status-place.ts";
import type { TokenIds } from "./token-ids.ts";

export interface StoppedDeps {
  readonly revocations: Pick<RevocationStore, "changes">;
  readonly questions: Pick<LedgerQuestions, "unexpired">;
  readonly ids: TokenIds;
  readonly now: () => EpochSeconds;
}

/** The bits of a list at this moment. */
export interface BitsNow {
  /** Another one when they differ. */
  readonly version: number;
  /** A copy. */
  readonly bytes: () => Buffer;
}

/** The places of all stopped tokens, a bit each, as far as a reader has come. */
export class StoppedPlaces {
  readonly #deps: StoppedDeps;
  readonly #lists = new Map<ListId, ListBits>();
  readonly #kids = new Set<string>();
  #epoch = -1;
  /** The revocation with that number, where it is known. */
  #last: string | undefined;

  constructor(deps: StoppedDeps) {
    this.#deps = deps;
  }

  /** All revocations up to this number are known. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Reads what was revoked since the last look. `begin_again`: something was taken back, or the store was put back to an earlier state; what
   * is stopped now is known only by reading all of it into a new object. Rejects as the store does; then what was read is repeated.
   */
  async look(): Promise<"known" | "begin_again"> {
    const { revocations } = this.#deps;
    let page = await revocations.changes({ epoch: this.#epoch + 1, jti: "", after: this.#last });
    if (page.epoch < this.#epoch && page.next === undefined) return "begin_again";
    const isFirst = this.#epoch === -1;
    let isLess = false;
    for (;;) {
      await this.#learn(page);
      isLess ||= page.rules.some(({ kind }) => kind === "undo");
      if (page.next === undefined) break;
      page = await revocations.changes(page.next);
    }
    if (page.epoch > this.#epoch) {
      this.#epoch = page.epoch;
      this.#last = page.last;
    }
    return isLess && !isFirst ? "begin_again" : "known";
  }

  /** Forgets all other lists: no token of theirs is live. */
  keepOnly(lists: readonly Pick<LiveList, "id">[]): void {
    const kept = new Set(lists.map(({ id }) => id));
    for (const id of this.#lists.keys()) if (!kept.has(id)) this.#lists.delete(id);
  }

  /** The bits of a list. */
  bitsOf({ id, kid, size }: LiveList): BitsNow {
    const length = Math.ceil(size / 8);
    if (this.#kids.has(kid)) return { version: -1, bytes: () => Buffer.alloc(length, 0xff) };
    const bits = this.#lists.get(id);
    return { version: bits?.version ?? 0, bytes: () => bits?.bytes(length) ?? Buffer.alloc(length) };
  }

  async #learn({ rules, tokens }: RevocationChanges): Promise<void> {
    this.#stop(tokens.map(({ jti }) => jti));
    for (const rule of rules) {
      if (rule.kind === "kid") this.#kids.add(rule.subject);
      if (rule.kind === "sender") await this.#stopSender(rule);
    }
  }

  /** The tokens of a sender are known by what stands in them: a revocation lists only those under them. */
  async #stopSender({ subject: sender, cutOff }: RevocationRule): Promise<void> {
    const { questions, now } = this.#deps;
    let after: Parameters<LedgerQuestions["unexpired"]>[2]["after"];
    do {
      const page = await questions.unexpired({ kind: "sender", sender }, now(), { limit: PAGE_MAX, after });
      const tokens = page.items.flatMap((entry) => tokenOf(recordOf(entry)) ?? []);
      this.#stop(tokens.filter(({ iat }) => cutOff === undefined || iat <= cutOff).map(({ jti }) => jti));
      after = page.next;
    } while (after !== undefined);
  }

  #stop(jtis: readonly string[]): void {
    for (const { list, idx } of this.#deps.ids.placesOf(jtis)) {
      let bits = this.#lists.get(list);
      if (bits === undefined) {
        bits = new ListBits();
        this.#lists.set(list, bits);
      }
      bits.set(idx);
    }
  }
}
