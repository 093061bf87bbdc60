import { createPublicKey } from "node:crypto";
import { after, type Clock, type EpochSeconds, type Stopwatch } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import type { KeyCustody } from "../custody/custody.ts";
import type { KeyDirectory } from "../key-directory.ts";
import { type KeyView, NO_KEYS, viewOf } from "../key-view.ts";
import { checkedSigner, type Signer } from "../signer.ts";
import type { PlanDoubt } from "./change-key-set.ts";
import type { Beat, KeySet, KeyStore } from "./key-store.ts";
import {
  type ClockReading,
  clockOffsetOf,
  isClockOff,
  type Lease,
  type LeaseEnd,
  leaseEndOf,
} from "./lease.ts";
import { isSigning, type ManagedKey, servedInOrder } from "./managed-key.ts";
import type { RotationRules } from "./plan/rotation-rules.ts";
import { hasOpenGap } from "./plan/unserved-gap.ts";
import { type StoreDoubt, storeDoubtOf } from "./store-doubt.ts";
import { type Usage, UsageLog } from "./usage-log.ts";

/** The rotation settings of this replica, which it reports to the store. */
export interface ManagedKeysDeps extends RotationRules {
  readonly store: KeyStore;
  readonly custody: KeyCustody;
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly replicaId: string;
  /** The newest version that this replica saw in an earlier life: a store below it is an old backup. */
  readonly versionSeenBefore: number;
}

/** Why a replica neither signs nor serves the JWKS; with `no_signing_key` it only does not sign. */
export type FenceReason = LeaseEnd | StoreDoubt | "no_signing_key";

/** What the last beat that the store accepted reported about this replica. */
type Reported = Pick<Beat, "serving"> & Pick<Beat["replica"], "version">;

/** What a beat found in the store: a reason to reject it, or what was reported to it, and the lease that its commit gives. */
interface Found {
  readonly rejected: StoreDoubt | undefined;
  readonly beat: Beat | undefined;
  readonly lease: Lease;
}

/**
 * The managed keys as one replica sees them. Its permission to sign and to serve is a lease, renewed only by a beat that the store
 * committed together with the read: a standby or a read-only store may answer reads for long after the keys changed elsewhere.
 * When the lease is older than F, when this replica's clock leaves the store's by more than ε, or when the store went back in
 * time, the replica fences itself, so that no verifier ever learns an old set from it. The hot path only compares numbers.
 */
export class ManagedKeys implements KeyDirectory {
  /** Records each use of the keys; it is reported with the next beat. */
  readonly usage: UsageLog;
  readonly #deps: ManagedKeysDeps;
  #set: KeySet | undefined;
  #view: KeyView = NO_KEYS;
  #lease: Lease | undefined;
  #versionSeen: number;
  #rejected: StoreDoubt | undefined;
  #reported: Reported | undefined;
  #beatsBegun = 0;
  #beatInForce = 0;
  #signers = new Map<Kid, Signer>();

  constructor(deps: ManagedKeysDeps) {
    this.#deps = deps;
    this.#versionSeen = deps.versionSeenBefore;
    this.usage = new UsageLog(deps.clock, () => this.#set?.version ?? 0);
  }

  view(): KeyView {
    return this.#doubt() === undefined ? this.#view : NO_KEYS;
  }

  /** Why nothing is signed now; `undefined` while tokens are signed. A key that has ended is still served, for its last tokens. */
  fence(): FenceReason | undefined {
    const doubt = this.#doubt();
    if (doubt !== undefined) return doubt;
    const end = this.#view.signing?.notAfter;
    return end !== undefined && this.#deps.clock.now() >= end ? "no_signing_key" : undefined;
  }

  /** Why the set that was last read must not be used. */
  #doubt(): FenceReason | undefined {
    const end = this.#rejected ?? leaseEndOf(this.#lease, this.#reading(), this.#deps.timing);
    if (end !== undefined) return end;
    return this.#view.signing === undefined ? "no_signing_key" : undefined;
  }

  #reading(): ClockReading {
    return { now: this.#deps.clock.now(), elapsed: this.#deps.stopwatch.elapsed() };
  }

  /** The set as it was last read; `undefined` before the first read. */
  get set(): KeySet | undefined {
    return this.#set;
  }

  /**
   * Why the store is rejected: it went back in time, or it is not the one that was read before, whatever its version says.
   * Its content must not be used. `undefined` when it is accepted.
   */
  get refusesStore(): StoreDoubt | undefined {
    return this.#rejected;
  }

  /**
   * Whether this replica may plan changes of the set. Only under its lease, and so not on a store that it rejects or that accepts
   * no beat, nor while its clock and the store's disagree: one of them is wrong, and a replica whose clock agrees makes the changes
   * that are due. A lease on a set in which no key signs is enough: that is how a new store begins.
   */
  mayChangeStore(): boolean {
    const doubt = this.#doubt();
    return doubt === undefined || doubt === "no_signing_key";
  }

  /** Whether the store knows what is in force here now: which version, and whether the JWKS is served. */
  get isReported(): boolean {
    const serving = this.view().jwks !== undefined;
    return this.#reported?.serving === serving && this.#reported.version === this.#set?.version;
  }

