import { createPublicKey } from "node:crypto";
import { after, type Clock, type EpochSeconds, type Stopwatch } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import type { Sealer } from "../custody/sealer.ts";
import { renderJwks } from "../jwks.ts";
import { headerSegmentOf, type KeyDirectory, type KeyView, type SigningKey } from "../key-directory.ts";
import { localSigner, type Signer } from "../signer.ts";
import { openPrivateKey } from "./carry-out.ts";
import type { PlanDoubt } from "./change-key-set.ts";
import type { Beat, JwksFetches, KeySet, KeyStore } from "./key-store.ts";
import { isSigning, type ManagedKey, servedInOrder } from "./managed-key.ts";
import type { RotationRules } from "./plan/rotation-rules.ts";
import { hasOpenGap } from "./plan/unserved-gap.ts";
import { VerifierLog } from "./verifier-sightings.ts";

/** With what this replica is configured to rotate by, which it reports to the store. */
export interface ManagedKeysDeps extends RotationRules {
  readonly store: KeyStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly replicaId: string;
  /** The newest version that this replica saw in an earlier life: a store below it is an old backup. */
  readonly versionSeenBefore: number;
}

/** Why a replica neither signs nor serves the JWKS. */
export type FenceReason =
  | "not_read_yet"
  | "store_forked"
  | "lease_expired"
  | "clock_off"
  | "store_older"
  | "no_signing_key";

/** A beat that the store accepted. */
interface Lease {
  /** Where the stopwatch stood before the beat: the lease counts from there. */
  readonly begun: number;
  /** Where this replica's clocks stood when the store's was read. */
  readonly elapsed: number;
  readonly wall: EpochSeconds;
  /** Store's clock less this replica's. */
  readonly offsetSeconds: number;
}

/** What the last beat that the store accepted said of this replica. */
type Reported = Pick<Beat, "serving"> & Pick<Beat["replica"], "version">;

/** What a beat found in the store: a reason to refuse it, or what was reported to it, and the lease that its commit gives. */
interface Found {
  readonly refused: "store_older" | "store_forked" | undefined;
  readonly beat: Beat | undefined;
  readonly lease: Lease;
}

const FENCED: KeyView = { signing: undefined, jwks: undefined };

/**
 * The managed keys as one replica sees them. Its permission to sign and to serve is a lease, renewed only by a beat that the store
 * committed together with the read: a standby or a read-only store may answer reads for long after the keys changed elsewhere.
 * When the lease is older than F, when this replica's clock leaves the store's by more than ε, or when the store went back in
 * time, the replica fences itself, so that no verifier ever learns an old set from it. The hot path only compares numbers.
 */
export class ManagedKeys implements KeyDirectory {
  readonly #deps: ManagedKeysDeps;
  readonly #verifiers: VerifierLog;
  #set: KeySet | undefined;
  #view: KeyView = FENCED;
  #lease: Lease | undefined;
  #versionSeen: number;
  #refused: "store_older" | "store_forked" | undefined;
  #reported: Reported | undefined;
  #beatsBegun = 0;
  #beatTaken = 0;
  #signers = new Map<Kid, Signer>();
  #signings = new Map<Kid, EpochSeconds>();

  constructor(deps: ManagedKeysDeps) {
    this.#deps = deps;
    this.#versionSeen = deps.versionSeenBefore;
    this.#verifiers = new VerifierLog(deps.clock);
  }

  viewAt(now: EpochSeconds): KeyView {
    return this.#doubtAt(now) === undefined ? this.#view : FENCED;
  }

  /** Why nothing is signed at `now`; `undefined` when all is well. A key whose end has come is served on, for its last tokens. */
  fenceAt(now: EpochSeconds): FenceReason | undefined {
    const doubt = this.#doubtAt(now);
    if (doubt !== undefined) return doubt;
    const end = this.#view.signing?.notAfter;
    return end !== undefined && now >= end ? "no_signing_key" : undefined;
  }

