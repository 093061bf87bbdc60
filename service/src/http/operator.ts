import { type AuthenticateDeps, authenticate } from "../callers/authenticate.ts";
import type { CallerId, ProofKind, Role } from "../callers/caller.ts";
import type { Presented } from "../callers/presented.ts";
import type { AuthReason, Rejected } from "../callers/rejection.ts";
import type { Branded } from "../kernel/branded.ts";
import { presentedBy, type SentCredentials } from "./access.ts";
import { type Problem, problem } from "./problem.ts";

/** The roles that may call an operation. A role that is not listed may not; there is no operation without roles. */
export type Roles = readonly [Role, ...Role[]];

// The columns of the endpoint × role table of docs/operations.md.
export const VIEWERS: Roles = ["viewer", "operator", "security"];
export const OPERATORS: Roles = ["operator", "security"];
export const SECURITY: Roles = ["security"];

/** Evidence that a request comes from an operator whose role may call the operation. Only `proveOperator` makes one. */
export type Operator = Branded<
  { readonly id: CallerId; readonly role: Role; readonly proof: ProofKind },
  "Operator"
>;

export type OperatorProof =
  | { readonly kind: "operator"; readonly operator: Operator }
  /** `facts`: for the log only. */
  | { readonly kind: "rejected"; readonly problem: Problem; readonly facts: StrangerFacts };

/** Why a request does not come from an operator that may do this. */
interface StrangerFacts {
  readonly cause?: AuthReason;
  readonly caller?: CallerId | undefined;
  readonly role?: Role | undefined;
  readonly issuer?: string | undefined;
}

/** The evidence that a request comes from an operator with one of these roles, or why there is none. */
export async function proveOperator(
  deps: AuthenticateDeps,
  roles: Roles,
  incoming: SentCredentials,
): Promise<OperatorProof> {
  const outcome = await authenticate(deps, presentedTo(deps, incoming));
  if (outcome.kind === "rejected") return rejectedAs(problemOfNobody(outcome), factsOf(outcome));
  const { caller } = outcome;
  if (caller.kind !== "declared") return rejectedAs("role_insufficient", {});
  const { id, role, proof } = caller;
  return role !== undefined && roles.includes(role)
    ? { kind: "operator", operator: { id, role, proof } as Operator }
    : rejectedAs("role_insufficient", { caller: id, role });
}

/** Where no caller is declared and no token is set, nobody has a credential: what is sent as one is not looked at. */
function presentedTo({ directory }: AuthenticateDeps, incoming: SentCredentials): Presented {
  const presented = presentedBy(incoming);
  const hasCredentials = directory.callers.size > 0 || directory.settingSecrets.length > 0;
  return hasCredentials ? presented : { ...presented, authorization: [], certificate: () => undefined };
}

function rejectedAs(reason: Problem["reason"], facts: StrangerFacts): OperatorProof {
  return { kind: "rejected", problem: problem(reason), facts };
}

/** One answer for every credential that proves nobody: a stranger learns nothing. */
function problemOfNobody({ reason }: Rejected): Problem["reason"] {
  return reason === "not_this_machine" || reason === "credentials_several" ? reason : "unauthorised";
}

function factsOf({ reason, callerId, issuer }: Rejected): StrangerFacts {
  return { cause: reason, caller: callerId, issuer };
}
