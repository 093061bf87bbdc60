import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Clock } from "../kernel/clock.ts";
import type { Kid, RequestId } from "../kernel/ids.ts";
import { printable } from "../kernel/printable.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import type { KeyDirectory } from "../keys/key-directory.ts";
import type { KeySetDeps, PlanDoubt } from "../keys/managed/change-key-set.ts";
import { answerOf, reportOf } from "../keys/managed/key-report.ts";
import { StoreUnavailable } from "../keys/managed/key-store.ts";
import type { ManagedKeys } from "../keys/managed/managed-keys.ts";
import { operate } from "../keys/managed/operate.ts";
import { OPERATION_BODIES } from "../keys/managed/operator-shapes.ts";
import type { Acceptance, Operation } from "../keys/managed/plan/plan-operation.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Answer, answerWith, json, problemAnswer } from "./answer.ts";
import { readOptionalJsonBody } from "./body.ts";
import { httpServer, type Listener, type ListenerDeps, type Route } from "./listener.ts";

export interface AdminDeps extends ListenerDeps {
  readonly clock: Clock;
  readonly directory: KeyDirectory;
  /** `undefined`: keys are given from outside and cannot be operated. */
  readonly managed: (KeySetDeps & { readonly keys: ManagedKeys }) | undefined;
  readonly metrics: Metrics;
  /** What callers must send as bearer; `undefined` on loopback only. */
  readonly token: Secret | undefined;
  /** Runs one round of upkeep now, so that an operation is in force here before it is answered. */
  readonly keep: () => Promise<void>;
  /** Whether the service was asked to stop: it is not ready for new work then. */
  readonly isStopping: () => boolean;
}

type OperationName = keyof typeof OPERATION_BODIES;

/** The operators' listener: readiness, metrics and the keys. Never on the public port. */
export function adminServer(deps: AdminDeps): Listener {
  const guarded =
    (route: Route): Route =>
    async (incoming, requestId) => {
      const refusal = refusalOf(deps, incoming, requestId);
      if (refusal !== undefined) return refusal;
      try {
        return await route(incoming, requestId);
      } catch (thrown) {
        if (!(thrown instanceof StoreUnavailable)) throw thrown;
        return json(503, { error: "the key store cannot be reached" }, ["retry-after", "10"]);
      }
    };
  const operations = (Object.keys(OPERATION_BODIES) as OperationName[]).map(
    (name) =>
      [`/keys/${name}`, { POST: guarded((incoming, id) => operateKeys(deps, name, incoming, id)) }] as const,
  );
  return httpServer(deps, {
    "/readyz": { GET: guarded(() => readiness(deps)) },
    "/metrics": { GET: guarded(() => figures(deps)) },
    "/keys": { GET: guarded((incoming) => listKeys(deps, /[?&]all=true(?:&|$)/.test(incoming.url ?? ""))) },
    ...Object.fromEntries(operations),
  });
}

async function figures({ metrics }: AdminDeps): Promise<Answer> {
  const headers = ["content-type", metrics.contentType, "cache-control", "no-store"];
  return answerWith(200, headers, await metrics.render());
}

/** `GET /readyz`: 200 when this replica signs, serves and stays, else 503 with the reasons. */
function readiness({ directory, managed, clock, isStopping }: AdminDeps): Answer {
  const now = clock.now();
  const view = directory.viewAt(now);
  const fence = managed?.keys.fenceAt(now);
  const reasons = [
    ...(isStopping() ? ["stopping"] : []),
    ...(fence === undefined ? [] : [fence]),
    ...(view.signing === undefined && fence === undefined ? ["no_signing_key"] : []),
  ];
  return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
}

async function listKeys({ managed }: AdminDeps, all: boolean): Promise<Answer> {
  if (managed === undefined) return notManaged();
  return json(200, reportOf(await managed.store.load(), managed.rules, all));
}

/** `POST /keys/<operation>`: decided and carried out on the store, then put in force here; 409 names the outage it would be. */
async function operateKeys(
  deps: AdminDeps,
  name: OperationName,
  incoming: IncomingMessage,
  request_id: RequestId,
): Promise<Answer> {
  const { managed } = deps;
  if (managed === undefined) return notManaged();
  const refusedStore = managed.keys.refusesStore;
  if (refusedStore !== undefined) return doubted(refusedStore);
  const body = await readOptionalJsonBody(incoming);
  if (body.kind === "refused") return problemAnswer(body.problem);
  // A web page can send text to this machine without asking; JSON it cannot.
  if (body.kind === "absent") return json(415, { error: "send a JSON body as application/json, or none" });
  const request = requestOf(name, body.value, managed.rules.alg);
  if (typeof request === "string")
    return json(400, { error: `the body of ${name} is not as docs/operations.md describes it: ${request}` });
  return carryOut(deps, managed, name, request, request_id);
}

