import { z } from "zod";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import type { KeyDirectory } from "../../../keys/key-directory.ts";
import type { ChainHead } from "../../../ledger/chain.ts";
import { type Freshness, LEDGER_MODES, type LedgerMode, type Revocations } from "../../../ledger/ledger.ts";
import { STALE_AFTER_MS } from "../../../ledger/revocation/revocation-view.ts";
import { STALE_AFTER_MS as LISTS_STALE_AFTER_MS } from "../../../status-lists/status-list-view.ts";
import { json } from "../../answer.ts";
import { VIEWERS } from "../../operator.ts";
import { jsonAnswer, type OperatorRoute } from "../../route.ts";
import { type DeclaredAccess, PolicyHashText } from "./access-status.ts";
import type { ManagedParts } from "./key-operation.ts";

export interface ReadinessDeps {
  readonly directory: KeyDirectory;
  readonly managed: Pick<ManagedParts, "keys"> | undefined;
  /** `undefined`: nobody is asked who they are. */
  readonly declared: Pick<DeclaredAccess, "status"> | undefined;
  /** `undefined`: the listeners speak plain HTTP. */
  readonly tls: TlsInForce | undefined;
  /** Whether this replica limits by itself, though it shares its limits; `undefined`: it shares none. */
  readonly limitsAreLocal: () => boolean | undefined;
  /** `undefined`: nothing is recorded. */
  readonly ledger?: (() => LedgerInForce | undefined) | undefined;
  /** `undefined` as above. */
  readonly revocations?: (() => KnownRevocations | undefined) | undefined;
  /** `undefined`: tokens have no status. */
  readonly statusLists?: (() => { readonly lists: number; readonly ageMs: number } | undefined) | undefined;
  /** Whether the service was asked to stop: it is not ready for new work then. */
  readonly isStopping: () => boolean;
}

/** Port. The TLS of the listeners as it is now. */
interface TlsInForce {
  status(): { readonly serial: string; readonly notAfter: EpochSeconds; readonly isStale: boolean };
}

/** What this replica knows of what is revoked. */
type KnownRevocations = Freshness & Pick<Revocations, "epoch">;

/** The ledger of this replica as it is now. */
interface LedgerInForce {
  readonly mode: LedgerMode;
  readonly isFailing: boolean;
  readonly waiting: number;
  readonly writtenAgo: number | undefined;
  readonly head: Pick<ChainHead, "chain" | "seq" | "hash"> | undefined;
}

const ReadinessBody = z
  .strictObject({
    ready: z.boolean(),
    reasons: z.array(z.string()).meta({
      description: "`stopping`, `no_signing_key`, or why this replica is fenced; empty when it is ready.",
    }),
    access: z
      .strictObject({
        mode: z.enum(["off", "observe", "enforce"]),
        policy: PolicyHashText.nullable(),
        stale: z
          .boolean()
          .meta({ description: "Whether an older access document than the newest is in force." }),
      })
      .optional()
      .meta({
        description: "Only where callers are asked who they are. It is never a reason not to be ready.",
      }),
    tls: z
      .strictObject({
        serial: z.string().meta({ description: "Of the certificate that is served, hexadecimal." }),
        not_after: z.int().meta({ description: "When it expires, in seconds since 1970." }),
        stale: z
          .boolean()
          .meta({ description: "Whether what is newest cannot be served, or a SPIFFE agent is lost." }),
      })
      .optional()
      .meta({ description: "Only where the listeners speak TLS. It is never a reason not to be ready." }),
    limits: z
      .strictObject({
        local: z.boolean().meta({
          description: "Whether the server of shared limits is lost, so that this replica limits by itself.",
        }),
      })
      .optional()
      .meta({ description: "Only where replicas share limits. It is never a reason not to be ready." }),
    ledger: z
      .strictObject({
        mode: z.enum(LEDGER_MODES),
        failing: z.boolean().meta({
          description:
            "Whether the store does not take entries in time now. With `durable` no token is minted then.",
        }),
        waiting: z.int().meta({ description: "Entries that are not on the disk yet." }),
        written_ago_seconds: z
          .number()
          .nullable()
          .meta({ description: "Since this replica last wrote; null before it first did." }),
        head: z
          .strictObject({ chain: z.string(), seq: z.int(), hash: z.string() })
          .nullable()
          .meta({ description: "The last entry of the chain that this replica writes." }),
      })
      .optional()
      .meta({ description: "Only where a ledger is kept. It is never a reason not to be ready." }),
    revocations: z
      .strictObject({
        epoch: z.int().meta({ description: "The last revocation that this replica knows." }),
        age_ms: z.int().nullable().meta({ description: "Since it last looked; null: it never could." }),
        stale_after_ms: z.int().meta({ description: "Above this age it calls no token active." }),
        stale: z.boolean(),
      })
      .optional()
      .meta({ description: "Only where a ledger is kept. It is never a reason not to be ready." }),
    status_lists: z
      .strictObject({
        lists: z.int().meta({ description: "Lists of which a token may be live." }),
        age_ms: z.int().nullable().meta({ description: "Since it last looked; null: it never could." }),
        stale_after_ms: z.int().meta({ description: "Above this age it serves no list." }),
        stale: z.boolean(),
      })
      .optional()
      .meta({ description: "Only where tokens have a status. It is never a reason not to be ready." }),
  })
  .meta({ id: "Readiness" });

