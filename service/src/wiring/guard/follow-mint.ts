import {
  FeedFailure,
  type FeedFailureReason,
  failureOfFetch,
  isLasting,
} from "../../guard/feed/feed-failure.ts";
import { FeedPage } from "../../guard/feed/feed-shapes.ts";
import { type AskFeed, FollowedMint } from "../../guard/feed/followed-mint.ts";
import type { Machine } from "../../kernel/machine.ts";
import { systemResolve } from "../../outbound/checked-lookup.ts";
import { fetchFromMint } from "../../outbound/fetch-document.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";
import { type FeedNames, feedFailureLine } from "../words/feed-failure-words.ts";
import { mintCredential } from "./mint-credential.ts";

/** Which mint is followed, and how. */
export interface MintPlace {
  /** Without a slash at its end. */
  readonly url: string;
  readonly tokenFile: string;
  /** PEM; `undefined`: the authorities that Node knows. */
  readonly ca: string | undefined;
  readonly staleSeconds: number;
  /** The `iss` of the tokens that are checked. */
  readonly issuer: string;
}

/** A mint that is followed. */
export interface OpenFollow {
  readonly mint: FollowedMint;
  readonly loop: UpkeepLoop;
  /** Why the newest poll brought nothing; `undefined`: it did not fail. */
  readonly failure: () => FeedFailureReason | undefined;
}

/** Notified of each poll that fails. */
export type OnFailure = (reason: FeedFailureReason) => void;

/** Several polls fit into the bound, so that one that is lost is no outage. */
const POLL_MS = { min: 200, max: 1_000 };
const POLLS_IN_BOUND = 5;
/** A poll that hangs is given up: another replica may answer the next. */
const ANSWER_SECONDS_MAX = 2;
const PAGE_BYTES_MAX = 4 * 1_024 * 1_024;
/** How many stopped tokens and subjects a guard holds: about 250 MB. */
export const SIZE_MAX = 2_000_000;
const LASTING_WAIT_SECONDS = 5;
const FAILURES_EVERY_MS = 10_000;
const CLOCKS_EVERY_MS = 600_000;
/** A mint whose clock differs by more is reported. */
export const CLOCKS_DIFFER_SECONDS = 5;

/** Opens it; nothing is known before its loop has run. */
export function followMint(
  place: MintPlace,
  names: FeedNames,
  machine: Machine,
  log: Log,
  onFailure: OnFailure,
): OpenFollow {
  const { clock, stopwatch, timers } = machine;
  const report = feedReport(log, machine, names);
  const staleAfterMs = place.staleSeconds * 1_000;
  const mint = new FollowedMint({
    ask: askMint(place, machine),
    clock,
    stopwatch,
    issuer: place.issuer,
    staleAfterMs,
    sizeMax: SIZE_MAX,
    wentBack: (from, to) => {
      report.wentBack(from, to);
    },
  });
  const clocks = seldom(timers, CLOCKS_EVERY_MS);
  let failure: FeedFailureReason | undefined;
  let notBefore = 0;
  const run = async (): Promise<void> => {
    if (stopwatch.elapsed() < notBefore) return;
    try {
      await mint.poll();
      failure = undefined;
      report.followed(mint);
    } catch (thrown) {
      if (!(thrown instanceof FeedFailure)) throw thrown;
      failure = thrown.reason;
      if (isLasting(failure)) notBefore = stopwatch.elapsed() + LASTING_WAIT_SECONDS;
      onFailure(failure);
      report.failed(thrown, mint);
    }
    const offset = mint.clockOffsetSeconds ?? 0;
    if (Math.abs(offset) > CLOCKS_DIFFER_SECONDS)
      clocks(() => {
        const message =
          "the clocks of the mint and of this machine differ, and tokens expire by the one that is ahead: synchronise both";
        log.warn({ event: "guard_clock_differs", seconds: offset, message });
      });
  };
  const everyMs = Math.min(POLL_MS.max, Math.max(POLL_MS.min, staleAfterMs / POLLS_IN_BOUND));
  return { mint, loop: { name: "guard_feed", everyMs, run }, failure: () => failure };
}

/** Asks a mint over the network. */
export function askMint({ url, tokenFile, ca }: MintPlace, { stopwatch, timers }: Machine): AskFeed {
  const credential = mintCredential(tokenFile, stopwatch);
  const fetchPage = fetchFromMint({ timers, resolve: systemResolve }, PAGE_BYTES_MAX);
  const options = {
    reach: "private",
    ca,
    mediaTypes: ["application/json"],
    secondsMax: ANSWER_SECONDS_MAX,
  } as const;
  return async (query) => {
    const bearer = await credential.read();
    const answer = await fetchPage(`${url}/guard/feed?${query}`, { ...options, bearer });
    if (answer.kind === "document") return pageIn(answer.bytes);
    const failed = failureOfFetch(answer.reason, answer.status);
    if (failed.reason === "credential_rejected") credential.forget();
    throw failed;
  };
}

function pageIn(bytes: Uint8Array): FeedPage {
  try {
    const { data } = FeedPage.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    if (data !== undefined) return data;
  } catch {
    // It is no JSON.
  }
  throw new FeedFailure("page_malformed");
}

/** Says in the log what becomes of the polls: a failure at most every ten seconds unless it is another one, and its end. */
function feedReport(log: Log, { stopwatch }: Machine, names: FeedNames) {
  let said: { readonly reason: FeedFailureReason; readonly at: number } | undefined;
  let isReady = false;
  return {
    followed(mint: FollowedMint): void {
      const { epoch, size } = mint.revocations;
      if (!isReady) log.info({ event: "guard_ready", epoch, revoked: size });
      else if (said !== undefined) log.info({ event: "guard_feed_restored", epoch });
      isReady = true;
      said = undefined;
    },
    failed(failure: FeedFailure, { revocations }: FollowedMint): void {
      const { reason } = failure;
      const now = stopwatch.elapsed();
      if (said?.reason === reason && now - said.at < FAILURES_EVERY_MS / 1_000) return;
      said = { reason, at: now };
      const message = feedFailureLine(failure, names);
      log.error({ event: "guard_feed_failed", reason, epoch: revocations.epoch, message });
    },
    wentBack(from: number, to: number): void {
      const message =
        "the mint has other or fewer revocations than before, as after its store was put back to an earlier state or lost some in a failover: all that it has is read again; what only this guard knew is no longer stopped";
      log.warn({ event: "guard_feed_went_back", from, to, message });
    },
  };
}