/** An operation that is well-formed: done or refused, logged, and in force here before it is answered. */
async function carryOut(
  deps: AdminDeps,
  managed: NonNullable<AdminDeps["managed"]>,
  name: OperationName,
  request: OperationRequest,
  request_id: RequestId,
): Promise<Answer> {
  const { log, metrics } = deps;
  // What this replica saw since its last round belongs into the picture: who fetched what.
  await managed.keys.renew();
  const report = await operate(managed, request.operation, request.accepted, (set) =>
    managed.keys.doubtAbout(set),
  );
  if (report.kind === "doubted") return doubted(report.doubt);
  const answer = answerOf(report, await managed.store.load(), managed.rules);
  if (answer.refused !== undefined) metrics.refusedTransition(answer.refused.reason);
  const changes = answer.changes?.map(({ change, kid }) => `${change} ${printable(kid)}`);
  log.info({
    event: "key_operation",
    operation: name,
    done: answer.done,
    refused: answer.refused?.reason,
    changes,
    request_id,
  });
  if (answer.done) await deps.keep();
  return json(answer.done ? 200 : 409, answer);
}

/** Nothing is changed in a store that this replica refuses, nor while its clock and the store's disagree. */
function doubted(doubt: PlanDoubt): Answer {
  return json(409, { error: `this replica refuses the store (${doubt}); see docs/operations.md` });
}

/** What a body asks for, or which member of it is wrong. */
function requestOf(name: OperationName, body: unknown, alg: Algorithm): OperationRequest | string {
  const { data, error } = OPERATION_BODIES[name].safeParse(body);
  const [issue] = error?.issues ?? [];
  if (issue?.code === "unrecognized_keys")
    return `it has no member ${issue.keys.map((key) => `"${printable(key.slice(0, 40))}"`).join(", ")}`;
  if (data === undefined) return issue?.path[0] === undefined ? "no object" : `"${String(issue.path[0])}"`;
  return operationOf(name, data, alg) ?? '"kid"';
}

interface OperationRequest {
  readonly operation: Operation;
  readonly accepted: ReadonlySet<Acceptance>;
}

type OperationBody = {
  alg?: Algorithm | undefined;
  kid?: Kid | undefined;
  reason?: string;
  accept: Acceptance[];
};

/** The operation that a body asks for; `undefined` when its kid cannot be one. */
function operationOf(
  name: OperationName,
  { alg, kid, reason = "", accept }: OperationBody,
  ownAlg: Algorithm,
): OperationRequest | undefined {
  const accepted = new Set(accept);
  switch (name) {
    case "prepare":
      return { operation: { kind: "prepare", alg: alg ?? ownAlg }, accepted };
    case "rotate":
    case "activate":
      return { operation: { kind: "activate", kid }, accepted };
    case "reseal":
      return { operation: { kind: "reseal" }, accepted };
    default:
      return kid && { operation: { kind: name, kid, reason: printable(reason) }, accepted };
  }
}

/** Why a caller gets no further; `undefined` lets it through. */
function refusalOf(
  { token, log, metrics }: AdminDeps,
  incoming: IncomingMessage,
  request_id: RequestId,
): Answer | undefined {
  if (token === undefined)
    return isFromThisMachine(incoming.headers)
      ? undefined
      : json(403, { error: "without a token only this machine's own programs are answered" });
  if (isAllowed(token, incoming.headers.authorization)) return undefined;
  metrics.refusedTransition("unauthorised");
  log.warn({
    event: "admin_refused",
    reason: "unauthorised",
    remote: incoming.socket.remoteAddress,
    request_id,
  });
  return json(401, { error: "a bearer token is required" }, ["www-authenticate", "Bearer"]);
}

/**
 * Loopback alone is no proof: a web page in a browser on this machine reaches it too, directly or through a name that was
 * pointed here. A browser tells its page's origin, and a name that was pointed here is not a loopback address.
 */
function isFromThisMachine({
  host = "",
  origin,
  "sec-fetch-site": site,
}: IncomingMessage["headers"]): boolean {
  return origin === undefined && (site === undefined || site === "none") && LOOPBACK_HOST.test(host);
}

const LOOPBACK_HOST = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?$/i;

/** Constant-time: both sides are hashed to one length first, so neither content nor length shows in the time. */
function isAllowed(token: Secret | undefined, authorization: string | undefined): boolean {
  if (token === undefined) return true;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  // The scheme is one in any letter case (RFC 9110 section 11.1).
  const sent = /^bearer +(.*)$/i.exec(authorization ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(sent), digest(token.reveal()));
}

function notManaged(): Answer {
  return json(409, {
    error:
      "the keys are given from outside and cannot be operated here; replace the key file, or move the key into a store with: macp-auth keys import",
  });
}
