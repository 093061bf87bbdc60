import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  answerText,
  bearer,
  linesOf,
  ownSecret,
  reload,
  requestText,
  wrongSecretLike,
} from "../support/access.ts";
import { macpAuth } from "../support/operator.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService, withService } from "../support/service-process.ts";
import { payloadText, refusalOf } from "../support/token-check.ts";

const SECRET = randomBytes(32).toString("base64url");
const BODY = JSON.stringify({ sender: "agent://planner", scopes: {} });
const post = (...headers: readonly string[]) => requestText("POST /tokens", headers, BODY);
const withSecret = (secret: string, scheme = "Bearer") => post(`authorization: ${scheme} ${secret}`);

describe("a service with nothing but a shared secret", () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await startService({ MACP_AUTH_SHARED_SECRET: SECRET });
  }, BOOT_MS_MAX);
  afterAll(() => service.stop("SIGKILL"));

  test("mints for its caller what it mints for anyone without one, with the scopes as they were sent", async () => {
    const scopes = { can_start_sessions: true, allowed_modes: null, other: [1] };
    for (const sender of ["agent://planner", "x", "智能体"]) {
      const answer = await postTokens(service.port, { sender, scopes, ttl_seconds: 60 }, bearer(SECRET));
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
      const claims = JSON.parse(payloadText((JSON.parse(answer.text) as { token: string }).token)) as object;
      expect(claims).toMatchObject({ sub: sender, macp_scopes: scopes });
    }
    expect((await service.event("token_minted"))["caller"]).toBe("default");
  });

  test("rejects every request without it by the same bytes", async () => {
    const rejected = await answerText(service.port, post());
    expect(rejected).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(rejected).toMatch(/\r\nwww-authenticate: Bearer\r\n/i);
    expect(rejected).toMatch(/\r\n\r\n\{"error":"a valid credential is required"\}$/);
    const others = [
      withSecret(`${SECRET.slice(0, -1)}${SECRET.endsWith("A") ? "B" : "A"}`),
      withSecret(SECRET.slice(0, -1)),
      withSecret(`${SECRET}A`),
      withSecret(SECRET.toLowerCase()),
      withSecret(`${SECRET} ${SECRET}`),
      withSecret(`"${SECRET}"`),
      withSecret(ownSecret().secret),
      withSecret("macps_"),
      withSecret("e30.e30."),
      withSecret("e30.e30.e30"),
      withSecret("x".repeat(12_000)),
      withSecret(SECRET, "Basic"),
      withSecret(SECRET, "Bearerx"),
      withSecret(SECRET, ""),
      post(`authorization: Bearer\t${SECRET}`),
      post("authorization: Bearer"),
      post("authorization: Bearer "),
      post("authorization:"),
      post(`x-authorization: Bearer ${SECRET}`),
      post(`proxy-authorization: Bearer ${SECRET}`),
      post(`cookie: authorization=${SECRET}`),
      requestText(`POST /tokens?access_token=${SECRET}`, [], BODY),
      requestText("POST /tokens", [], JSON.stringify({ sender: "a", access_token: SECRET })),
    ];
    for (const request of others) expect(await answerText(service.port, request)).toBe(rejected);
    expect(await linesOf(service, "caller_rejected", others.length + 1)).toHaveLength(others.length + 1);
  });

  test("asks for it before it reads the body", async () => {
    const rejected = await answerText(service.port, post());
    for (const body of ["{", "[]", "{}", `{"sender":${"[".repeat(40)}`])
      expect(await answerText(service.port, requestText("POST /tokens", [], body))).toBe(rejected);
  });

  test.each(["Bearer", "bearer", "BEARER", "bEaReR"])("knows the scheme as %s", async (scheme) => {
    expect(await answerText(service.port, withSecret(SECRET, scheme))).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("rejects two credentials as a mistake of the client, also when both are right", async () => {
    const header = `authorization: Bearer ${SECRET}`;
    expect(await answerText(service.port, post(header, header))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await answerText(service.port, post(header, "Authorization: Basic x"))).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    for (const second of [{ client_secret: "s" }, { client_assertion: "a" }])
      refusalOf(await postTokens(service.port, { sender: "a", ...second }, bearer(SECRET)), 400);
    const other = await postTokens(service.port, { sender: "a", client_id: "other" }, bearer(SECRET));
    expect(refusalOf(other, 401)).toBe("a valid credential is required");
    const own = await postTokens(service.port, { sender: "a", client_id: "default" }, bearer(SECRET));
    expect(own.status).toBe(200);
  });

  test("serves its keys and its health to anyone", async () => {
    for (const path of ["/.well-known/jwks.json", "/healthz"])
      expect((await ask(service.port, { path })).status).toBe(200);
  });

  test("writes neither the secret nor what a stranger sent as one", async () => {
    const sent = `wrong-${randomBytes(16).toString("hex")}`;
    await postTokens(service.port, { sender: "a" }, bearer(sent));
    await service.event("caller_rejected", ({ reason }) => reason === "credential_unknown");
    expect(service.output()).not.toContain(SECRET);
    expect(service.output()).not.toContain(sent);
  });
});

