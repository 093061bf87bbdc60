import type { Selector } from "../../ledger/revocation/selector.ts";
import { subjectOf } from "../../ledger/revocation/selector.ts";

/** A token that has an entry. */
export interface RecordedToken {
  readonly jti: string;
  readonly sender: string;
  readonly caller: string;
  readonly run: string | undefined;
  readonly kid: string;
  readonly parent: string | undefined;
  readonly root: string;
  readonly iat: number;
  readonly exp: number;
  /** How many revocations were committed before its entry. */
  readonly epoch: number;
}

/** A revocation that was committed. */
interface Made {
  readonly epoch: number;
  readonly kind: Selector["kind"];
  readonly subject: string;
  /** Of a sender and a caller: what was issued in this second or before. */
  readonly cutOff: number;
  /** The change that took it back, or took its place. */
  endedBy: number;
}

/** What docs/revocation.md promises, as a list that is searched from its beginning for every question. */
export class Oracle {
  readonly tokens: RecordedToken[] = [];
  readonly made: Made[] = [];
  /** When each change was committed, in milliseconds: revocations and undoings. */
  readonly changes: { readonly atMs: number }[] = [];
  epoch: number;

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  /** Whether a recorded token is stopped by what was made up to a number. What a token says itself also stops it later. */
  isStopped(token: RecordedToken, epoch = this.epoch): boolean {
    return this.#standing(epoch).some((one) =>
      one.epoch > token.epoch
        ? this.#stops(one, token)
        : (one.kind === "sender" || one.kind === "kid") && this.#names(one, token),
    );
  }

  /** Whether a token must not leave: it, its caller or its run is stopped, or what it stands under. */
  isBarred(token: RecordedToken, epoch = this.epoch): boolean {
    const parent = this.tokens.find(({ jti }) => jti === token.parent);
    return (
      this.#standing(epoch).some((one) => this.#names(one, token)) ||
      (parent !== undefined && this.isStopped(parent, epoch))
    );
  }

  /** What a selector stops, of what has an entry when this many revocations are made and has not expired. */
  reach(
    selector: Selector,
    now: number,
    epoch = this.epoch,
  ): { readonly tokens: number; readonly agents: number } {
    const all = { kind: selector.kind, subject: subjectOf(selector), cutOff: Number.POSITIVE_INFINITY };
    const live = this.tokens.filter((one) => one.epoch <= epoch && one.exp > now && this.#stops(all, one));
    return { tokens: live.length, agents: new Set(live.map(({ sender }) => sender)).size };
  }

  revoke(selector: Selector, atMs: number): void {
    const [kind, subject, before] = [selector.kind, subjectOf(selector), this.epoch];
    this.epoch += 1;
    const same = this.made.find((one) => one.kind === kind && one.subject === subject && !isEnded(one));
    if (same !== undefined) same.endedBy = this.epoch;
    const own = this.tokens.filter(
      (one) => one.epoch <= before && (one.sender === subject || one.caller === subject),
    );
    const cutOff = Math.max(Math.floor(atMs / 1_000), same?.cutOff ?? 0, ...own.map(({ iat }) => iat));
    this.changes.push({ atMs });
    this.made.push({ epoch: this.epoch, kind, subject, cutOff, endedBy: Number.POSITIVE_INFINITY });
  }

  /** `false`: no such revocation stands. */
  undo(epoch: number, atMs: number): boolean {
    const target = this.made.find((one) => one.epoch === epoch && !isEnded(one));
    if (target === undefined) return false;
    target.endedBy = this.epoch += 1;
    this.changes.push({ atMs });
    return true;
  }

  #standing(epoch: number): readonly Made[] {
    return this.made.filter((one) => one.epoch <= epoch && one.endedBy > epoch);
  }

  #stops(by: Pick<Made, "kind" | "subject" | "cutOff">, token: RecordedToken): boolean {
    const parent = this.tokens.find(({ jti }) => jti === token.parent);
    return this.#names(by, token) || (parent !== undefined && this.#stops(by, parent));
  }

  #names(
    { kind, subject, cutOff }: Pick<Made, "kind" | "subject" | "cutOff">,
    token: RecordedToken,
  ): boolean {
    if (kind === "root")
      return token.jti === (this.tokens.find(({ jti }) => jti === subject)?.root ?? subject);
    const isBefore = (kind !== "sender" && kind !== "caller") || token.iat <= cutOff;
    return token[kind] === subject && isBefore;
  }
}

function isEnded({ endedBy }: Made): boolean {
  return endedBy !== Number.POSITIVE_INFINITY;
}
