import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REJECTION_REASONS } from "../../service/src/policy/decide.ts";
import { type ForeignSigner, foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import {
  type AccessFolder,
  accessFolder,
  bearer,
  ISSUER,
  linesOf,
  type OwnSecret,
  ownSecret,
  reload,
} from "../support/access.ts";
import { ask, postTokens, type WireResponse } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService, withService } from "../support/service-process.ts";

// What a rejected caller learns, and what the operator learns of the same request.

const GITHUB = "https://token.actions.githubusercontent.com";
let secrets: Readonly<Record<"app" | "poor", OwnSecret>>;
let github: ForeignSigner;
let folder: AccessFolder;
let service: RunningService;

const documentOf = (members: object = {}) => ({
  version: 1,
  issuers: { github: { preset: "github", issuer: GITHUB, keys: { jwks_file: "github.jwks.json" } } },
  callers: {
    app: { proofs: [{ secret: secrets.app.line }] },
    poor: { proofs: [{ secret: secrets.poor.line }] },
    deploy: {
      proofs: [
        {
          workload: {
            issuer: "github",
            subject: "repo:octo/app:environment:prod%3Aeu",
            claims: { repository_id: ["74"] },
          },
        },
      ],
    },
    "by-id": {
      proofs: [
        { workload: { issuer: "github", claims: { repository_id: ["80"], ref: ["refs/heads/main"] } } },
      ],
    },
  },
  grants: [
    {
      name: "planners",
      callers: ["app", "deploy", "by-id"],
      senders: ["agent://planner/*"],
      scopes: { can_start_sessions: true },
      max_ttl_seconds: 60,
    },
    { name: "claimed", callers: ["app"], senders: ["agent://claimed"], scopes: {}, claims: { ref: ["x"] } },
    { name: "rsa", callers: ["app"], senders: ["agent://rsa"], scopes: {}, algorithms: ["RS256"] },
  ],
  denies: [{ name: "no-root", senders: ["agent://planner/root"] }],
  ...members,
});
const ADMIN = { MACP_AUTH_ADMIN_PORT: "0", HOST: "127.0.0.1" };

beforeAll(async () => {
  secrets = { app: ownSecret(), poor: ownSecret() };
  github = await foreignSigner("github-1");
  folder = await accessFolder("");
  await folder.file("github.jwks.json", JSON.stringify({ keys: [github.publicJwk] }));
  await folder.put(documentOf());
  service = await startService({ ...folder.env, ...ADMIN, MACP_AUTH_SIGNING_ALG: "ES256" });
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await folder.remove();
});

const mint = (body: object, credential: string) => postTokens(service.port, body, bearer(credential));

/** All that an answer says, without what differs between any two. */
function said({ status, headers, text }: WireResponse): object {
  const shown = [...headers].filter(([name]) => name !== "date" && name !== "x-request-id");
  return { status, headers: Object.fromEntries(shown), text };
}

async function policyInForce(running: RunningService): Promise<string> {
  const port = Number((await running.event("admin_listening"))["port"]);
  const { text } = await ask(port, { path: "/readyz" });
  return (JSON.parse(text) as { access: { policy: string } }).access.policy;
}

const planner = { sender: "agent://planner/1" };
const BY_POLICY: readonly (readonly [decision: string, rule: string | undefined, body: object])[] = [
  ["denied", "no-root", { sender: "agent://planner/root" }],
  ["no_grant", undefined, planner],
  ["sender_not_granted", "planners", { sender: "agent://other" }],
  ["claims_not_met", "claimed", { sender: "agent://claimed" }],
  ["audience_not_granted", "planners", { ...planner, audience: "other-runtime" }],
  ["algorithm_not_granted", "rsa", { sender: "agent://rsa" }],
  ["scopes_exceeded", "planners", { ...planner, scopes: { is_observer: true } }],
  ["unknown_scope", "planners", { ...planner, scopes: { tenant: "x" } }],
  ["ttl_exceeded", "planners", { ...planner, ttl_seconds: 61 }],
];

