import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import type { JwksDocument } from "../../keys/key-view.ts";
import type { KeySet } from "../../keys/managed/key-store.ts";
import { isServed, isSigning, isStandby, type ManagedKey } from "../../keys/managed/managed-key.ts";
import type { ManagedKeys } from "../../keys/managed/managed-keys.ts";
import type { Operation } from "../../keys/managed/plan/plan-operation.ts";
import { KEYS_SERVED_MAX } from "../../keys/managed/plan/plan-rotation.ts";
import type { RotationRules } from "../../keys/managed/plan/rotation-rules.ts";
import {
  leadThroughGraceSeconds,
  overlapSeconds,
  type RotationTiming,
  revocationSeconds,
} from "../../keys/timing.ts";
import type { RuntimeDouble, Verdict } from "../runtime-double/runtime-double.ts";
import type { StoreLink } from "./store.ts";

/** The promises of docs/keys.md that the model looks at. I16 is the ledger's; I9's two figures are `revocationSeconds`. */
export type Promised =
  | "I1"
  | "I2"
  | "I3"
  | "I4"
  | "I5"
  | "I6"
  | "I7"
  | "I8"
  | "I9"
  | "I10"
  | "I11"
  | "I12"
  | "I13"
  | "I14"
  | "I15"
  | "I17"
  | "I18";

/** A promise of docs/keys.md section 4 that does not hold. */
class Violation extends Error {
  override readonly name = "Violation";
  readonly promise: Promised;

  constructor(promise: Promised, what: string) {
    super(`${promise}: ${what}`);
    this.promise = promise;
  }
}

/** A replica, as the invariants see it. */
interface Seat {
  readonly name: string;
  readonly up: boolean;
  readonly lazy: boolean;
  readonly kept: boolean;
  readonly skewSeconds: number;
  readonly maxTtlSeconds: number;
  readonly alg: Algorithm;
  readonly link: StoreLink;
  readonly keys: ManagedKeys;
  readonly directory: KeyDirectory;
  now(): EpochSeconds;
}

interface Watcher {
  readonly double: RuntimeDouble;
}

/** Everything that the invariants check. */
interface World {
  readonly seats: readonly Seat[];
  readonly watchers: readonly Watcher[];
  readonly settings: {
    readonly lead: "B1" | "B2";
    readonly gate: RotationRules["gate"];
  };
  readonly leadSeconds: number;
  readonly periodSeconds: number;
  readonly mutation: { readonly only?: readonly Promised[] };
  /** The version of an older store that was put in place of the true one. */
  readonly restored: { readonly version: number } | undefined;
  now(): EpochSeconds;
}

/** The longest token life that a replica of the model is configured with. */
export const LONGEST_TTL_SECONDS = 12;

/** What really happened to a key, whatever the store says about it. */
interface Fate {
  readonly jwk: string;
  readonly publishedFrom: number;
  /** The end of the last token that any replica signed with it. */
  lastExp: number;
  revokedFrom: number | undefined;
  retiredFrom: number | undefined;
  /** An operator accepted that verifiers reject its tokens: until this moment because it is new, or indefinitely. */
  riskUntil: number;
  /** An operator let it sign, and accepted what that may cost. */
  isAccepted: boolean;
}

function freshFate({ publicJwk }: ManagedKey, publishedFrom: number): Fate {
  const jwk = JSON.stringify(publicJwk);
  return {
    jwk,
    publishedFrom,
    lastExp: 0,
    revokedFrom: undefined,
    retiredFrom: undefined,
    riskUntil: 0,
    isAccepted: false,
  };
}

/** Looks at a world after each step and throws a `Violation` at the first promise that is broken. Counts its looks. */
export class Invariants {
  /** The newest version of the set. */
  version = 0;
  looks = 0;
  readonly #world: World;
  readonly #timing: RotationTiming;
  readonly #fates = new Map<Kid, Fate>();
  readonly #bodies = new Map<number, string>();
  readonly #kidsOf = new Map<string, ReadonlySet<string>>();
  #set: KeySet | undefined;
  #firstSigningFrom: number | undefined;
  #quietSince = 0;
  readonly #bareSince = new Map<Algorithm, number>();
  #lastServedAt: number | undefined;
  /** Times in which no replica served the JWKS, less F: a change in the middle of one may hide as much of its end. */
  readonly #gaps: { readonly from: number; readonly to: number }[] = [];
  #disturbed = true;

  constructor(world: World, timing: RotationTiming) {
    this.#world = world;
    this.#timing = timing;
  }

  /** Throws, unless the promise is one that is not checked. */
  broken(promise: Promised, what: string): void {
    const { only } = this.#world.mutation;
    if (only === undefined || only.includes(promise)) throw new Violation(promise, what);
  }

