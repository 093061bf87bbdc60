import { z } from "zod";
import type { IssuerStatus } from "../../../callers/issuer-keys/issuer-state.ts";
import { json } from "../../answer.ts";
import { VIEWERS } from "../../operator.ts";
import { jsonAnswer, type OperatorRoute } from "../../route.ts";
import type { DeclaredAccess } from "./access-status.ts";

export interface ListIssuersDeps {
  readonly declared: DeclaredAccess | undefined;
}

const Text = z.string();
const Moment = z.int().meta({ description: "Seconds since 1970." });

/** One issuer and its keys as this replica knows them. */
export const IssuerReport = z
  .strictObject({
    name: Text,
    issuer: Text.meta({ description: "The `iss` of its tokens." }),
    keys_from: z.enum(["discovery", "jwks_url", "spiffe_bundle_url", "pinned"]),
    state: z.enum(["not_asked", "fresh", "stale", "unavailable"]).meta({
      description:
        "`not_asked`: no key was needed yet. `stale`: the issuer does not answer, and older keys are used for up to an hour. `unavailable`: its tokens are rejected.",
    }),
    keys: z.array(z.strictObject({ kid: Text.nullable(), algs: z.array(Text) })),
    skipped: z.array(Text).meta({ description: "Why other keys of its set are not used, one code each." }),
    fetched_at: Moment.nullable().meta({
      description: "Null when no key is in use, or the keys are pinned.",
    }),
    last_failure: z
      .strictObject({
        reason: Text.meta({ description: "A code." }),
        status: z.int().nullable().meta({ description: "Of its HTTP answer, where there was one." }),
        at: Moment,
      })
      .nullable()
      .meta({ description: "The last attempt, when it failed." }),
  })
  .meta({ id: "Issuer" });
export type IssuerReport = z.infer<typeof IssuerReport>;

export const IssuersReport = z.strictObject({ issuers: z.array(IssuerReport) }).meta({ id: "Issuers" });

/** `GET /issuers`: whose tokens prove callers, and what this replica knows of their keys. */
export const listIssuers: OperatorRoute<ListIssuersDeps> = {
  operationId: "listIssuers",
  tag: "access",
  summary: "The issuers of callers' tokens, and their keys as this replica knows them",
  method: "GET",
  path: "/issuers",
  access: "operator",
  roles: VIEWERS,
  answers: {
    200: jsonAnswer("The declared issuers; none where nobody is asked who they are.", IssuersReport),
  },
  reasons: [],
  handle: ({ declared }) => {
    const known = declared?.issuerKeys.list(declared.registry().issuers) ?? [];
    return json(200, { issuers: known.map(reportOfIssuer) });
  },
};

export function reportOfIssuer(status: IssuerStatus): IssuerReport {
  const { name, issuer, place, state, keys, skipped, fetchedAt, lastFailure } = status;
  return {
    name,
    issuer,
    keys_from: place,
    state,
    keys: keys.map(({ kid, algorithms }) => ({ kid: kid ?? null, algs: [...algorithms] })),
    skipped: [...skipped],
    fetched_at: fetchedAt ?? null,
    last_failure:
      lastFailure === undefined
        ? null
        : { reason: lastFailure.reason, status: lastFailure.status ?? null, at: lastFailure.at },
  };
}
