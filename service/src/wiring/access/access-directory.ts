import type { AuthenticateDeps } from "../../callers/authenticate.ts";
import type { CallerRegistry } from "../../callers/declared/registry.ts";
import type { IssuerKeySets } from "../../callers/issuer-keys/issuer-key-sets.ts";
import type { CallerAuthMode, SettingPath } from "../../config/settings.ts";
import type { EventReceiver } from "../../events/receiver.ts";
import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { LimitsInForce } from "../../limits/limits-in-force.ts";
import type { CompiledPolicy } from "../../policy/compile-policy.ts";
import type { OpenDatabase } from "../../stores/open.ts";
import type { Log } from "../../telemetry/log.ts";
import type { UpkeepLoop } from "../key-upkeep.ts";
import type { LimitsWatcher, Overflows } from "../limits/open-counting.ts";

/** Callers and policy whose files and secrets are read, and what the operator should know of their settings, a line each. */
export interface LoadedAccess extends LoadedCallers {
  readonly warnings: readonly string[];
}

/** Callers and policy whose files and secrets are read. */
export interface LoadedCallers {
  /** Whether callers are asked at startup; a document that changes may make it stricter, never less strict. */
  readonly mode: CallerAuthMode;
  /** The settings whose files may change while the service runs. */
  readonly followed: readonly SettingPath[];
  /** What is declared at the start. */
  readonly registry: CallerRegistry;
  /** The access document and the files that it names. */
  readonly files: readonly string[];
  /** Whether the access document has limits. */
  readonly hasLimits: boolean;
  /** `database`: the one of the process, which all replicas share; `undefined` where the keys need none. */
  open(log: Log, machine: Machine, database: OpenDatabase | undefined): OpenAccess;
}

export interface OpenAccess {
  /** `undefined`: nobody is asked who they are. */
  readonly directory: AccessDirectory | undefined;
  /** Looks once at what is followed. */
  look(): Promise<void>;
  /** Who is sent events, as the document says now. */
  receivers(): readonly EventReceiver[];
  readonly loops: readonly UpkeepLoop[];
  readonly limits: {
    /** Whether this replica limits by itself, though it shares its limits; `undefined`: it shares none. */
    isLocal(): boolean | undefined;
    /** How many times a bucket found no place of its own because its table was full, by table. */
    overflows(): Overflows;
    watch(watcher: LimitsWatcher): void;
    close(): void;
  };
}

/** Callers and policy as they are now. */
export interface AccessDirectory {
  view(): AccessView;
  status(): AccessStatus;
  /** What is declared now. */
  registry(): CallerRegistry;
  /** Gives `trust` the certificates of the client CAs, PEM, now and before each change of them is in force. */
  followClientCas(trust: (cas: readonly string[]) => void): void;
  readonly issuerKeys: IssuerKeySets;
}

/** What is in force: one request uses one of these from start to end. */
export interface AccessView {
  readonly mode: CallerAuthMode;
  readonly proofs: AuthenticateDeps;
  /** `undefined`: each caller may have minted what it asks for. */
  readonly policy: CompiledPolicy | undefined;
  /** `undefined`: nothing is limited. */
  readonly limits: LimitsInForce | undefined;
}

/** What an operator sees of it. */
export interface AccessStatus {
  readonly mode: AccessView["mode"];
  /** Of the policy in force; `undefined`: there is none. */
  readonly policyHash: string | undefined;
  /** When the document in force was read. */
  readonly loadedAt: EpochSeconds;
  /** Whether the document has changed into one that cannot be used, so that an older one is in force. */
  readonly isStale: boolean;
  readonly callers: number;
  readonly grants: number;
}