/** `GET /readyz`: 200 when this replica signs, serves and stays, else 503 with the reasons. */
export const readiness: OperatorRoute<ReadinessDeps> = {
  operationId: "getReadiness",
  tag: "health",
  summary: "Whether this replica signs and serves the JWKS, and is not stopping",
  method: "GET",
  path: "/readyz",
  access: "operator",
  roles: VIEWERS,
  answers: {
    200: jsonAnswer("It is ready.", ReadinessBody),
    503: jsonAnswer("It is not ready, for these reasons.", ReadinessBody),
  },
  reasons: [],
  handle: ({
    directory,
    managed,
    declared,
    tls,
    limitsAreLocal,
    ledger,
    revocations,
    statusLists,
    isStopping,
  }) => {
    const view = directory.view();
    const fence = managed?.keys.fence();
    const reasons = [
      ...(isStopping() ? ["stopping"] : []),
      ...(fence === undefined ? [] : [fence]),
      ...(view.signing === undefined && fence === undefined ? ["no_signing_key"] : []),
    ];
    return json(reasons.length === 0 ? 200 : 503, {
      ready: reasons.length === 0,
      reasons,
      access: accessOf(declared),
      tls: tlsOf(tls),
      limits: limitsOf(limitsAreLocal()),
      ledger: ledgerOf(ledger?.()),
      revocations: revocationsOf(revocations?.()),
      status_lists: statusListsOf(statusLists?.()),
    });
  },
};

function revocationsOf(known: KnownRevocations | undefined): object | undefined {
  if (known === undefined) return undefined;
  const { epoch, ageMs, isFresh } = known;
  return {
    epoch,
    age_ms: Number.isFinite(ageMs) ? Math.round(ageMs) : null,
    stale_after_ms: STALE_AFTER_MS,
    stale: !isFresh,
  };
}

function statusListsOf(
  known: { readonly lists: number; readonly ageMs: number } | undefined,
): object | undefined {
  if (known === undefined) return undefined;
  const { lists, ageMs } = known;
  return {
    lists,
    age_ms: Number.isFinite(ageMs) ? Math.round(ageMs) : null,
    stale_after_ms: LISTS_STALE_AFTER_MS,
    stale: ageMs > LISTS_STALE_AFTER_MS,
  };
}

function limitsOf(areLocal: boolean | undefined): object | undefined {
  return areLocal === undefined ? undefined : { local: areLocal };
}

function ledgerOf(status: LedgerInForce | undefined): object | undefined {
  if (status === undefined) return undefined;
  const { mode, isFailing, waiting, writtenAgo, head } = status;
  return {
    mode,
    failing: isFailing,
    waiting,
    written_ago_seconds: writtenAgo === undefined ? null : Math.round(writtenAgo * 1_000) / 1_000,
    head: head === undefined ? null : { chain: head.chain, seq: head.seq, hash: head.hash },
  };
}

function accessOf(declared: ReadinessDeps["declared"]): object | undefined {
  if (declared === undefined) return undefined;
  const { mode, policyHash, isStale } = declared.status();
  return { mode, policy: policyHash ?? null, stale: isStale };
}

function tlsOf(tls: ReadinessDeps["tls"]): object | undefined {
  if (tls === undefined) return undefined;
  const { serial, notAfter, isStale } = tls.status();
  return { serial, not_after: notAfter, stale: isStale };
}
