import { type Clock, type EpochSeconds, epochSeconds, latest, type Stopwatch } from "../../kernel/clock.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import { type KeyView, NO_KEYS, viewOf } from "../../keys/key-view.ts";
import type { ChangesFrom, RevocationChanges } from "../../ledger/revocation/revocation-store.ts";
import { RevocationView } from "../../ledger/revocation/revocation-view.ts";
import { FeedFailure } from "./feed-failure.ts";
import { changesIn, type FeedPage, queryAt } from "./feed-shapes.ts";

/** Port. Asks the mint for one page; rejects with `FeedFailure`. */
export type AskFeed = (query: string) => Promise<FeedPage>;

export interface FollowDeps {
  readonly ask: AskFeed;
  readonly clock: Pick<Clock, "now">;
  readonly stopwatch: Stopwatch;
  /** The `iss` of the tokens that are checked here. */
  readonly issuer: string;
  /** How old the newest look at the mint may be for a request to pass. */
  readonly staleAfterMs: number;
  /** How many stopped tokens and subjects are held; about a hundred bytes each. */
  readonly sizeMax: number;
  /** The mint has fewer revocations than before, or others: its store was put back to an earlier state, or lost some. All is read again. */
  readonly wentBack: (from: number, to: number) => void;
}

/** What a guard of its own process knows of its mint: what is revoked and which keys sign, both of one moment. Nothing, until the first whole look. */
export class FollowedMint {
  readonly revocations: RevocationView;
  readonly keys: Pick<KeyDirectory, "view">;
  /**
   * The later of the clocks of this machine and of the mint, by which tokens end: with a clock here that is behind, one would live on
   * after its end, and after its revocation has left the list.
   */
  readonly clock: Pick<Clock, "now">;
  readonly #deps: FollowDeps;
  #view: KeyView = NO_KEYS;
  #etag: string | undefined;
  #clockOffset: number | undefined;
  /** What the mint's clock said, and when that was by the stopwatch. */
  #mintNow = { now: epochSeconds(0), at: 0 };

  constructor(deps: FollowDeps) {
    this.#deps = deps;
    const { stopwatch, staleAfterMs } = deps;
    const store = { changes: (from: ChangesFrom) => this.#changes(from) };
    this.clock = { now: () => this.#now() };
    this.revocations = new RevocationView({ store, clock: this.clock, stopwatch, staleAfterMs });
    this.keys = { view: () => this.#view };
  }

  /** How many seconds the mint's clock is ahead of this one, within a request's time; `undefined`: not known. */
  get clockOffsetSeconds(): number | undefined {
    return this.#clockOffset;
  }

  /** One look at the mint. Rejects with `FeedFailure`; what was known stays. */
  poll(): Promise<void> {
    return this.revocations.poll();
  }

  #now(): EpochSeconds {
    const { clock, stopwatch } = this.#deps;
    const { now, at } = this.#mintNow;
    return latest(clock.now(), epochSeconds(now + stopwatch.elapsed() - at));
  }

  async #changes(from: ChangesFrom): Promise<RevocationChanges> {
    const { ask, issuer, clock, stopwatch, sizeMax, wentBack } = this.#deps;
    const page = await ask(queryAt(from, this.#etag));
    if (page.issuer !== issuer) throw new FeedFailure("issuer_other", page.issuer);
    this.#learnKeys(page.keys);
    this.#clockOffset = page.now - clock.now();
    this.#mintNow = { now: epochSeconds(page.now), at: stopwatch.elapsed() };
    const { epoch, size } = this.revocations;
    if (size + page.tokens.length + page.rules.length > sizeMax) throw new FeedFailure("too_many");
    if (from.epoch > epoch && page.epoch < epoch) wentBack(epoch, page.epoch);
    return changesIn(page);
  }

  #learnKeys(sent: FeedPage["keys"]): void {
    if (sent !== undefined) {
      this.#view = viewOf(undefined, sent.keys);
      this.#etag = sent.etag;
    } else if (this.#etag === undefined) throw new FeedFailure("page_malformed");
  }
}