  /** Something that rotation needs time to recover from. */
  disturb(): void {
    this.#disturbed = true;
  }

  /** Whether the kid was ever published. */
  knows(kid: Kid): boolean {
    return this.#fates.has(kid);
  }

  look(set: KeySet, restored: KeySet | undefined): void {
    this.looks += 1;
    const now = this.#world.now();
    this.#observe(set, now, "rotation");
    this.#lookAtSet(set);
    if (restored !== undefined && restored.version !== this.#world.restored?.version) {
      this.broken("I12", "a replica that had seen more has changed an older store");
    }
    const up = this.#world.seats.filter((seat) => seat.up);
    for (const seat of up) this.#letSign(seat);
    for (const seat of up) {
      const { jwks } = seat.directory.view();
      if (jwks !== undefined) this.#served(seat, jwks);
    }
    for (const watcher of this.#world.watchers) this.#lookAtVerifier(watcher, now);
  }

  /** Notes what happened to keys since the last look. */
  #observe(set: KeySet, now: number, by: "rotation" | "operator"): void {
    if (set.version < this.version) this.broken("I12", "the set's version went back");
    for (const key of set.keys) {
      const known = this.#fates.get(key.kid);
      const fate = known ?? freshFate(key, now);
      if (JSON.stringify(key.publicJwk) !== fate.jwk) this.broken("I6", `kid ${key.kid} names two keys`);
      this.#fates.set(key.kid, fate);
      if (known === undefined && by === "rotation") this.#noteMade(key, set);
      if (key.signingFrom !== undefined) this.#firstSigningFrom ??= now;
      if (key.revokedFrom !== undefined) fate.revokedFrom ??= now;
      if (key.retiredFrom !== undefined && fate.retiredFrom === undefined) this.#noteRetired(key, fate, now);
      if (key.retiredFrom === undefined && fate.retiredFrom !== undefined)
        this.broken("I6", "a retired kid is back");
    }
    for (const kid of this.#fates.keys()) {
      if (!set.keys.some((key) => key.kid === kid))
        this.broken("I6", `the store forgot that ${kid} was used`);
    }
    this.#set = set;
    this.version = set.version;
  }