test("the shared secret may be in a file, whose line end does not count", async () => {
  const folder = await accessFolder("");
  const path = await folder.file("secret", `${SECRET}\n`);
  await withService({ MACP_AUTH_SHARED_SECRET_FILE: path }, async ({ port }) => {
    expect(await answerText(port, withSecret(SECRET))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await answerText(port, post())).toMatch(/^HTTP\/1\.1 401 /);
  });
  await folder.remove();
});

describe("an access document with shared secrets", () => {
  const [first, second, off, ended] = [ownSecret(), ownSecret(), ownSecret(), ownSecret()];
  const grants = [{ name: "all", callers: ["planner", "off", "ended"], senders: ["**"], scopes: ALL_SCOPES }];
  const documentOf = (secrets: readonly string[], others: object = {}) => ({
    version: 1,
    callers: {
      planner: { proofs: secrets.map((secret) => ({ secret })) },
      off: { disabled: true, proofs: [{ secret: off.line }] },
      ended: { expires: "2020-01-01", proofs: [{ secret: ended.line }] },
      ...others,
    },
    grants,
  });
  let folder: AccessFolder;
  let service: RunningService;
  beforeAll(async () => {
    folder = await accessFolder(documentOf([first.line]));
    service = await startService(folder.env);
  }, BOOT_MS_MAX);
  afterAll(async () => {
    await service.stop("SIGKILL");
    await folder.remove();
  });
  const statusFor = async (secret: string) =>
    (await postTokens(service.port, { sender: "agent://planner" }, bearer(secret))).status;

  test("a secret is replaced without a moment in which the caller has none: old, old and new, new", async () => {
    expect([await statusFor(first.secret), await statusFor(second.secret)]).toEqual([200, 401]);
    await folder.put(documentOf([first.line, second.line]));
    await reload(service);
    expect([await statusFor(first.secret), await statusFor(second.secret)]).toEqual([200, 200]);
    await folder.put(documentOf([second.line]));
    await reload(service);
    expect([await statusFor(first.secret), await statusFor(second.secret)]).toEqual([401, 200]);
    expect(new Set(service.events("token_minted").map(({ caller }) => caller))).toEqual(new Set(["planner"]));
  });

  test("a secret made by the command line is accepted with the entry that it prints", async () => {
    const { code, out, err } = macpAuth("secret", "generate", "--caller", "by-hand");
    const entry = /for the access document: (.+)$/m.exec(err)?.[1] ?? "";
    expect([code, entry]).toEqual([0, expect.stringMatching(/^by-hand: /)]);
    const { line } = JSON.parse(macpAuth("secret", "generate", "--json").out) as { line: string };
    await folder.put(`version: 1
callers:
  ${entry}
  other: {proofs: [{secret: "${line}"}]}
grants:
  - {name: one, callers: [by-hand], senders: ["agent://planner"], scopes: {}}
`);
    await reload(service);
    expect(await statusFor(out.trim())).toBe(200);
    await folder.put(documentOf([first.line]));
    await reload(service);
    expect(await statusFor(out.trim())).toBe(401);
  });

  test("an unknown caller, a wrong secret, a disabled and an ended caller are rejected by the same bytes", async () => {
    const rejected = await answerText(service.port, post());
    expect(rejected).toMatch(/^HTTP\/1\.1 401 /);
    const reasons = [
      [ownSecret().secret, "credential_unknown", undefined],
      [wrongSecretLike(first), "credential_unknown", undefined],
      [off.secret, "caller_disabled", "off"],
      [ended.secret, "caller_expired", "ended"],
      [`${first.secret.slice(0, -1)}1`, "credential_malformed", undefined],
    ] as const;
    await postTokens(service.port, { sender: "the last line before" }, bearer(first.secret));
    await service.event("token_minted", ({ sender }) => sender === "the last line before");
    let sent = service.events("caller_rejected").length;
    for (const [secret, reason, caller] of reasons) {
      expect(await answerText(service.port, withSecret(secret))).toBe(rejected);
      sent += 1;
      const last = (await linesOf(service, "caller_rejected", sent)).at(-1);
      expect([last?.["reason"], last?.["caller"]]).toEqual([reason, caller]);
    }
  });

  test("a caller ends at its moment, without a reload", async () => {
    const soon = ownSecret();
    const expires = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000);
    await folder.put({
      ...documentOf([first.line], {
        soon: { expires: expires.toISOString().replace(".000", ""), proofs: [{ secret: soon.line }] },
      }),
      grants: [{ ...grants[0], callers: ["planner", "soon"] }],
    });
    await reload(service);
    const seen: number[] = [];
    while (Date.now() < expires.getTime() + 1_500) {
      const sentAt = Date.now();
      const status = await statusFor(soon.secret);
      if (sentAt >= expires.getTime() + 1_000) expect(status).toBe(401);
      if (Date.now() < expires.getTime()) expect(status).toBe(200);
      seen.push(status);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(new Set(seen)).toEqual(new Set([200, 401]));
    expect(await statusFor(first.secret)).toBe(200);
  });
});

