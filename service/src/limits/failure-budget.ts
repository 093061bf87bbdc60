import type { CredentialName } from "../callers/credential-name.ts";
import { BucketTable, newSeed } from "./bucket-table.ts";
import { takeOne } from "./gcra.ts";
import type { LimitPlan } from "./limit-plan.ts";
import { type LocalBucketsDeps, microseconds } from "./local-buckets.ts";
import { type Pace, partOf } from "./rate.ts";
import type { SharedPairs } from "./shared-pairs.ts";

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

/** A pair whose credential proved right at its address. */
interface KnownPair {
  readonly pair: string;
  /** Whether it proved right here, or only at another replica by what the store says. */
  readonly isOwn: boolean;
}

/**
 * How many proofs may fail (R36). Each failure counts against its address and against the secret that it names, which it could be a guess
 * at, or the certificate; when either budget is used up, nothing more is verified. An address on which the credential proved right within
 * a day, here or at another replica, has a budget of its own with it, so that nobody else can lock it out. What is counted is of this
 * process alone. A shared store only says which pairs other replicas know, and all that are known by its word alone share one more budget
 * of the credential: who writes to the store gets no more than twice the tries (N12a). Only keyed hashes are stored.
 */
export class FailureBudget {
  readonly #deps: LocalBucketsDeps;
  readonly #byAddress: BucketTable;
  readonly #byCredential: BucketTable;
  /** Of an address and a credential together. A stored moment is when the pair is forgotten. */
  readonly #known: BucketTable;
  readonly #byPair: BucketTable;
  readonly #replicas: number;
  readonly #shared: Pick<SharedPairs, "isKnown" | "note"> | undefined;
  /** Until then some pair has failures. */
  #pairsSpentUntilUs = 0;

  /** `replicas`: how many processes share the budget of a credential. `shared`: the pairs that they all know. */
  constructor(deps: LocalBucketsDeps, replicas: number, shared?: Pick<SharedPairs, "isKnown" | "note">) {
    const seed = newSeed(deps.random.bytes(8));
    this.#deps = deps;
    this.#replicas = replicas;
    this.#shared = shared;
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
    const known = this.#knownPair(address, credential, nowUs);
    if (known === undefined) return waits;
    if (isOwned(credential)) return ofCredential;
    const ofPair = waitOf(this.#byPair, known.pair, secretPace, nowUs);
    return known.isOwn || !hasBudget(credential)
      ? ofPair
      : Math.max(ofPair, waitOf(this.#byCredential, elsewhere(credential), secretPace, nowUs));
  }

  /** A proof failed. */
  failed(plan: LimitPlan, { address, credential }: Attempt): void {
    const nowUs = microseconds(this.#deps.stopwatch);
    const secretPace = this.#secretPace(plan);
    const known = credential && this.#knownPair(address, credential, nowUs);
    if (known !== undefined && !isOwned(credential)) {
      const spent = [spend(this.#byPair, known.pair, secretPace, nowUs)];
      if (!known.isOwn && hasBudget(credential))
        spent.push(spend(this.#byCredential, elsewhere(credential), secretPace, nowUs));
      this.#pairsSpentUntilUs = Math.max(this.#pairsSpentUntilUs, ...spent);
      return;
    }
    if (known === undefined) spend(this.#byAddress, address, plan.failuresPerAddress.pace, nowUs);
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
    const before = this.#remember(pair, nowUs);
    if (before === "known") return;
    const lasting = lastingName(credential);
    const lastingPair = pairOf(address, lasting);
    const isNew = before === "new" && !this.#isKnownElsewhere(lastingPair);
    if (isNew && hasBudget(credential)) forget(this.#byCredential, credential.name, nowUs);
    const isNoted = lasting !== credential.name && this.#remember(lastingPair, nowUs) === "known";
    if (!isNoted) this.#shared?.note(lastingPair, lasting);
  }

  /** What is known of the pair so far. One that is in use becomes due once a day, and not at each request. */
  #remember(pair: string, nowUs: number): "new" | "due" | "known" {
    const slot = this.#known.slotOf(pair, nowUs);
    if (this.#known.isOverflow(slot)) return "new";
    const until = this.#known.fullAtUs(slot);
    if (until >= nowUs + KNOWN_US) return "known";
    this.#known.write(slot, nowUs + 2 * KNOWN_US);
    return until > nowUs ? "due" : "new";
  }

  #knownPair(address: string, credential: CredentialName, nowUs: number): KnownPair | undefined {
    const pair = pairOf(address, credential.name);
    if (this.#isKnown(pair, nowUs)) return { pair, isOwn: true };
    const lasting = pairOf(address, lastingName(credential));
    if (lasting !== pair && this.#isKnown(lasting, nowUs)) return { pair: lasting, isOwn: true };
    return this.#isKnownElsewhere(lasting) ? { pair: lasting, isOwn: false } : undefined;
  }

  #isKnownElsewhere(pair: string): boolean {
    return this.#shared?.isKnown(pair) === true;
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

/** A token or a certificate has a successor: what lasts is whom it speaks for. */
function lastingName({ name, subject }: CredentialName): string {
  return subject?.() ?? name;
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

/** What counts failures at addresses that are known by the word of the store alone. No credential has such a name: each begins with a realm. */
function elsewhere({ name }: CredentialName): string {
  return ` ${name}`;
}

/** A space: no address has one. */
function pairOf(address: string, name: string): string {
  return `${address} ${name}`;
}
