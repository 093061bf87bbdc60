import { createHmac, randomUUID } from "node:crypto";
import type { Role } from "../../service/src/callers/caller.ts";
import { type ForeignSigner, foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  ISSUER,
  ownSecret,
  wrongSecretLike,
} from "../support/access.ts";

// Every kind of proof in every state that it may be in.

export const PROOFS = ["shared secret", "workload JWT", "private_key_jwt"] as const;
export const STATES = [
  "absent",
  "malformed",
  "wrong key",
  "expired",
  "not yet valid",
  "replayed",
  "other issuer",
  "other audience",
  "disabled caller",
  "right",
] as const;
export type Proof = (typeof PROOFS)[number];
export type State = (typeof STATES)[number];

/** What is sent in a state, with the reason that the log must give. */
type Sent = readonly [credential: string | undefined, reason: string];
/** The credentials of a state; none where the proof has no such state. `useUp` sends one where it is right. */
type Cell = (useUp: (credential: string) => Promise<void>) => Promise<readonly Sent[]>;

/** A service's callers, and what they and others send it. */
export interface ProofStates {
  readonly folder: AccessFolder;
  /** The caller of each proof that has a grant, and the role `security`. */
  readonly callers: Readonly<Record<Proof, string>>;
  readonly cells: Readonly<Record<Proof, Readonly<Record<State, Cell>>>>;
  /** A new right credential of a caller with this role, or without one. */
  right(proof: Proof, role: Role | "none"): Promise<string>;
}

const WORKLOAD_ISSUER = "https://issuer.example";
const CALLERS: Readonly<Record<Proof, string>> = {
  "shared secret": "by-secret",
  "workload JWT": "by-workload",
  private_key_jwt: "by-assertion",
};
const OTHER_ROLES = ["none", "viewer", "operator"] as const;

