import {
  ADMIN_TOKEN_CALLER,
  type CallerId,
  THIS_MACHINE_CALLER,
  UNPROVED_CALLER,
} from "../../../callers/caller.ts";
import { checkRegistry } from "../../../callers/declared/check-registry.ts";
import type { CallerRegistry, ClientCaEntry } from "../../../callers/declared/registry.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault } from "../../../config/access/read-yaml.ts";
import type { EventReceiver } from "../../../events/receiver.ts";
import type { FileFault } from "../../../files/file-fault.ts";
import type { LimitPlan } from "../../../limits/limit-plan.ts";
import { type CompiledPolicy, compilePolicy } from "../../../policy/compile-policy.ts";
import type { Policy, PolicyRules } from "../../../policy/policy.ts";
import { policyFaultOf, registryFaultOf } from "../../words/access-fault-words.ts";
import { filesOf } from "../named-files.ts";
import { unknownClaimsOfGrants } from "./claims-of-grants.ts";
import { callerOf, type ProofPlaces } from "./expand-callers.ts";
import { clientCasOf, type TrustBundles } from "./expand-client-cas.ts";
import { receiversOf } from "./expand-events.ts";
import { issuerOf } from "./expand-issuers.ts";
import { limitsOf } from "./expand-limits.ts";
import { policyOf } from "./expand-policy.ts";

/** What a document is read with. */
export interface ExpandContext {
  /** Our own `iss`. */
  readonly ownIssuer: string;
  readonly policyRules: PolicyRules;
  /** Callers that the settings make; grants may name them. */
  readonly reserved: readonly CallerId[];
  /** What the settings make the client CA `default`; `undefined`: nothing. */
  readonly defaultClientCa?: Omit<ClientCaEntry, "name"> | undefined;
  /** What the SPIFFE agent gives; `undefined`: none is named. */
  readonly bundles?: TrustBundles | undefined;
  /** A path of the document: a relative one starts at its folder. */
  readonly pathOf: (named: string) => string;
  /** Reads a file that the document names. */
  readonly readFile: (path: string) => Promise<string | FileFault>;
}

export type Expanded =
  | {
      readonly kind: "expanded";
      readonly registry: CallerRegistry;
      /** With its groups expanded, as it was compiled. */
      readonly rules: Policy;
      readonly policy: CompiledPolicy;
      /** `undefined`: nothing is limited. */
      readonly limits: LimitPlan | undefined;
      /** Who is sent events. */
      readonly receivers: readonly EventReceiver[];
    }
  | { readonly kind: "rejected"; readonly faults: readonly AccessFault[] };

/** No caller of a document has the name of an operator that the admin listener makes, nor that of who proved nothing, and no grant may name one. */
const OWN_NAMES = [ADMIN_TOKEN_CALLER, THIS_MACHINE_CALLER, UNPROVED_CALLER] as const;

type Faults = AccessFault[];

/** Makes of a document what it means: files are read, groups are expanded, and everything is checked. Every fault is found. */
export async function expandAccess(access: AccessText, context: ExpandContext): Promise<Expanded> {
  const faults: Faults = [];
  const files = await filesOf(access, context.readFile);
  const issuers = Object.entries(access.issuers).map(([name, text]) =>
    issuerOf(name, text, { ...context, files, faults }),
  );
  const proofPlaces = new Map<CallerId, ProofPlaces>();
  const callers = Object.entries(access.callers).map(([name, text]) =>
    callerOf(name, text, access.groups, files, proofPlaces, faults),
  );
  const beside = { ofSettings: context.defaultClientCa, bundles: context.bundles };
  const clientCas = clientCasOf(access, beside, files, faults);
  const registry = { issuers, callers, clientCas };
  const { ownIssuer, reserved, policyRules } = context;
  // A caller of the settings is no fault in a grant, only among the callers.
  faults.push(
    ...checkRegistry(registry, { ownIssuer, reserved: [...reserved, ...OWN_NAMES] }).map((fault) =>
      registryFaultOf(fault, proofPlaces),
    ),
  );
  faults.push(...unknownClaimsOfGrants(access));
  const known = new Set([...callers.map(({ id }) => id), ...reserved]);
  const rules = policyOf(access, known, faults);
  const compiled = compilePolicy(rules, policyRules);
  if (compiled.kind === "invalid") faults.push(...compiled.faults.map(policyFaultOf));
  const limits = limitsOf(access, faults);
  const receivers = receiversOf(access, context.pathOf, files, faults);
  return faults.length === 0 && compiled.kind === "compiled"
    ? { kind: "expanded", registry, rules, policy: compiled.policy, limits, receivers }
    : { kind: "rejected", faults };
}