describe("callers that are not enforced", () => {
  const known = ownSecret();
  const document = {
    version: 1,
    callers: { planner: { proofs: [{ secret: known.line }] } },
    grants: [{ name: "own", callers: ["planner"], senders: ["agent://planner"], scopes: {} }],
  };
  const requests = [
    requestText("GET /healthz"),
    requestText("GET /nowhere"),
    post(),
    withSecret(known.secret),
    withSecret("wrong"),
    withSecret(known.secret, "Basic"),
    post("authorization: Bearer x", "authorization: Bearer y"),
    ...[
      "{",
      "[]",
      "{}",
      '{"sender":""}',
      '{"sender":"a","scopes":[]}',
      '{"sender":"a","scopes":{"allowed_modes":"x","can_start_sessions":1}}',
      '{"sender":"a","ttl_seconds":0}',
      '{"sender":"a","ttl_seconds":9999,"audience":"other","iss":"x"}',
      '{"sender":"a","audience":["x"],"client_secret":"s","client_id":"c"}',
    ].flatMap((body) => [
      requestText("POST /tokens", [], body),
      requestText("POST /tokens", [`authorization: Bearer ${known.secret}`], body),
    ]),
  ];
  const answersOf = async ({ port }: RunningService) => {
    const answers: string[] = [];
    for (const request of requests) answers.push(await answerText(port, request));
    return answers;
  };

  test("off and observe answer by the bytes of a service without any configuration", async () => {
    const folder = await accessFolder(document);
    const MACP_AUTH_ISSUER = folder.env["MACP_AUTH_ISSUER"] ?? "";
    const plain = await withService({ MACP_AUTH_ISSUER }, answersOf);
    expect(new Set(plain.map((text) => text.slice(9, 12)))).toEqual(new Set(["200", "400", "404"]));
    for (const mode of ["off", "observe"]) {
      const answers = await withService({ ...folder.env, MACP_AUTH_CALLER_AUTH: mode }, answersOf);
      expect([mode, answers]).toEqual([mode, plain]);
    }
    await folder.remove();
  });

  test("observe mints everything, and reports and counts by caller and reason what enforce would reject", async () => {
    const folder = await accessFolder(document);
    const env = {
      ...folder.env,
      MACP_AUTH_CALLER_AUTH: "observe",
      MACP_AUTH_ADMIN_PORT: "0",
      HOST: "127.0.0.1",
    };
    await withService(env, async (service) => {
      const mint = async (body: object, headers = {}) => {
        expect((await postTokens(service.port, body, headers)).status).toBe(200);
      };
      const own = { sender: "agent://planner" };
      await mint(own);
      await mint(own);
      await mint(own, bearer("wrong"));
      await mint(own, bearer(known.secret));
      await mint({ sender: "agent://other" }, bearer(known.secret));
      await mint({ ...own, scopes: { can_start_sessions: true } }, bearer(known.secret));
      await mint({ ...own, client_id: "other" }, bearer(known.secret));
      const lines = await linesOf(service, "token_minted", 7);
      expect(lines.map(({ caller, would_reject }) => [caller, would_reject])).toEqual([
        ["anyone", "credential_missing"],
        ["anyone", "credential_missing"],
        ["anyone", "credential_unknown"],
        ["planner", undefined],
        ["planner", "sender_not_granted"],
        ["planner", "scopes_exceeded"],
        ["planner", "other_client_named"],
      ]);
      const adminPort = Number((await service.event("admin_listening"))["port"]);
      const { text } = await ask(adminPort, { path: "/metrics" });
      const counted = text.split("\n").filter((row) => /^macp_auth_observed_rejections_total\{/.test(row));
      expect(counted).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/caller="anyone",reason="credential_missing"\} 2$/),
          expect.stringMatching(/caller="anyone",reason="credential_unknown"\} 1$/),
          expect.stringMatching(/caller="planner",reason="sender_not_granted"\} 1$/),
          expect.stringMatching(/caller="planner",reason="scopes_exceeded"\} 1$/),
        ]),
      );
      expect(counted).toHaveLength(5);
    });
    await folder.remove();
  });
});
