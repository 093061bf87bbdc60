import type { CredentialName } from "../callers/credential-name.ts";
import { BucketTable, newSeed } from "./bucket-table.ts";
import { takeOne } from "./gcra.ts";
import type { LimitPlan } from "./limit-plan.ts";
import { type LocalBucketsDeps, microseconds } from "./local-buckets.ts";
import { type Pace, partOf } from "./rate.ts";

/** A proof as it is presented, before anything of it is checked. */
export interface Attempt {
  /** The key of the address (http/limits/address-key.ts). */
  readonly address: string;
  /** What names the credential, and is not secret by itself. `undefined`: nothing is presented that could be guessed or found again. */
  readonly credential: CredentialName | undefined;
}

/** How long an address is remembered on which a credential proved right, at least; at most twice as long. */
const KNOWN_US = 86_400_000_000;

const ADDRESS_SLOTS = 2 ** 18;
const CREDENTIAL_SLOTS = 2 ** 18;
const KNOWN_SLOTS = 2 ** 18;

/**
 * How many proofs may fail (R36). Each failure counts against its address and against the secret that it
 * names, which it could be a guess at, or the certificate; when either budget is used up, nothing more is verified. An address on which the credential proved right within a day has a
 * budget of its own with it, so that nobody else can lock it out. It is of this process alone, and stays closed whatever becomes of a
 * shared store (N12a). Only keyed hashes are stored.
 */
export class FailureBudget {
  readonly #deps: LocalBucketsDeps;
  readonly #byAddress: BucketTable;
  readonly #byCredential: BucketTable;
  /** Of an address and a credential together. A stored moment is when the pair is forgotten. */
  readonly #known: BucketTable;
  readonly #byPair: BucketTable;
  readonly #replicas: number;
  /** Until then some pair has failures. */
  #pairsSpentUntilUs = 0;

  /** `replicas`: how many processes share the budget of a credential. */
  constructor(deps: LocalBucketsDeps, replicas: number) {
    const seed = newSeed(deps.random.bytes(8));
    this.#deps = deps;
    this.#replicas = replicas;
    this.#byAddress = new BucketTable(ADDRESS_SLOTS, seed);
    this.#byCredential = new BucketTable(CREDENTIAL_SLOTS, seed);
    this.#known = new BucketTable(KNOWN_SLOTS, seed);
    this.#byPair = new BucketTable(KNOWN_SLOTS, seed);
  }