/** Declares callers by each proof: one with a grant and the highest role, one of each other role, one that is disabled and one whose end has come. */
export async function proofStates(): Promise<ProofStates> {
  const secrets = { right: ownSecret(), ended: ownSecret(), off: ownSecret() };
  const roleSecrets = {
    none: ownSecret(),
    viewer: ownSecret(),
    operator: ownSecret(),
    security: secrets.right,
  };
  const issuerKey = await foreignSigner("issuer-key");
  const clientKey = await foreignSigner("client-key");
  const stranger = await foreignSigner("client-key");
  const folder = await accessFolder("");
  await folder.file("issuer.jwks.json", JSON.stringify({ keys: [issuerKey.publicJwk] }));
  const issuer = (members: object) => ({
    preset: "oidc",
    keys: { jwks_file: "issuer.jwks.json" },
    ...members,
  });
  const workload = (subject: string) => ({ workload: { issuer: "ci", subject } });
  const assertions = { private_key_jwt: { jwks: { keys: [clientKey.publicJwk] } } };
  const others = OTHER_ROLES.flatMap((name) => {
    const role = name === "none" ? {} : { role: name };
    return [
      [`${name}-by-secret`, { ...role, proofs: [{ secret: roleSecrets[name].line }] }],
      [`${name}-by-workload`, { ...role, proofs: [workload(name)] }],
      [`${name}-by-assertion`, { ...role, proofs: [assertions] }],
    ];
  });
  const right = { role: "security" };
  const asks = { introspects: ["macp-runtime"], guards: true };
  const off = { ...right, disabled: true };
  await folder.put({
    version: 1,
    issuers: {
      ci: issuer({ issuer: WORKLOAD_ISSUER }),
      gone: issuer({ issuer: "https://gone.example", disabled: true }),
    },
    callers: {
      "by-secret": { ...right, ...asks, proofs: [{ secret: secrets.right.line }] },
      "by-workload": { ...right, ...asks, proofs: [workload("job")] },
      "by-assertion": { ...right, ...asks, proofs: [assertions] },
      "ended-by-secret": {
        expires: "2020-01-01",
        ...right,
        proofs: [{ secret: secrets.ended.line }],
      },
      "off-by-secret": { ...off, proofs: [{ secret: secrets.off.line }] },
      "off-by-workload": { ...off, proofs: [workload("off")] },
      "off-by-assertion": { ...off, proofs: [assertions] },
      ...(Object.fromEntries(others) as Readonly<Record<string, object>>),
    },
    grants: [
      {
        name: "all",
        callers: Object.values(CALLERS).concat(["off-by-secret", "off-by-workload", "off-by-assertion"]),
        senders: ["**"],
        scopes: ALL_SCOPES,
      },
    ],
  });

  const job = (claims: object = {}, signer = issuerKey, header = {}) =>
    foreignToken(
      signer,
      {
        iss: WORKLOAD_ISSUER,
        sub: "job",
        aud: ISSUER,
        iat: now(),
        exp: now() + 600,
        jti: randomUUID(),
        ...claims,
      },
      header,
    );
  const assertion = (claims: object = {}, signer = clientKey, header = {}) =>
    foreignToken(
      signer,
      {
        iss: "by-assertion",
        sub: "by-assertion",
        aud: ISSUER,
        iat: now(),
        exp: now() + 120,
        jti: randomUUID(),
        ...claims,
      },
      header,
    );
  const NOT_A_STATE: Cell = () => Promise.resolve([]);
  const rights: Readonly<Record<Proof, (role: Role | "none") => Promise<string>>> = {
    "shared secret": async (role) => roleSecrets[role].secret,
    "workload JWT": (role) => job(role === "security" ? {} : { sub: role }),
    private_key_jwt: (role) => {
      const id = role === "security" ? "by-assertion" : `${role}-by-assertion`;
      return assertion({ iss: id, sub: id });
    },
  };
  const cells: ProofStates["cells"] = {
    "shared secret": {
      absent: async () => [[undefined, "credential_missing"]],
      malformed: async () => [
        [`${secrets.right.secret.slice(0, -1)}1`, "credential_malformed"],
        [secrets.right.secret.slice(0, -1), "credential_malformed"],
        [secrets.right.secret.toUpperCase(), "credential_unknown"],
        [secrets.right.line, "credential_unknown"],
      ],
      "wrong key": async () => [[wrongSecretLike(secrets.right), "credential_unknown"]],
      expired: async () => [[secrets.ended.secret, "caller_expired"]],
      // A shared secret has no start, is meant to be sent again, and names no audience.
      "not yet valid": NOT_A_STATE,
      replayed: NOT_A_STATE,
      "other issuer": async () => [[ownSecret().secret, "credential_unknown"]],
      "other audience": NOT_A_STATE,
      "disabled caller": async () => [[secrets.off.secret, "caller_disabled"]],
      right: async () => [[secrets.right.secret, ""]],
    },
    "workload JWT": {
      absent: async () => [[undefined, "credential_missing"]],
      malformed: async () => malformedOf(await job(), issuerKey),
      "wrong key": async () => [
        [await job({}, { ...stranger, kid: issuerKey.kid }), "signature_invalid"],
        [await job({}, stranger), "key_unknown"],
        [await job({}, stranger, { jwk: stranger.publicJwk, kid: issuerKey.kid }), "credential_malformed"],
        [
          await job({}, stranger, { jku: "https://127.0.0.1:1/keys", kid: issuerKey.kid }),
          "credential_malformed",
        ],
      ],
      expired: async () => [
        [await job({ iat: now() - 700, exp: now() - 60 }), "token_expired"],
        [await job({ exp: undefined }), "expiry_missing"],
        [await job({ exp: now() + 90_000 }), "token_too_long"],
      ],
      "not yet valid": async () => [
        [await job({ nbf: now() + 90 }), "token_not_yet_valid"],
        [await job({ iat: now() + 90, exp: now() + 600 }), "token_not_yet_valid"],
      ],
      // A workload sends its token for each mint until it ends.
      replayed: NOT_A_STATE,
      "other issuer": async () => [
        [await job({ iss: "https://other.example" }), "issuer_unknown"],
        [await job({ iss: `${WORKLOAD_ISSUER}/` }), "issuer_unknown"],
        [await job({ iss: "https://gone.example" }), "issuer_disabled"],
        [await job({ iss: ISSUER }), "own_token"],
      ],
      "other audience": async () => [
        [await job({ aud: "https://other.example" }), "audience_mismatch"],
        [await job({ aud: [ISSUER, "https://other.example"] }), "audience_mismatch"],
        [await job({ aud: undefined }), "audience_mismatch"],
        [await job({ aud: [] }), "audience_mismatch"],
      ],
      "disabled caller": async () => [[await job({ sub: "off" }), "caller_disabled"]],
      right: async () => [[await job(), ""]],
    },
    private_key_jwt: {
      absent: async () => [[undefined, "credential_missing"]],
      malformed: async () => [
        ...malformedOf(await assertion(), clientKey),
        [await assertion({ jti: undefined }), "assertion_id_missing"],
        [await assertion({}, clientKey, { typ: "at+jwt" }), "token_type_not_allowed"],
      ],
      "wrong key": async () => [
        [await assertion({}, stranger), "signature_invalid"],
        [await assertion({}, issuerKey), "key_unknown"],
        [await assertion({}, stranger, { jwk: stranger.publicJwk }), "credential_malformed"],
      ],
      expired: async () => [
        [await assertion({ iat: now() - 200, exp: now() - 60 }), "token_expired"],
        [await assertion({ exp: now() + 400 }), "token_too_long"],
        [await assertion({ exp: undefined }), "expiry_missing"],
      ],
      "not yet valid": async () => [[await assertion({ nbf: now() + 90 }), "token_not_yet_valid"]],
      replayed: async (useUp) => {
        const token = await assertion();
        await useUp(token);
        return [
          [token, "assertion_replayed"],
          [token, "assertion_replayed"],
        ];
      },
      "other issuer": async () => [
        [await assertion({ iss: "by-workload", sub: "by-workload" }), "issuer_unknown"],
        [await assertion({ iss: "by-secret" }), "issuer_unknown"],
        [await assertion({ sub: "by-secret" }), "issuer_unknown"],
        [await assertion({ iss: undefined }), "issuer_unknown"],
      ],
      "other audience": async () => [
        [await assertion({ aud: "https://other.example" }), "audience_mismatch"],
        [await assertion({ aud: [ISSUER, "https://other.example"] }), "audience_mismatch"],
        [await assertion({ aud: `${ISSUER}/tokens` }), "audience_mismatch"],
        [await assertion({ aud: undefined }), "audience_mismatch"],
      ],
      "disabled caller": async () => [
        [await assertion({ iss: "off-by-assertion", sub: "off-by-assertion" }), "caller_disabled"],
      ],
      right: async () => [[await assertion(), ""]],
    },
  };

  return { folder, callers: CALLERS, cells, right: (proof, role) => rights[proof](role) };
}

const now = () => Math.floor(Date.now() / 1_000);

/** What no verifier may accept, made of a right token. */
function malformedOf(token: string, { publicJwk }: ForeignSigner): readonly (readonly [string, string])[] {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const read = JSON.parse(Buffer.from(header, "base64url").toString()) as object;
  const signed = (head: object) => `${encoded(head)}.${payload}`;
  const hs256 = signed({ ...read, alg: "HS256" });
  const mac = createHmac("sha256", JSON.stringify(publicJwk)).update(hs256).digest("base64url");
  return [
    [`${header}.${payload}`, "credential_unknown"],
    [`${header}.${payload}.`, "credential_malformed"],
    [`${token}.${signature}`, "credential_unknown"],
    [`${header}.${payload}=.${signature}`, "credential_unknown"],
    [`${header}.${encoded({ sub: 1 })}.${signature}`, "credential_malformed"],
    [`${signed({ ...read, crit: ["exp"], exp: 1 })}.${signature}`, "credential_malformed"],
    [`${signed({ ...read, alg: "none" })}.${signature}`, "algorithm_not_allowed"],
    [`${hs256}.${mac}`, "algorithm_not_allowed"],
  ];
}