  /** Why what was last read may not be acted upon. */
  #doubtAt(now: EpochSeconds): FenceReason | undefined {
    if (this.#refused !== undefined) return this.#refused;
    if (this.#lease === undefined) return "not_read_yet";
    const { replicaLagSeconds, clockSkewSeconds } = this.#deps.timing;
    const elapsed = this.#deps.stopwatch.elapsed();
    if (elapsed - this.#lease.begun > replicaLagSeconds) return "lease_expired";
    // The wall clock must have gone as far as the stopwatch since the read, and must agree with the store's.
    if (Math.abs(offsetAt(this.#lease, now, elapsed)) > clockSkewSeconds + 1) return "clock_off";
    return this.#view.signing === undefined ? "no_signing_key" : undefined;
  }

  noteSigned(kid: Kid, exp: EpochSeconds): void {
    const known = this.#signings.get(kid);
    if (known === undefined || exp > known) this.#signings.set(kid, exp);
  }

  noteFetch(address: string, userAgent: string | undefined): void {
    this.#verifiers.note(address, userAgent, this.#set?.version ?? 0);
  }

  /** The set as it was last read; `undefined` before the first read. */
  get set(): KeySet | undefined {
    return this.#set;
  }

  /**
   * Why the store is refused: it went back in time, or it is not the one that was read before, whatever its version says.
   * What it holds must not be built upon. `undefined` when it is sound.
   */
  get refusesStore(): "store_older" | "store_forked" | undefined {
    return this.#refused;
  }

  /**
   * Whether this replica may plan changes of the set. Only under its lease, and so not on a store that it refuses or that takes
   * no beat, nor while its clock and the store's disagree: one of them is wrong, and a replica whose clock agrees will do what is
   * due. A lease on a set in which no key signs is enough: that is how a new store begins.
   */
  mayChangeStore(): boolean {
    const doubt = this.#doubtAt(this.#deps.clock.now());
    return doubt === undefined || doubt === "no_signing_key";
  }

  /** Whether the store knows what is in force here now: which version, and whether the JWKS is served. */
  get isReported(): boolean {
    const serving = this.viewAt(this.#deps.clock.now()).jwks !== undefined;
    return this.#reported?.serving === serving && this.#reported.version === this.#set?.version;
  }

  get versionSeen(): number {
    return this.#versionSeen;
  }

  /** How far this replica's clock is behind the store's at `now`, in whole seconds: what the last beat found, and how the clock was set since. `undefined` before the first beat. */
  clockOffsetAt(now: EpochSeconds): number | undefined {
    if (this.#lease === undefined) return undefined;
    return Math.round(offsetAt(this.#lease, now, this.#deps.stopwatch.elapsed()));
  }

  /** How far this replica's clock is behind the store's, in seconds, at the last beat. */
  get clockOffsetSeconds(): number | undefined {
    return this.#lease?.offsetSeconds;
  }

  /**
   * Reads the set, reports to the store what this replica signed, served and saw since its last beat, and, once both are
   * committed, puts the set in force and renews the lease. So the store knows how long tokens of the signing key may live before
   * the first of them is signed. Rejects as the store does, and with `StoreCorrupt` when the signing key cannot be opened; the view
   * in force then stays until its lease ends, and what could not be reported is reported with the next beat.
   */
  async renew(): Promise<void> {
    const { store, clock, stopwatch } = this.#deps;
    const begun = stopwatch.elapsed();
    this.#beatsBegun += 1;
    const turn = this.#beatsBegun;
    const signings = this.#signings;
    const fetches = this.#verifiers.take();
    this.#signings = new Map();
    let found: Found | undefined;
    let set: KeySet;
    try {
      set = await store.beat((read) => {
        const refused = this.#refusalOf(read);
        const wall = clock.now();
        found = {
          refused,
          beat: refused === undefined ? this.#beatOn(read, signings, fetches) : undefined,
          // Measured here: a wait for the store's locks is no difference of clocks.
          lease: { begun, elapsed: stopwatch.elapsed(), wall, offsetSeconds: read.now - wall },
        };
        return found.beat;
      });
    } catch (thrown) {
      this.#takeBack(signings, fetches);
      throw thrown;
    }
    if (found?.beat === undefined) this.#takeBack(signings, fetches);
    if (found !== undefined) this.#take(turn, set, found);
  }

  /** Puts in force what a beat found, unless it was overtaken: by one that began later, or by one that saw a later version. */
  #take(turn: number, set: KeySet, { refused, beat, lease }: Found): void {
    if (turn < this.#beatTaken) return;
    if (refused === undefined && set.version < this.#versionSeen) return;
    this.#beatTaken = turn;
    this.#refused = refused;
    if (beat === undefined) return;
    if (this.#set?.version !== set.version) this.#view = this.#render(set);
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
    const offsetSeconds = set.now - this.#deps.clock.now();
    if (Math.abs(offsetSeconds) > this.#deps.timing.clockSkewSeconds + 1) return "clock_off";
    return this.#refusalOf(set);
  }

  #beatOn(found: KeySet, signings: ReadonlyMap<Kid, EpochSeconds>, fetches: JwksFetches): Beat {
    const { clock, replicaId, alg, periodSeconds, leadSeconds, timing, gate } = this.#deps;
    const now = clock.now();
    const offset = found.now - now;
    return {
      replica: {
        id: replicaId,
        alg,
        version: this.#set?.version ?? 0,
        settings: { periodSeconds, leadSeconds, timing, gate },
      },
      serving: this.viewAt(now).jwks !== undefined && !hasOpenGap(found, timing),
      maxTtlSeconds: timing.maxTtlSeconds,
      signings: [...signings].map(([kid, maxExp]) => ({ kid, maxExp })),
      verifiers: fetches.verifiers.map((one) => ({ ...one, seenAt: after(one.seenAt, offset) })),
      untracked: fetches.untracked.map((one) => ({ ...one, seenAt: after(one.seenAt, offset) })),
    };
  }

  #takeBack(signings: ReadonlyMap<Kid, EpochSeconds>, fetches: JwksFetches): void {
    for (const [kid, exp] of signings) this.noteSigned(kid, exp);
    this.#verifiers.giveBack(fetches);
  }

  /** I12: a store must have what this replica saw of it, and the same of each key, or it was put back and has gone another way. */
  #refusalOf(set: KeySet): "store_older" | "store_forked" | undefined {
    if (set.version < this.#versionSeen) return "store_older";
    return this.#set === undefined || descends(set, this.#set) ? undefined : "store_forked";
  }

  #render(set: KeySet): KeyView {
    const served = servedInOrder(set.keys);
    const key = this.#pickSigning(set.keys);
    const signing = key && this.#signingKey(key);
    return { signing, jwks: served.length > 0 ? renderJwks(served.map((one) => one.publicJwk)) : undefined };
  }

  /** The signing key of this replica's algorithm, or of another one while its own is not ready. */
  #pickSigning(keys: readonly ManagedKey[]): ManagedKey | undefined {
    const signing = keys.filter(isSigning);
    return signing.find((key) => key.alg === this.#deps.alg) ?? signing[0];
  }

  #signingKey(key: ManagedKey): SigningKey {
    const signer = this.#signers.get(key.kid) ?? this.#open(key);
    this.#signers = new Map([[key.kid, signer]]);
    return { kid: key.kid, headerSegment: headerSegmentOf(key), signer, notAfter: key.notAfter };
  }

  #open(key: ManagedKey): Signer {
    const privateKey = openPrivateKey(this.#deps.sealer, key);
    if (privateKey === undefined) throw new StoreCorrupt({ what: "key_unopened", kid: key.kid });
    return localSigner(key.alg, privateKey, createPublicKey({ key: { ...key.publicJwk }, format: "jwk" }));
  }
}

/** The store's clock less this replica's, at `now` and `elapsed` of this replica's clocks: the wall clock should have gone as far as the stopwatch. */
function offsetAt({ offsetSeconds, wall, elapsed: then }: Lease, now: EpochSeconds, elapsed: number): number {
  return offsetSeconds - (now - wall - (elapsed - then));
}

/** Whether all that is stamped on the keys of `before` is stamped on them in `after` too: rows stay, and stamps never change. */
function descends(after: KeySet, before: KeySet): boolean {
  const byKid = new Map(after.keys.map((key) => [key.kid, key]));
  return before.keys.every((key) => {
    const now = byKid.get(key.kid);
    return (
      now !== undefined && STAMPS.every((stamp) => key[stamp] === undefined || key[stamp] === now[stamp])
    );
  });
}

const STAMPS = [
  "publishedVersion",
  "publishedFrom",
  "signingFrom",
  "retiringFrom",
  "taintedFrom",
  "revokedFrom",
  "retiredFrom",
] as const satisfies readonly (keyof ManagedKey)[];