  /** How many times a budget found no place of its own, by what it counts. */
  overflows(): ReadonlyMap<string, number> {
    return new Map([
      ["failures_address", this.#byAddress.overflows],
      ["failures_credential", this.#byCredential.overflows],
      ["known", this.#known.overflows],
      ["failures_known", this.#byPair.overflows],
    ]);
  }

  /** Microseconds until a proof may be tried; 0: now. Takes nothing. */
  waitUs(plan: LimitPlan, { address, credential }: Attempt): number {
    const nowUs = microseconds(this.#deps.stopwatch);
    const secretPace = this.#secretPace(plan);
    const ofCredential = hasBudget(credential)
      ? waitOf(this.#byCredential, credential.name, secretPace, nowUs)
      : 0;
    const waits = Math.max(
      waitOf(this.#byAddress, address, plan.failuresPerAddress.pace, nowUs),
      ofCredential,
    );
    // Nearly always: nothing is used up, and no pair has failures of its own.
    if (credential === undefined || (waits === 0 && this.#pairsSpentUntilUs <= nowUs)) return waits;
    const pair = this.#knownPair(address, credential, nowUs);
    if (pair === undefined) return waits;
    return isOwned(credential) ? ofCredential : waitOf(this.#byPair, pair, secretPace, nowUs);
  }

  /** A proof failed. */
  failed(plan: LimitPlan, { address, credential }: Attempt): void {
    const nowUs = microseconds(this.#deps.stopwatch);
    const secretPace = this.#secretPace(plan);
    const pair = credential && this.#knownPair(address, credential, nowUs);
    if (pair !== undefined && !isOwned(credential)) {
      this.#pairsSpentUntilUs = Math.max(
        this.#pairsSpentUntilUs,
        spend(this.#byPair, pair, secretPace, nowUs),
      );
      return;
    }
    if (pair === undefined) spend(this.#byAddress, address, plan.failuresPerAddress.pace, nowUs);
    if (hasBudget(credential)) spend(this.#byCredential, credential.name, secretPace, nowUs);
  }

  /**
   * A proof was right: its address is known from now on. The failures of its secret elsewhere are forgotten only where the address was
   * not known: else the caller's own work would give a guesser new tries.
   */
  succeeded({ address, credential }: Attempt): void {
    if (credential === undefined) return;
    const nowUs = microseconds(this.#deps.stopwatch);
    const pair = pairOf(address, credential.name);
    if (this.#pairsSpentUntilUs > nowUs) forget(this.#byPair, pair, nowUs);
    if (this.#remember(pair, nowUs)) return;
    if (hasBudget(credential)) forget(this.#byCredential, credential.name, nowUs);
    const subject = credential.subject?.();
    if (subject !== undefined) this.#remember(pairOf(address, subject), nowUs);
  }

  /** Whether the pair was known already. */
  #remember(pair: string, nowUs: number): boolean {
    const slot = this.#known.slotOf(pair, nowUs);
    if (this.#known.isOverflow(slot)) return false;
    const until = this.#known.fullAtUs(slot);
    // A pair in use is written once a day, not at each request.
    if (until < nowUs + KNOWN_US) this.#known.write(slot, nowUs + 2 * KNOWN_US);
    return until > nowUs;
  }

  #knownPair(address: string, { name, subject }: CredentialName, nowUs: number): string | undefined {
    const pair = pairOf(address, name);
    if (this.#isKnown(pair, nowUs)) return pair;
    const other = subject?.();
    const otherPair = other === undefined ? undefined : pairOf(address, other);
    return otherPair !== undefined && this.#isKnown(otherPair, nowUs) ? otherPair : undefined;
  }

  #isKnown(pair: string, nowUs: number): boolean {
    const slot = this.#known.slotOf(pair, nowUs);
    return !this.#known.isOverflow(slot) && this.#known.fullAtUs(slot) > nowUs;
  }

  #secretPace({ failuresPerCredential: { pace } }: LimitPlan): Pace {
    return partOf(pace, this.#replicas);
  }
}

/**
 * Whether failures count from all addresses together. Not those of a token: a signature is not guessed, and the name in it may be that of
 * another caller.
 */
function hasBudget(credential: CredentialName | undefined): credential is CredentialName {
  return credential !== undefined && credential.kind !== "token";
}

/** Whether nobody but its caller can present it, so that its failures are its own wherever they come from. */
function isOwned(credential: CredentialName | undefined): boolean {
  return credential?.kind === "certificate";
}

function waitOf(table: BucketTable, key: string, pace: Pace, nowUs: number): number {
  const storedUs = table.fullAtUsWithin(table.slotOf(key, nowUs), pace.spanUs, nowUs);
  const answer = takeOne(pace, storedUs, nowUs);
  return answer.kind === "limited" ? answer.retryAfterUs : 0;
}

/** When the bucket is full again. */
function spend(table: BucketTable, key: string, pace: Pace, nowUs: number): number {
  const slot = table.slotOf(key, nowUs);
  const { fullAtUs } = takeOne(pace, table.fullAtUs(slot), nowUs);
  table.write(slot, fullAtUs);
  return fullAtUs;
}

/** Only the key's own bucket: the overflow is that of others too. */
function forget(table: BucketTable, key: string, nowUs: number): void {
  const slot = table.slotOf(key, nowUs);
  if (!table.isOverflow(slot) && table.fullAtUs(slot) > nowUs) table.write(slot, 0);
}

/** A space: no address has one. */
function pairOf(address: string, name: string): string {
  return `${address} ${name}`;
}
