import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ForeignSigner, foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  bearer,
  ISSUER,
  linesOf,
  type OwnSecret,
  ownSecret,
  reload,
} from "../support/access.ts";
import { postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";

// What is withdrawn ends at the next request, whatever was accepted before.

const CI = "https://ci.example";
const AGENT = "agent://planner/1";
let secret: OwnSecret;
let issuerKey: ForeignSigner;
let clientKey: ForeignSigner;
let folder: AccessFolder;
let service: RunningService;

const PROOFS = ["a shared secret", "a workload JWT", "private_key_jwt"] as const;
type Proof = (typeof PROOFS)[number];
const IDS: Readonly<Record<Proof, string>> = {
  "a shared secret": "by-secret",
  "a workload JWT": "by-workload",
  private_key_jwt: "by-assertion",
};

/** What a document may withdraw. */
interface Withdrawn {
  readonly caller?: object;
  readonly issuer?: object;
  readonly denies?: readonly object[];
  readonly grants?: readonly object[];
}
const documentOf = ({ caller = {}, issuer = {}, ...rules }: Withdrawn = {}) => ({
  version: 1,
  issuers: { ci: { preset: "oidc", issuer: CI, keys: { jwks_file: "ci.jwks.json" }, ...issuer } },
  callers: {
    "by-secret": { proofs: [{ secret: secret.line }], ...caller },
    "by-workload": { proofs: [{ workload: { issuer: "ci", subject: "job" } }], ...caller },
    "by-assertion": { proofs: [{ private_key_jwt: { jwks: { keys: [clientKey.publicJwk] } } }], ...caller },
  },
  grants: [{ name: "all", callers: Object.values(IDS), senders: ["agent://planner/*"], scopes: ALL_SCOPES }],
  ...rules,
});

beforeAll(async () => {
  secret = ownSecret();
  [issuerKey, clientKey] = [await foreignSigner("ci-1"), await foreignSigner("client-1")];
  workloadToken = await foreignToken(issuerKey, {
    iss: CI,
    sub: "job",
    aud: ISSUER,
    iat: now(),
    exp: now() + 900,
  });
  folder = await accessFolder("");
  await folder.file("ci.jwks.json", JSON.stringify({ keys: [issuerKey.publicJwk] }));
  await folder.put(documentOf());
  service = await startService(folder.env);
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await folder.remove();
});

const now = () => Math.floor(Date.now() / 1_000);
/** One for all requests, so that the service remembers it. */
let workloadToken: string;
const CREDENTIALS: Readonly<Record<Proof, () => Promise<string>>> = {
  "a shared secret": () => Promise.resolve(secret.secret),
  "a workload JWT": () => Promise.resolve(workloadToken),
  private_key_jwt: () =>
    foreignToken(clientKey, {
      iss: "by-assertion",
      sub: "by-assertion",
      aud: ISSUER,
      jti: randomUUID(),
      exp: now() + 120,
    }),
};
const statusBy = async (proof: Proof) =>
  (await postTokens(service.port, { sender: AGENT }, bearer(await CREDENTIALS[proof]()))).status;

async function inForce(document: object): Promise<void> {
  await folder.put(document);
  await reload(service);
}

/** The reason in the line of the next rejection. */
async function reasonAfter(event: string, count: number, member: string): Promise<unknown> {
  return (await linesOf(service, event, count + 1)).at(-1)?.[member];
}

test.each(PROOFS)(
  "a caller that is disabled mints nothing from then on by %s, and again when it is back",
  async (proof) => {
    expect(await statusBy(proof)).toBe(200);
    await inForce(documentOf({ caller: { disabled: true } }));
    const before = service.events("caller_rejected").length;
    expect(await statusBy(proof)).toBe(401);
    expect(await reasonAfter("caller_rejected", before, "reason")).toBe("caller_disabled");
    await inForce(documentOf());
    expect(await statusBy(proof)).toBe(200);
  },
);

test.each(PROOFS)("a caller whose end has come mints nothing from then on by %s", async (proof) => {
  expect(await statusBy(proof)).toBe(200);
  await inForce(documentOf({ caller: { expires: "2020-01-01" } }));
  const before = service.events("caller_rejected").length;
  expect(await statusBy(proof)).toBe(401);
  expect(await reasonAfter("caller_rejected", before, "reason")).toBe("caller_expired");
  await inForce(documentOf());
});

test.each(PROOFS)("an agent that is denied gets no token from then on by %s", async (proof) => {
  expect(await statusBy(proof)).toBe(200);
  await inForce(documentOf({ denies: [{ name: "gone", senders: [AGENT] }] }));
  const before = service.events("mint_refused").length;
  expect(await statusBy(proof)).toBe(403);
  expect(await reasonAfter("mint_refused", before, "decision")).toBe("denied");
  await inForce(documentOf());
});

test.each(PROOFS)("a grant that is removed gives nothing from then on by %s", async (proof) => {
  expect(await statusBy(proof)).toBe(200);
  await inForce(documentOf({ grants: [] }));
  expect(await statusBy(proof)).toBe(403);
  await inForce(documentOf());
});

test("an issuer that is disabled proves nobody from then on, by a token that was accepted before", async () => {
  expect(await statusBy("a workload JWT")).toBe(200);
  await inForce(documentOf({ issuer: { disabled: true } }));
  const before = service.events("caller_rejected").length;
  expect(await statusBy("a workload JWT")).toBe(401);
  expect(await reasonAfter("caller_rejected", before, "reason")).toBe("issuer_disabled");
  expect(await statusBy("a shared secret")).toBe(200);
  await inForce(documentOf());
});

test("a token that expires proves nobody from then on, without a reload and although it was accepted before", async () => {
  // 30 s of difference between clocks are allowed: this one ends two seconds from now.
  const end = now() - 28;
  const token = await foreignToken(issuerKey, { iss: CI, sub: "job", aud: ISSUER, iat: end - 60, exp: end });
  const status = async () => (await postTokens(service.port, { sender: AGENT }, bearer(token))).status;
  expect(await status()).toBe(200);
  await expect.poll(status, { timeout: 10_000 }).toBe(401);
});

test("a token of this service renews nothing: it mints no other one, for its own agent or another", async () => {
  const minted = await postTokens(service.port, { sender: AGENT }, bearer(secret.secret));
  const { token } = JSON.parse(minted.text) as { token: string };
  const before = service.events("caller_rejected").length;
  for (const sender of [AGENT, "agent://planner/2"])
    expect((await postTokens(service.port, { sender }, bearer(token))).status).toBe(401);
  expect(await reasonAfter("caller_rejected", before + 1, "reason")).toBe("own_token");
});
