import { z } from "zod";
import type { CallerRegistry } from "../../../callers/declared/registry.ts";
import type { IssuerKeySets } from "../../../callers/issuer-keys/issuer-key-sets.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { json } from "../../answer.ts";
import { VIEWERS } from "../../operator.ts";
import { jsonAnswer, type OperatorRoute } from "../../route.ts";

/** Port. Callers, issuers and policy as they are now. */
export interface DeclaredAccess {
  status(): AccessStatus;
  registry(): CallerRegistry;
  readonly issuerKeys: Pick<IssuerKeySets, "list" | "forget">;
}

interface AccessStatus {
  readonly mode: "off" | "observe" | "enforce";
  readonly policyHash: string | undefined;
  readonly loadedAt: EpochSeconds;
  readonly isStale: boolean;
  readonly callers: number;
  readonly grants: number;
}

export interface AccessStatusDeps {
  /** `undefined`: nobody is asked who they are. */
  readonly declared: DeclaredAccess | undefined;
}

export const PolicyHashText = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: "SHA-256 of the policy in force, in hex; log lines have its first 16 digits." });

/** `mode` is `off`, and the rest is empty, where nobody is asked who they are. */
const AccessBody = z
  .strictObject({
    mode: z.enum(["off", "observe", "enforce"]),
    policy: PolicyHashText.nullable().meta({ description: "Null where no policy is in force." }),
    stale: z.boolean().meta({
      description:
        "Whether the access document has changed into one that is invalid: the one before is in force.",
    }),
    loaded_at: z
      .int()
      .nullable()
      .meta({ description: "When the document in force was read, in seconds since 1970." }),
    callers: z.int(),
    issuers: z.int(),
    grants: z.int(),
  })
  .meta({ id: "Access" });

const OFF: z.output<typeof AccessBody> = {
  mode: "off",
  policy: null,
  stale: false,
  loaded_at: null,
  callers: 0,
  issuers: 0,
  grants: 0,
};

/** `GET /access`: which access document is in force. Its faults are only in the log. */
export const accessStatus: OperatorRoute<AccessStatusDeps> = {
  operationId: "getAccess",
  tag: "access",
  summary: "Whether callers must prove who they are, and which policy is in force",
  method: "GET",
  path: "/access",
  access: "operator",
  roles: VIEWERS,
  answers: { 200: jsonAnswer("What is in force on this replica.", AccessBody) },
  reasons: [],
  handle: ({ declared }) => json(200, declared === undefined ? OFF : bodyOf(declared)),
};

function bodyOf(declared: DeclaredAccess): z.output<typeof AccessBody> {
  const { mode, policyHash, loadedAt, isStale, callers, grants } = declared.status();
  const issuers = declared.registry().issuers.length;
  return {
    mode,
    policy: policyHash ?? null,
    stale: isStale,
    loaded_at: loadedAt,
    callers,
    issuers,
    grants,
  };
}