describe("a token that the policy does not allow", () => {
  test("is rejected for every reason by the same answer, and the log has the request id, the reason, the rule and the policy", async () => {
    const policy = (await policyInForce(service)).slice(0, 16);
    const answers = [];
    for (const [decision, rule, body] of BY_POLICY) {
      const answer = await mint(body, (decision === "no_grant" ? secrets.poor : secrets.app).secret);
      answers.push(said(answer));
      const line = await service.event(
        "mint_refused",
        ({ request_id }) => request_id === answer.headers.get("x-request-id"),
      );
      expect([decision, line["decision"], line["rule"], line["policy"]]).toEqual([
        decision,
        decision,
        rule,
        policy,
      ]);
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({
      status: 403,
      text: '{"error":"the policy does not allow this token"}',
    });
  });

  test("has no other reason but unreadable scopes, which are invalid in any request", async () => {
    const seen = BY_POLICY.map(([decision]) => decision);
    expect([...seen, "scopes_unreadable"].toSorted()).toEqual([...REJECTION_REASONS].toSorted());
    expect((await mint({ ...planner, scopes: { is_observer: "yes" } }, secrets.app.secret)).status).toBe(400);
  });
});

test("the line of each decision names the policy that decided, also of a token that is too large, and after a reload the new one", async () => {
  const before = (await policyInForce(service)).slice(0, 16);
  expect((await mint(planner, secrets.app.secret)).status).toBe(200);
  expect(await service.event("token_minted")).toMatchObject({ grant: "planners", policy: before });
  const long = await mint({ sender: `agent://planner/${"x".repeat(12_000)}` }, secrets.app.secret);
  expect(long.status).toBe(400);
  expect(await service.event("mint_refused", ({ reason }) => reason === "token_too_large")).toMatchObject({
    policy: before,
  });

  await folder.put(documentOf({ denies: [] }));
  await reload(service);
  const after = (await policyInForce(service)).slice(0, 16);
  expect(after).not.toBe(before);
  await mint({ sender: "agent://planner/root" }, secrets.app.secret);
  await mint({ sender: "agent://nobody" }, secrets.app.secret);
  await service.event("token_minted", ({ policy }) => policy === after);
  await service.event("mint_refused", ({ policy }) => policy === after);
  await folder.put(documentOf());
  await reload(service);
  expect((await policyInForce(service)).slice(0, 16)).toBe(before);
});

test("while callers are observed, the line of a token that would be rejected names the policy, the reason and the rule", async () => {
  await withService({ ...folder.env, ...ADMIN, MACP_AUTH_CALLER_AUTH: "observe" }, async (observing) => {
    const policy = (await policyInForce(observing)).slice(0, 16);
    const answer = await postTokens(observing.port, { sender: "agent://other" }, bearer(secrets.app.secret));
    expect(answer.status).toBe(200);
    expect(await observing.event("token_minted")).toMatchObject({
      caller: "app",
      would_reject: "sender_not_granted",
      rule: "planners",
      policy,
    });
  });
});

describe("a CI token", () => {
  const job = (claims: object = {}) => {
    const now = Math.floor(Date.now() / 1_000);
    return foreignToken(github, {
      iss: GITHUB,
      aud: ISSUER,
      iat: now,
      exp: now + 300,
      sub: "repo:octo/app:environment:prod%3Aeu",
      repository: "octo/app",
      repository_id: "74",
      repository_owner: "octo",
      repository_owner_id: "65",
      ref: "refs/heads/main",
      ...claims,
    });
  };

  test("proves the caller of its repository with names and with ids in its subject", async () => {
    const before = service.events("token_minted").length;
    for (const sub of ["repo:octo/app:environment:prod%3Aeu", "repo:octo@65/app@74:environment:prod%3Aeu"]) {
      const answer = await mint(planner, await job({ sub }));
      expect([sub, answer.status]).toEqual([sub, 200]);
    }
    const lines = (await linesOf(service, "token_minted", before + 2)).slice(before);
    expect(lines.map(({ caller }) => caller)).toEqual(["deploy", "deploy"]);
  });

  test("stays that of its caller when its repository is renamed or gets another owner, where the rule asks for ids", async () => {
    const before = service.events("token_minted").length;
    for (const sub of ["repo:octo/app", "repo:hepta/renamed", "repo:hepta@66/renamed@80"]) {
      const [, repository_owner = "", name = ""] = /^repo:(\w+)[@0-9]*\/(\w+)/.exec(sub) ?? [];
      const repository_owner_id = repository_owner === "octo" ? "65" : "66";
      const answer = await mint(
        planner,
        await job({
          sub: `${sub}:ref:refs/heads/main`,
          repository: `${repository_owner}/${name}`,
          repository_id: "80",
          repository_owner,
          repository_owner_id,
        }),
      );
      expect([sub, answer.status]).toEqual([sub, 200]);
    }
    const lines = (await linesOf(service, "token_minted", before + 3)).slice(before);
    expect(lines.map(({ caller }) => caller)).toEqual(["by-id", "by-id", "by-id"]);
  });

  test("of another repository that got the name proves nobody", async () => {
    for (const claims of [
      { repository_id: "75" },
      { repository_id: "75", sub: "repo:octo@65/app@75:environment:prod%3Aeu" },
      { sub: "repo:octo/app:environment:prod:eu" },
    ]) {
      const answer = await mint(planner, await job(claims));
      expect([claims, answer.status]).toEqual([claims, 401]);
    }
  });

  test("with a subject that no rule has is answered as any stranger, and the log has the subject and the request id", async () => {
    const sub = "repo:octo/renamed:environment:prod%3Aeu";
    const stranger = await postTokens(service.port, planner);
    const answer = await mint(planner, await job({ sub, repository: "octo/renamed" }));
    expect(said(answer)).toEqual(said(stranger));
    expect(JSON.stringify([...answer.headers, answer.text])).not.toContain("octo");
    const line = await service.event(
      "caller_rejected",
      ({ request_id }) => request_id === answer.headers.get("x-request-id"),
    );
    expect(line).toMatchObject({ reason: "subject_unmatched", issuer: "github", subject: sub });
  });
});
