import type { Preset } from "../declared/registry.ts";
import type { ForeignClaims } from "./foreign-claims.ts";
import { SPIFFE_CLAIMS, spiffeClaims } from "./spiffe-id.ts";

/** What a token says, by short claim name. A list: the members of a claim that has several. */
export type ClaimValues = Readonly<Record<string, string | readonly string[]>>;

/** What a kind of issuer promises of its tokens. */
export interface PresetRules {
  /** The accepted `typ` beside none; media types in lower case, without `application/`. */
  readonly types: readonly string[];
  /** The short names that a rule may ask for; `any`: every member of the token that is a text, a number, a boolean or a list of texts. */
  readonly claimNames: readonly string[] | "any";
  /** Claims that name something for good: a rule must ask for one of these, because names are given to others later. */
  readonly idClaims: readonly string[];
  readonly maxLifeSeconds: number;
  /** What a token says; `undefined` when it is not a token of this kind. */
  readonly read: (claims: ForeignClaims) => WorkloadFacts | undefined;
}

export interface WorkloadFacts {
  /** The spellings of its subject: a rule may name any of them. */
  readonly subjects: readonly string[];
  readonly claims: ClaimValues;
}

const HOUR_SECONDS = 3_600;

const KUBERNETES_CLAIMS = [
  "namespace",
  "serviceaccount",
  "serviceaccount_uid",
  "pod",
  "pod_uid",
  "node",
] as const;

const GITHUB_CLAIMS = [
  "repository",
  "repository_id",
  "repository_owner",
  "repository_owner_id",
  "repository_visibility",
  "ref",
  "ref_type",
  "environment",
  "event_name",
  "workflow",
  "workflow_ref",
  "job_workflow_ref",
  "actor",
  "actor_id",
  "base_ref",
  "head_ref",
  "runner_environment",
  "enterprise",
  "enterprise_id",
] as const;

const GITLAB_CLAIMS = [
  "project_id",
  "project_path",
  "namespace_id",
  "namespace_path",
  "ref",
  "ref_type",
  "ref_protected",
  "environment",
  "environment_protected",
  "deployment_tier",
  "pipeline_source",
  "user_id",
  "user_login",
  "ci_config_ref_uri",
  "runner_environment",
] as const;

/** The rules of each preset, in one place. */
export const PRESET_RULES: Readonly<Record<Preset, PresetRules>> = {
  kubernetes: {
    types: ["jwt"],
    claimNames: KUBERNETES_CLAIMS,
    idClaims: [],
    maxLifeSeconds: HOUR_SECONDS,
    read: readKubernetes,
  },
  github: {
    types: ["jwt"],
    claimNames: GITHUB_CLAIMS,
    idClaims: ["repository_id", "repository_owner_id"],
    maxLifeSeconds: HOUR_SECONDS,
    read: readGithub,
  },
  gitlab: {
    types: ["jwt"],
    claimNames: GITLAB_CLAIMS,
    idClaims: ["project_id", "namespace_id"],
    maxLifeSeconds: HOUR_SECONDS,
    read: (claims) => withRequired(claims, GITLAB_CLAIMS, ["project_id", "namespace_id"]),
  },
  spiffe: {
    types: ["jwt", "jose"],
    claimNames: SPIFFE_CLAIMS,
    idClaims: [],
    maxLifeSeconds: HOUR_SECONDS,
    read: readSpiffe,
  },
  oidc: {
    types: ["jwt", "at+jwt"],
    claimNames: "any",
    idClaims: [],
    maxLifeSeconds: HOUR_SECONDS,
    read: ({ sub, members }) => ({ subjects: [sub], claims: textsIn(members, Object.keys(members)) }),
  },
};

/** A projected service account token: its subject and its `kubernetes.io` member say the same. */
function readKubernetes({ sub, iat, members }: ForeignClaims): WorkloadFacts | undefined {
  const details = objectIn(members, "kubernetes.io");
  const claims = textsIn(
    {
      namespace: details["namespace"],
      ...namedIn(details, "serviceaccount"),
      ...namedIn(details, "pod"),
      node: objectIn(details, "node")["name"],
    },
    KUBERNETES_CLAIMS,
  );
  const { namespace, serviceaccount } = claims;
  const isOwn = sub === `system:serviceaccount:${String(namespace)}:${String(serviceaccount)}`;
  const isWhole = isName(namespace) && isName(serviceaccount) && iat !== undefined;
  return isOwn && isWhole ? { subjects: [sub], claims } : undefined;
}

function namedIn(details: Readonly<Record<string, unknown>>, kind: string): Record<string, unknown> {
  const { name, uid } = objectIn(details, kind);
  return { [kind]: name, [`${kind}_uid`]: uid };
}

/** A name of Kubernetes (RFC 1123): without `:`, so that a subject can be read in one way only. */
function isName(value: unknown): boolean {
  return typeof value === "string" && /^[a-z0-9.-]{1,253}$/.test(value);
}

const GITHUB_REPOSITORY = /^repo:([^/@:]+)(?:@([0-9]+))?\/([^/@:]+)(?:@([0-9]+))?(:.*)$/;

/** A workflow token. GitHub writes its subject with names, or with names and ids: a rule may use either. */
function readGithub(claims: ForeignClaims): WorkloadFacts | undefined {
  const facts = withRequired(claims, GITHUB_CLAIMS, [
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
  ]);
  const parts = GITHUB_REPOSITORY.exec(claims.sub);
  if (facts === undefined || parts === null) return facts;
  const { repository_id: repositoryId, repository_owner_id: ownerId } = facts.claims;
  const [, owner = "", writtenOwnerId, name = "", writtenId, rest = ""] = parts;
  const isConsistent =
    (writtenOwnerId ?? ownerId) === ownerId && (writtenId ?? repositoryId) === repositoryId;
  if (!isConsistent) return undefined;
  const spellings = [
    claims.sub,
    `repo:${owner}/${name}${rest}`,
    `repo:${owner}@${String(ownerId)}/${name}@${String(repositoryId)}${rest}`,
  ];
  return { ...facts, subjects: [...new Set(spellings)] };
}

/** A JWT-SVID. */
function readSpiffe({ sub }: ForeignClaims): WorkloadFacts | undefined {
  const claims = spiffeClaims(sub);
  return claims && { subjects: [sub], claims };
}

function withRequired(
  { sub, members }: ForeignClaims,
  names: readonly string[],
  required: readonly string[],
): WorkloadFacts | undefined {
  const claims = textsIn(members, names);
  const isComplete = required.every((name) => typeof claims[name] === "string" && claims[name] !== "");
  return isComplete ? { subjects: [sub], claims } : undefined;
}

/** Members that say who, when and for whom are checked apart. */
const REGISTERED = new Set(["iss", "aud", "exp", "nbf", "iat", "jti"]);

function textsIn(members: Readonly<Record<string, unknown>>, names: readonly string[]): ClaimValues {
  const values = names.flatMap((name): [string, string | readonly string[]][] => {
    const value = REGISTERED.has(name) || !Object.hasOwn(members, name) ? undefined : textOf(members[name]);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(values);
}

/** A whole number as its digits; a number that a double does not hold exactly is no value. */
function textOf(value: unknown): string | readonly string[] | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined;
}

/** The object that is a member of another; empty when there is none. */
function objectIn(members: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  const value = Object.hasOwn(members, name) ? members[name] : undefined;
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