  /** However many runners there are, they make a successor where there is none, and one. */
  #noteMade(made: ManagedKey, { keys }: KeySet): void {
    const others = keys.filter((key) => key.alg === made.alg && key.kid !== made.kid && isStandby(key));
    if (isStandby(made) && others.length > 0) this.broken("I14", `${made.kid} is one successor too many`);
  }

  #noteRetired(key: ManagedKey, fate: Fate, now: number): void {
    fate.retiredFrom = now;
    const accepted = fate.revokedFrom !== undefined || fate.riskUntil === Number.POSITIVE_INFINITY;
    if (!accepted && now < fate.lastExp + this.#timing.expLeewaySeconds) {
      this.broken(
        "I5",
        `${key.kid} left the JWKS ${String(fate.lastExp + this.#timing.expLeewaySeconds - now)} s early`,
      );
    }
  }

  #lookAtSet({ keys }: KeySet): void {
    const served = keys.filter(isServed);
    for (const alg of ["RS256", "ES256"]) {
      const own = served.filter((key) => key.alg === alg);
      if (own.filter(isSigning).length > 1) this.broken("I1", "two keys of one algorithm sign");
      if (own.length > KEYS_SERVED_MAX)
        this.broken("I7", `${String(own.length)} keys of one algorithm are served`);
    }
    if (!served.some(isSigning)) this.broken("I7", "no key signs");
    const bare = keys.find((key) => !isServed(key) && key.sealed !== undefined);
    if (bare !== undefined) this.broken("I6", `the private part of ${bare.kid} outlived it`);
  }

  /** Every replica that may sign does so, for as long as it may: the worst case for a replica that removes its key. */
  #letSign(seat: Seat): void {
    const now = seat.now();
    const { signing } = seat.directory.view();
    if (signing === undefined) return;
    const exp = Math.min(
      now + seat.maxTtlSeconds,
      signing.notAfter ?? Number.POSITIVE_INFINITY,
    ) as EpochSeconds;
    if (exp - now < 1) return;
    seat.keys.usage.noteSigned(signing.kid, exp);
    this.signed(seat, signing.kid, now, exp);
  }

  /** A replica signed, or just could have. */
  signed(seat: Seat, kid: Kid, iat: number, exp: number): void {
    const now = this.#world.now();
    this.#lease(seat, "signs");
    const key = this.#set?.keys.find((one) => one.kid === kid);
    const fate = this.#fates.get(kid);
    if (key?.signingFrom === undefined || fate === undefined) {
      this.broken("I2", `${kid} signs and was never activated`);
      return;
    }
    const { replicaLagSeconds: lag, clockSkewSeconds: skew } = this.#timing;
    if (key.retiringFrom !== undefined && now > key.retiringFrom + lag) {
      this.broken(
        key.revokedFrom === undefined ? "I1" : "I8",
        `${kid} signs ${String(now - key.retiringFrom)} s after its end`,
      );
    }
    const bootstrap = key.signingFrom === this.#firstSigningFrom;
    if (!bootstrap && now < fate.publishedFrom + this.#world.leadSeconds && now >= fate.riskUntil) {
      this.broken("I2", `${kid} signs ${String(now - fate.publishedFrom)} s after it was published`);
    }
    const servedSeconds = now - fate.publishedFrom - this.#unservedSince(fate.publishedFrom);
    // A long shutdown counts: B2 after a key was published no verifier holds a set without it, whether it was served or not.
    const isForgotten = now >= fate.publishedFrom + leadThroughGraceSeconds(this.#timing);
    if (!bootstrap && !isForgotten && !fate.isAccepted && servedSeconds < this.#world.leadSeconds) {
      this.broken("I2", `${kid} signs and was served for ${String(servedSeconds)} s`);
    }
    // The clocks are compared in whole seconds, which may hide one.
    if (Math.abs(iat - now) > skew + 1) this.broken("I11", `iat is ${String(iat - now)} s off`);
    if (exp > (key.notAfter ?? 0)) this.broken("I15", "a token outlives its key");
    if (exp - iat > seat.maxTtlSeconds) this.broken("I15", "a token lives too long");
    fate.lastExp = Math.max(fate.lastExp, exp);
  }

  /** How long no replica served since a moment, without F of each gap. */
  #unservedSince(moment: number): number {
    return this.#gaps.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, moment)), 0);
  }

  #served(seat: Seat, { body }: JwksDocument): void {
    this.#lease(seat, "serves");
    const now = this.#world.now();
    const from = this.#lastServedAt ?? now;
    const to = now - this.#timing.replicaLagSeconds;
    if (to > from) this.#gaps.push({ from, to });
    this.#lastServedAt = now;
    const version = seat.keys.set?.version ?? 0;
    const known = this.#bodies.get(version);
    if (known !== undefined && known !== body)
      this.broken("I17", `version ${String(version)} has two answers`);
    this.#bodies.set(version, body);
    const kids = this.#kidsIn(body);
    for (const [kid, fate] of this.#fates) {
      if (this.#mustWork(fate) && !kids.has(kid))
        this.broken("I3", `live tokens of ${kid}, which ${seat.name} does not serve`);
    }
  }

  /** I11, I12: a replica acts only on a recent beat, accepted by a store that did not go back. */
  #lease(seat: Seat, what: string): void {
    const { lastBeat, versionSeen } = seat.link;
    const age = lastBeat === undefined ? Number.POSITIVE_INFINITY : this.#world.now() - lastBeat.begunAt;
    if (age > this.#timing.replicaLagSeconds)
      this.broken("I11", `${seat.name} ${what} on a beat that is ${String(age)} s old`);
    if ((lastBeat?.version ?? 0) < versionSeen)
      this.broken("I12", `${seat.name} ${what} from an older store`);
  }

  #kidsIn(body: string): ReadonlySet<string> {
    const known = this.#kidsOf.get(body);
    if (known !== undefined) return known;
    const { keys } = JSON.parse(body) as { keys: Record<string, unknown>[] };
    const valid = keys.every(({ kty, d }) => (kty === "RSA" || kty === "EC") && d === undefined);
    const kids = new Set(keys.map(({ kid }) => String(kid)));
    if (!valid || kids.size !== keys.length || kids.size === 0)
      this.broken("I7", `the JWKS is invalid: ${body}`);
    this.#kidsOf.set(body, kids);
    return kids;
  }

  /** Whether tokens of a key are alive that every verifier must accept. */
  #mustWork(fate: Fate): boolean {
    const now = this.#world.now();
    return fate.lastExp > now && fate.revokedFrom === undefined && now >= fate.riskUntil;
  }

  #lookAtVerifier({ double }: Watcher, now: number): void {
    const held = double.held;
    if (held === undefined || !double.usable) return;
    const { fresh } = double;
    const { refreshing, inGrace } = revocationSeconds(this.#timing);
    for (const [kid, fate] of this.#fates) {
      const holds = held.keys.some((key) => key.kid === kid);
      if (!holds && this.#mustWork(fate) && (fresh || this.#world.settings.lead === "B2")) {
        this.broken(
          "I4",
          `a verifier rejects valid tokens of ${kid}, with a ${fresh ? "fresh" : "stale"} set`,
        );
      }
      if (
        holds &&
        fate.revokedFrom !== undefined &&
        now > fate.revokedFrom + (fresh ? refreshing : inGrace)
      ) {
        this.broken(
          "I9",
          `a verifier accepts ${kid} ${String(now - fate.revokedFrom)} s after it was revoked`,
        );
      }
    }
  }

  /** What a verifier said of a token that was really signed. */
  verdict(
    { double }: Watcher,
    token: { readonly kid: Kid; readonly exp: EpochSeconds },
    verdict: Verdict,
  ): void {
    const fate = this.#fates.get(token.kid);
    if (fate === undefined || verdict.kind === "accepted") return;
    const now = this.#world.now();
    const live = now < token.exp && fate.revokedFrom === undefined && now >= fate.riskUntil;
    const promised = double.fresh || (this.#world.settings.lead === "B2" && double.usable);
    if (live && promised) this.broken("I4", `a verifier rejects a live token: ${JSON.stringify(verdict)}`);
  }

  /** What an operator's command changed; an accepted outage exempts its key from the promises that it breaks. */
  operated(before: KeySet, after: KeySet, operation: Operation, accepted: boolean): void {
    this.disturb();
    const now = this.#world.now();
    for (const key of accepted ? after.keys : []) {
      const old = before.keys.find((one) => one.kid === key.kid);
      const fate = this.#fates.get(key.kid);
      if (fate === undefined) continue;
      if (old?.signingFrom === undefined && key.signingFrom !== undefined) {
        fate.riskUntil = fate.publishedFrom + this.#world.leadSeconds;
        fate.isAccepted = true;
      }
      if (operation.kind === "retire" && old?.retiredFrom === undefined && key.retiredFrom !== undefined) {
        fate.riskUntil = Number.POSITIVE_INFINITY;
      }
    }
    this.#observe(after, now, "operator");
  }

  /** I10, I18: checked once a second, after the round of every replica. */
  secondPassed(): void {
    const now = this.#world.now();
    const { restored } = this.#world;
    const well = this.#world.seats.filter((seat) => this.#isWell(seat));
    if (restored !== undefined || well.length === 0 || this.#disturbed) this.#quietSince = now;
    this.#disturbed = false;
    if (restored !== undefined) return;
    const recovered = now - this.#quietSince > this.#recoverySeconds();
    for (const seat of well) {
      this.#lookForStandby(seat.alg, now);
      const fence = seat.keys.fence();
      // A key may reach its end in a long outage, or wait for its successor where periods are shorter than a lead.
      const ended = fence === "no_signing_key" && !(recovered && this.#keepsPace());
      if (fence !== undefined && !ended) this.broken("I18", `${seat.name} is healthy and fenced: ${fence}`);
      if (recovered) this.#lookForRotation(seat.alg, now);
    }
  }

  /** It reaches the store and its clock is right, so nothing keeps it from its work. */
  #isWell({ up, lazy, kept, skewSeconds }: Seat): boolean {
    return up && !lazy && kept && Math.abs(skewSeconds) <= this.#timing.clockSkewSeconds;
  }

  /** After an outage: the JWKS may be full until its oldest keys leave, then a new key waits for its lead. */
  #recoverySeconds(): number {
    return overlapSeconds(this.#timing, LONGEST_TTL_SECONDS) + this.#world.leadSeconds + 4;
  }

  #lookForStandby(alg: Algorithm, now: number): void {
    const own = (this.#set?.keys ?? []).filter((key) => key.alg === alg && isServed(key));
    const bare = !own.some(isStandby) && own.length < KEYS_SERVED_MAX;
    const since = this.#bareSince.get(alg) ?? now;
    if (bare) this.#bareSince.set(alg, since);
    else this.#bareSince.delete(alg);
    // A key that leaves makes room for a successor in the next round.
    if (bare && now - since > 1) this.broken("I10", `there is no standby ${alg} key`);
  }

  /** Whether successors are ready in time, as the settings of the service require: the gate does not delay them, and leads fit. */
  #keepsPace(): boolean {
    return this.#world.settings.gate !== "enforce" && this.#world.periodSeconds > this.#world.leadSeconds;
  }

  #lookForRotation(alg: Algorithm, now: number): void {
    const signing = this.#set?.keys.find((key) => key.alg === alg && isSigning(key));
    const age = now - (signing?.signingFrom ?? 0);
    const late = age > this.#world.periodSeconds + 2;
    if (late && this.#keepsPace()) this.broken("I18", `the ${alg} key is ${String(age)} s old`);
  }
}
