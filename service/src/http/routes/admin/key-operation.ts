import type { z } from "zod";
import { printable } from "../../../kernel/printable.ts";
import type { Algorithm } from "../../../keys/algorithm.ts";
import type { KeySetDeps, PlanDoubt } from "../../../keys/managed/change-key-set.ts";
import { answerOf } from "../../../keys/managed/key-report.ts";
import type { ManagedKeys } from "../../../keys/managed/managed-keys.ts";
import { operate } from "../../../keys/managed/operate.ts";
import { OperationAnswer } from "../../../keys/managed/operator-shapes.ts";
import type { Acceptance, Operation } from "../../../keys/managed/plan/plan-operation.ts";
import type { Log } from "../../../telemetry/log.ts";
import type { Metrics } from "../../../telemetry/metrics.ts";
import { type Answer, json } from "../../answer.ts";
import { outageText } from "../../operation-words.ts";
import { OPERATORS, type Operator, type Roles, SECURITY } from "../../operator.ts";
import { type Problem, problem } from "../../problem.ts";
import { type Exchange, jsonAnswer, type OperatorRoute } from "../../route.ts";
import { readOperatorBody } from "./operator-body.ts";

/** The managed keys of this replica and what changes them. */
export type ManagedParts = KeySetDeps & { readonly keys: ManagedKeys };

export interface KeyOperationDeps {
  /** `undefined`: keys are given from outside and cannot be operated. */
  readonly managed: ManagedParts | undefined;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "rejectedTransition">;
  /** Runs one round of upkeep now, so that an operation is in force here before it is answered. */
  readonly upkeep: () => Promise<void>;
}

interface KeyOperation<Body extends z.ZodType> {
  readonly name: string;
  readonly summary: string;
  readonly roles: Roles;
  readonly body: Body;
  /** The operation that a body asks for; `own` is the configured algorithm. */
  readonly operationOf: (body: z.output<Body>, own: Algorithm) => Operation;
}

/** Who may accept which outage: to end the life of valid tokens is what a revocation does. */
const ACCEPTED_BY: Readonly<Record<Acceptance, Roles>> = {
  "short-lead": OPERATORS,
  "grace-risk": OPERATORS,
  "verifiers-behind": OPERATORS,
  "live-tokens": SECURITY,
};

/** `POST /keys/<name>`: decided and executed on the store, then put in force here; 409 names the outage that it would cause. */
export function keyOperation<Body extends z.ZodType<{ accept: Acceptance[] }>>({
  name,
  summary,
  roles,
  body: schema,
  operationOf,
}: KeyOperation<Body>): OperatorRoute<KeyOperationDeps> {
  return {
    operationId: `${name}Key`,
    tag: "keys",
    summary,
    method: "POST",
    path: `/keys/${name}`,
    access: "operator",
    roles,
    body: { schema, required: !schema.safeParse({}).success },
    answers: {
      200: jsonAnswer("What was done.", OperationAnswer),
      409: jsonAnswer("Not done, because it would cause an outage.", OperationAnswer),
    },
    reasons: [
      "keys_given",
      "store_rejected",
      "operation_invalid",
      "json_required",
      "json_invalid",
      "json_too_deep",
      "body_corrupt",
      "body_too_large",
      "charset_unsupported",
      "encoding_unsupported",
    ],
    handle: async (deps, exchange, operator) => {
      const { managed } = deps;
      if (managed === undefined) return problem("keys_given");
      const rejected = managed.keys.refusesStore;
      if (rejected !== undefined) return storeRejected(rejected);
      const sent = await readOperatorBody(exchange.incoming, schema, (error) => faultOf(name, error));
      if (sent.kind === "problem") return sent.problem;
      const { body } = sent;
      if (!body.accept.every((outage) => ACCEPTED_BY[outage].includes(operator.role)))
        return problem("role_insufficient");
      const operation = operationOf(body, managed.rules.alg);
      const accepted = new Set(body.accept);
      return carryOut(deps, managed, operation, accepted, {
        operation: name,
        ...actorOf(operator),
        ...idOf(exchange),
      });
    },
  };
}

/** An operation that is well-formed: done or rejected, logged, and in force here before it is answered. */
export async function carryOut(
  { log, metrics, upkeep }: KeyOperationDeps,
  managed: ManagedParts,
  operation: Operation,
  accepted: ReadonlySet<Acceptance>,
  logged: Readonly<Record<string, unknown>>,
): Promise<Answer | Problem> {
  // Includes the fetches that this replica saw since its last round.
  await managed.keys.renew();
  const report = await operate(managed, operation, accepted, (set) => managed.keys.doubtAbout(set));
  if (report.kind === "doubted") return storeRejected(report.doubt);
  const answer = answerOf(report, await managed.store.load(), managed.rules, outageText);
  if (answer.rejected !== undefined) metrics.rejectedTransition(answer.rejected.reason);
  const changes = answer.changes?.map(({ change, kid }) => `${change} ${printable(kid)}`);
  log.info({
    event: "key_operation",
    ...logged,
    done: answer.done,
    rejected: answer.rejected?.reason,
    changes,
  });
  if (answer.done) await upkeep();
  return json(answer.done ? 200 : 409, answer);
}

/** Nothing is changed in a store that this replica rejects, nor while its clock and the store's disagree. */
function storeRejected(doubt: PlanDoubt): Problem {
  return problem("store_rejected", `this replica rejects the store (${doubt}); see docs/operations.md`);
}

/** Which member of a body is wrong. */
function faultOf(name: string, { issues: [issue] }: z.ZodError): string {
  const what =
    issue?.code === "unrecognized_keys"
      ? `unknown member ${issue.keys.map((key) => `"${printable(key.slice(0, 40))}"`).join(", ")}`
      : issue?.path[0] === undefined
        ? "it is not an object"
        : `"${String(issue.path[0])}" is missing or invalid`;
  return `the body of ${name} is invalid: ${what}; docs/operations.md describes it`;
}

/** Who operates, as the log names it. */
export function actorOf({ id, role, proof }: Operator): object {
  return { actor: id, role, proved_by: proof };
}

function idOf({ requestId }: Exchange): { readonly request_id: string } {
  return { request_id: requestId };
}