  get versionSeen(): number {
    return this.#versionSeen;
  }

  /** How far this replica's clock is behind the store's now, in whole seconds; `undefined` before the first beat. */
  get clockOffsetSeconds(): number | undefined {
    return this.#lease && Math.round(clockOffsetOf(this.#lease, this.#reading()));
  }

  /**
   * Reads the set, reports to the store what this replica signed, served and saw since its last beat, and, once both are
   * committed, puts the set in force and renews the lease. So the store knows how long tokens of the signing key may live before
   * the first of them is signed. Rejects as the store does, and with `StoreCorrupt` when the signing key cannot be opened; the view
   * in force then stays until its lease ends, and what could not be reported is reported with the next beat.
   */
  async renew(): Promise<void> {
    const { store, stopwatch } = this.#deps;
    const begun = stopwatch.elapsed();
    this.#beatsBegun += 1;
    const turn = this.#beatsBegun;
    const usage = this.usage.take();
    let found: Found | undefined;
    let set: KeySet;
    try {
      set = await store.beat((read) => {
        const rejected = this.#storeDoubt(read);
        // Measured here: a wait for the store's locks is no difference of clocks.
        const { now: wall, elapsed } = this.#reading();
        found = {
          rejected,
          beat: rejected === undefined ? this.#beatOn(read, usage) : undefined,
          lease: { begun, elapsed, wall, offsetSeconds: read.now - wall },
        };
        return found.beat;
      });
    } catch (thrown) {
      this.usage.putBack(usage);
      throw thrown;
    }
    if (found?.beat === undefined) this.usage.putBack(usage);
    if (found !== undefined) await this.#putInForce(turn, set, found);
  }

  /** Puts in force what a beat found, unless it was overtaken: by one that began later, or by one that saw a later version. */
  async #putInForce(turn: number, set: KeySet, { rejected, beat, lease }: Found): Promise<void> {
    const isOvertaken = (): boolean =>
      turn < this.#beatInForce || (rejected === undefined && set.version < this.#versionSeen);
    if (isOvertaken()) return;
    this.#beatInForce = turn;
    this.#rejected = rejected;
    if (beat === undefined) return;
    if (this.#set?.version !== set.version) {
      const view = await this.#render(set);
      // Another beat may have been put in force while the signing key was opened.
      if (isOvertaken()) return;
      this.#view = view;
    }
    this.#set = set;
    this.#versionSeen = set.version;
    this.#reported = { serving: beat.serving, version: beat.replica.version };
    this.#lease = lease;
  }

  /**
   * Why a set that was read beside the beats must not be planned on. A plan on a store that was put back would hide from the next
   * beat that it was; one by a clock that jumped would retire keys whose tokens live.
   */
  doubtAbout(set: KeySet): PlanDoubt | undefined {
    if (isClockOff(set.now - this.#deps.clock.now(), this.#deps.timing)) return "clock_off";
    return this.#storeDoubt(set);
  }

  #storeDoubt(set: KeySet): StoreDoubt | undefined {
    return storeDoubtOf(set, { version: this.#versionSeen, set: this.#set });
  }

  #beatOn(found: KeySet, { signings, fetches }: Usage): Beat {
    const { clock, replicaId, alg, periodSeconds, leadSeconds, timing, gate } = this.#deps;
    const offset = found.now - clock.now();
    const byStoreClock = <Seen extends { readonly seenAt: EpochSeconds }>(one: Seen): Seen => ({
      ...one,
      seenAt: after(one.seenAt, offset),
    });
    return {
      replica: {
        id: replicaId,
        alg,
        version: this.#set?.version ?? 0,
        settings: { periodSeconds, leadSeconds, timing, gate },
      },
      serving: this.view().jwks !== undefined && !hasOpenGap(found, timing),
      maxTtlSeconds: timing.maxTtlSeconds,
      signings: [...signings].map(([kid, maxExp]) => ({ kid, maxExp })),
      verifiers: fetches.verifiers.map(byStoreClock),
      untracked: fetches.untracked.map(byStoreClock),
    };
  }

  async #render(set: KeySet): Promise<KeyView> {
    const key = this.#pickSigning(set.keys);
    return viewOf(
      key && { kid: key.kid, signer: await this.#signerOf(key), notAfter: key.notAfter },
      servedInOrder(set.keys).map((one) => one.publicJwk),
    );
  }

  /** The signing key of this replica's algorithm, or of another one while its own is not ready. */
  #pickSigning(keys: readonly ManagedKey[]): ManagedKey | undefined {
    const signing = keys.filter(isSigning);
    return signing.find((key) => key.alg === this.#deps.alg) ?? signing[0];
  }

  async #signerOf(key: ManagedKey): Promise<Signer> {
    const signer = this.#signers.get(key.kid) ?? (await this.#open(key));
    this.#signers = new Map([[key.kid, signer]]);
    return signer;
  }

  async #open({ sealed, ...key }: ManagedKey): Promise<Signer> {
    const signer = sealed && (await this.#deps.custody.open({ ...key, sealed }));
    if (!signer) throw new StoreCorrupt({ what: "key_unopened", kid: key.kid });
    return checkedSigner(signer, createPublicKey({ key: { ...key.publicJwk }, format: "jwk" }));
  }
}
