import { createHmac, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PUBLIC_ROUTES } from "../../service/src/http/public-server.ts";
import { type ForeignSigner, foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  answerText,
  ISSUER,
  linesOf,
  type OwnSecret,
  ownSecret,
  requestText,
  wrongSecretLike,
} from "../support/access.ts";
import { postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";

// Every proof in every state, at every endpoint.

const PROOFS = ["shared secret", "workload JWT", "private_key_jwt"] as const;
const STATES = [
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
type Proof = (typeof PROOFS)[number];
type State = (typeof STATES)[number];

/** The credentials of a cell, each with the reason that the log must give; none where the proof has no such state. */
type Cell = () => Promise<readonly (readonly [credential: string | undefined, reason: string])[]>;

const WORKLOAD_ISSUER = "https://issuer.example";
const CALLERS: Readonly<Record<Proof, string>> = {
  "shared secret": "by-secret",
  "workload JWT": "by-workload",
  private_key_jwt: "by-assertion",
};

let secrets: Readonly<Record<"right" | "ended" | "off", OwnSecret>>;
let issuerKey: ForeignSigner;
let clientKey: ForeignSigner;
let stranger: ForeignSigner;
let folder: AccessFolder;
let service: RunningService;

beforeAll(async () => {
  secrets = { right: ownSecret(), ended: ownSecret(), off: ownSecret() };
  [issuerKey, clientKey, stranger] = [
    await foreignSigner("issuer-key"),
    await foreignSigner("client-key"),
    await foreignSigner("client-key"),
  ];
  const jwks = { keys: [clientKey.publicJwk] };
  const workload = (subject: string) => ({ workload: { issuer: "ci", subject } });
  folder = await accessFolder("");
  await folder.file("issuer.jwks.json", JSON.stringify({ keys: [issuerKey.publicJwk] }));
  await folder.put({
    version: 1,
    issuers: {
      ci: { preset: "oidc", issuer: WORKLOAD_ISSUER, keys: { jwks_file: "issuer.jwks.json" } },
      gone: {
        preset: "oidc",
        issuer: "https://gone.example",
        disabled: true,
        keys: { jwks_file: "issuer.jwks.json" },
      },
    },
    callers: {
      "by-secret": { proofs: [{ secret: secrets.right.line }] },
      "by-workload": { proofs: [workload("job")] },
      "by-assertion": { proofs: [{ private_key_jwt: { jwks } }] },
      "ended-by-secret": { expires: "2020-01-01", proofs: [{ secret: secrets.ended.line }] },
      "off-by-secret": { disabled: true, proofs: [{ secret: secrets.off.line }] },
      "off-by-workload": { disabled: true, proofs: [workload("off")] },
      "off-by-assertion": { disabled: true, proofs: [{ private_key_jwt: { jwks } }] },
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
  service = await startService(folder.env);
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await folder.remove();
});

const now = () => Math.floor(Date.now() / 1_000);
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

const NOT_A_STATE: Cell = () => Promise.resolve([]);
const CELLS: Readonly<Record<Proof, Readonly<Record<State, Cell>>>> = {
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
    replayed: async () => {
      const token = await assertion();
      const first = await postTokens(service.port, { sender: "a" }, { authorization: `Bearer ${token}` });
      expect(first.status).toBe(200);
      const jti = (JSON.parse(first.text) as { token_id: string }).token_id;
      await service.event("token_minted", (line) => line["jti"] === jti);
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

const BODY = JSON.stringify({ sender: "agent://planner", scopes: {} });
const ENDPOINTS = PUBLIC_ROUTES.map(({ method, path, access }) => ({
  name: `${method} ${path}`,
  asksForCaller: access === "caller",
  send: (credential: string | undefined) =>
    answerText(
      service.port,
      requestText(
        `${method} ${path}`,
        credential === undefined ? [] : [`authorization: Bearer ${credential}`],
        method === "POST" ? BODY : undefined,
      ),
    ),
}));
let rejections = 0;

test("the matrix has every endpoint of the public listener, of which one asks for a caller", () => {
  expect(ENDPOINTS.map(({ name, asksForCaller }) => [name, asksForCaller])).toEqual([
    ["POST /tokens", true],
    ["GET /.well-known/jwks.json", false],
    ["GET /healthz", false],
  ]);
});

describe.each(PROOFS)("by %s", (proof) => {
  test.each(STATES)("%s", async (state) => {
    const cell = await CELLS[proof][state]();
    const minted = service.events("token_minted").length;
    const before = rejections;
    for (const { name, asksForCaller, send } of ENDPOINTS) {
      const anybodys = await send(undefined);
      if (asksForCaller) rejections += 1;
      for (const [credential, reason] of cell) {
        const answer = await send(credential);
        const isAdmitted = state === "right" || !asksForCaller;
        expect([name, reason, answer.slice(9, 12)]).toEqual([name, reason, isAdmitted ? "200" : "401"]);
        // An endpoint that asks for no caller does not look at credentials either.
        if (state !== "right" || !asksForCaller) expect(answer).toBe(anybodys);
        if (!isAdmitted) rejections += 1;
      }
    }
    const reasons = (await linesOf(service, "caller_rejected", rejections)).slice(before);
    expect(reasons.map(({ reason }) => reason)).toEqual([
      "credential_missing",
      ...(state === "right" ? [] : cell.map(([, reason]) => reason)),
    ]);
    const lines = (await linesOf(service, "token_minted", minted + (state === "right" ? 1 : 0))).slice(
      minted,
    );
    expect(lines.map(({ caller, grant }) => [caller, grant])).toEqual(
      state === "right" ? [[CALLERS[proof], "all"]] : [],
    );
  });
});
