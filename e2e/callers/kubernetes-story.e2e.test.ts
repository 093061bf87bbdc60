import { fileURLToPath } from "node:url";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foreignSigner } from "../../service/src/testing/callers.ts";
import { type AccessFolder, accessFolder, bearer, ISSUER, linesOf, reload } from "../support/access.ts";
import { type LocalIssuer, localIssuer, projectedClaims } from "../support/local-issuer.ts";
import { postTokens } from "../support/raw-http.ts";
import {
  BOOT_MS_MAX,
  type LogEvent,
  type RunningService,
  runToExit,
  startService,
} from "../support/service-process.ts";
import { refusalOf } from "../support/token-check.ts";

// The whole way of a deployment without secrets: a cluster's own issuer, projected tokens, one grant for all.

const LATER = fileURLToPath(new URL("../support/later.mjs", import.meta.url));
/** Longer than keys are fresh (60 s here), and shorter than they are used while their issuer is down (1 h more). */
const LATER_SECONDS = 1_300;

let cluster: LocalIssuer;
let folder: AccessFolder;
let service: RunningService;
const documentOf = (grant: object = {}) => ({
  version: 1,
  issuers: {
    cluster: {
      preset: "kubernetes",
      issuer: cluster.issuer,
      keys: { discovery: true, ca_file: cluster.caFile },
      private_network: true,
    },
  },
  callers: {
    agents: { proofs: [{ workload: { issuer: "cluster", subject: "system:serviceaccount:prod:*" } }] },
  },
  grants: [
    {
      name: "own-agents",
      callers: ["agents"],
      senders: ["agent://{claims.namespace}/{claims.serviceaccount}/*"],
      scopes: { can_start_sessions: true, allowed_modes: ["macp.mode.decision.v1"], max_open_sessions: 5 },
      max_ttl_seconds: 600,
      on_excess: "narrow",
      ...grant,
    },
  ],
});

beforeAll(async () => {
  cluster = await localIssuer(60);
  folder = await accessFolder(documentOf());
  service = await startService({
    ...folder.env,
    NODE_OPTIONS: `--import ${LATER}`,
    MACP_TEST_LATER_SECONDS: String(LATER_SECONDS),
  });
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await cluster.close();
  await folder.remove();
});

const planner = () => cluster.token(projectedClaims("prod", "planner", ISSUER));
const mint = async (credential: string, body: object | string) =>
  postTokens(service.port, typeof body === "string" ? { sender: body } : body, bearer(credential));
/** Sends with a new token, so that no remembered proof answers. */
const status = async (credential = planner()) =>
  (await mint(await credential, "agent://prod/planner/1")).status;
/** What a command of the operator prints about the document that is in force. */
const command = (...args: readonly string[]) => runToExit(folder.env, args);

let rejections = 0;
async function reasonOf(credential: string): Promise<LogEvent | undefined> {
  const answer = await mint(credential, "agent://prod/planner/1");
  expect(refusalOf(answer, 401)).toBe("a valid credential is required");
  rejections += 1;
  return (await linesOf(service, "caller_rejected", rejections)).at(-1);
}

describe("a projected service account token of a local OIDC issuer", () => {
  test("mints for the agents of its own service account, with what the grant gives written out", async () => {
    const token = await planner();
    const answer = await mint(token, { sender: "agent://prod/planner/1", scopes: {}, ttl_seconds: 3_600 });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    const claims = decodeJwt((JSON.parse(answer.text) as { token: string }).token);
    expect(claims).toMatchObject({
      iss: ISSUER,
      sub: "agent://prod/planner/1",
      macp_scopes: {
        can_start_sessions: true,
        can_manage_mode_registry: false,
        is_observer: false,
        allowed_modes: ["macp.mode.decision.v1"],
        max_open_sessions: 5,
      },
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(600);
    const line = await service.event("token_minted");
    expect(line).toMatchObject({
      caller: "agents",
      grant: "own-agents",
      narrowed: expect.any(Array) as unknown,
      granted: {
        can_start_sessions: true,
        can_manage_mode_registry: false,
        is_observer: false,
        allowed_modes: ["macp.mode.decision.v1"],
        max_open_sessions: 5,
      },
    });
    expect(cluster.asked).toEqual({ "/.well-known/openid-configuration": 1, "/keys": 1 });
  });

  test.each([
    "agent://prod/other/1",
    "agent://dev/planner/1",
    "agent://prod/planner",
    "agent://prod/planner/1/2",
    "agent://prod/planner/../other/1",
    "agent://prod/Planner/1",
    "agent://prod/planner/1\u0000",
    "agent://prod/{claims.serviceaccount}/1",
    "agent://prod/*/1",
    "xagent://prod/planner/1",
    "*",
  ])("mints for nothing else: %j", async (sender) => {
    const before = service.events("mint_refused").length;
    const answer = await mint(await planner(), sender);
    expect(refusalOf(answer, 403)).toBe("the policy does not allow this token");
    const line = (await linesOf(service, "mint_refused", before + 1)).at(-1);
    expect(line).toMatchObject({ caller: "agents", decision: "sender_not_granted", rule: "own-agents" });
  });

  test("binds each service account to its own agents by one grant", async () => {
    const other = await cluster.token(projectedClaims("prod", "other", ISSUER));
    expect((await mint(other, "agent://prod/other/1")).status).toBe(200);
    expect((await mint(other, "agent://prod/planner/1")).status).toBe(403);
  });

  test("is explained by the command line as the service decides: who it is, which grant gives the token, and why another gives none", async () => {
    const proof = await folder.file("pod.jwt", await planner());
    const checked = await command("callers", "check", `@${proof}`, "--json");
    const { accepted, caller, claims } = JSON.parse(checked.stdout.join("\n")) as {
      accepted: boolean;
      caller: string;
      claims: Record<string, string>;
    };
    expect([accepted, caller, claims]).toEqual([
      true,
      "agents",
      expect.objectContaining({ namespace: "prod", serviceaccount: "planner" }),
    ]);
    const asProof = ["--as", caller, ...Object.entries(claims).flatMap((one) => ["--claim", one.join("=")])];
    const explain = (sender: string, ...more: string[]) =>
      command("policy", "explain", ...asProof, "--sender", sender, ...more);

    const cases = [
      ["agent://prod/planner/1", 200, "allowed: the grant own-agents gives it"],
      [
        "agent://prod/other/1",
        403,
        "rejected: no grant gives it; the nearest is own-agents: the sender matches none of its senders",
      ],
    ] as const;
    for (const [sender, status, why] of cases) {
      const text = await explain(sender);
      expect([text.code, text.stdout[0]]).toEqual([status === 200 ? 0 : 1, why]);
      const { allowed, decision, policy } = JSON.parse(
        (await explain(sender, "--json")).stdout.join("\n"),
      ) as {
        allowed: boolean;
        decision: Record<string, unknown>;
        policy: string;
      };
      const event = status === 200 ? "token_minted" : "mint_refused";
      const before = service.events(event).length;
      const answer = await mint(await planner(), sender);
      expect([sender, answer.status, allowed]).toEqual([sender, status, status === 200]);
      const line = (await linesOf(service, event, before + 1)).at(-1);
      expect(line).toMatchObject({ caller, policy: policy.slice(0, 16) });
      expect([line?.["grant"], line?.["decision"], line?.["rule"]]).toEqual([
        decision["grant"],
        decision["reason"],
        decision["rule"],
      ]);
    }
  });

  test("proves nobody when it is of another namespace, audience, cluster, key, time or shape", async () => {
    const now = Math.floor(Date.now() / 1_000);
    const claims = projectedClaims("prod", "planner", ISSUER);
    const stranger = await foreignSigner(cluster.signer.kid);
    const cases: readonly (readonly [string, string])[] = [
      ["subject_unmatched", await cluster.token(projectedClaims("dev", "planner", ISSUER))],
      [
        "audience_mismatch",
        await cluster.token(projectedClaims("prod", "planner", "https://kubernetes.default.svc")),
      ],
      [
        "audience_mismatch",
        await cluster.token({ ...claims, aud: [ISSUER, "https://kubernetes.default.svc"] }),
      ],
      ["issuer_unknown", await cluster.token({ ...claims, iss: `${cluster.issuer}/` })],
      ["signature_invalid", await cluster.token(claims, stranger)],
      ["token_expired", await cluster.token({ ...claims, iat: now - 700, nbf: now - 700, exp: now - 100 })],
      ["token_not_yet_valid", await cluster.token({ ...claims, nbf: now + 120 })],
      ["token_too_long", await cluster.token({ ...claims, exp: now + 31_536_000 })],
      ["expiry_missing", await cluster.token({ ...claims, exp: undefined })],
      ["token_not_of_preset", await cluster.token({ ...claims, "kubernetes.io": { namespace: "dev" } })],
      ["token_not_of_preset", await cluster.token({ ...claims, sub: "system:serviceaccount:prod:other" })],
    ];
    const seen = [];
    for (const [, token] of cases) seen.push((await reasonOf(token))?.["reason"]);
    expect(seen).toEqual(cases.map(([reason]) => reason));
  });
});

describe("the issuer's keys", () => {
  test("are fetched again when a token names a key that is not among them, after the cooldown", async () => {
    const next = await foreignSigner("issuer-key-2");
    cluster.publish([cluster.signer, next]);
    const token = await cluster.token(projectedClaims("prod", "planner", ISSUER), next);
    // Within the cooldown a made-up key id costs no fetch; the new key is rejected too until it is over.
    const fetches = cluster.asked["/keys"];
    expect((await reasonOf(token))?.["reason"]).toBe("key_unknown");
    expect(cluster.asked["/keys"]).toBe(fetches);
    service.signal("SIGUSR2");
    await expect.poll(() => status(Promise.resolve(token))).toBe(200);
    expect(await status()).toBe(200);

    cluster.publish([next]);
    service.signal("SIGUSR2");
    await expect.poll(() => status()).toBe(401);
    rejections = service.events("caller_rejected").length;
    expect(await status(cluster.token(projectedClaims("prod", "planner", ISSUER), next))).toBe(200);
    cluster.publish([cluster.signer]);
    service.signal("SIGUSR2");
    await expect.poll(() => status()).toBe(200);
  });

  test("are used for an hour after they went stale while the issuer is down, and then no more; none of it is slow", async () => {
    const remembered = await planner();
    expect(await status(Promise.resolve(remembered))).toBe(200);
    await cluster.goDown();
    const startedAt = performance.now();
    for (const later of [1, 2]) {
      service.signal("SIGUSR2");
      expect([later, await status(), await status(Promise.resolve(remembered))]).toEqual([later, 200, 200]);
    }
    service.signal("SIGUSR2");
    await expect.poll(() => status()).toBe(401);
    await expect.poll(() => service.events("caller_rejected").at(-1)?.["reason"]).toBe("keys_unavailable");
    expect(await status(Promise.resolve(remembered))).toBe(401);
    expect(performance.now() - startedAt).toBeLessThan(5_000);

    await cluster.comeUp();
    service.signal("SIGUSR2");
    await expect.poll(() => status(), { timeout: 5_000 }).toBe(200);
    expect(await status(Promise.resolve(remembered))).toBe(200);
  });
});

describe("the document, while the service runs", () => {
  test("is in force a moment after it changed, without a signal", async () => {
    const before = service.events("access_changed").length;
    await folder.put(documentOf({ senders: ["agent://elsewhere/*"] }));
    await expect.poll(() => status(), { timeout: 10_000 }).toBe(403);
    await folder.put(documentOf());
    await expect.poll(() => status(), { timeout: 10_000 }).toBe(200);
    const changes = await linesOf(service, "access_changed", before + 2);
    expect(new Set(changes.slice(before).map(({ policy }) => policy)).size).toBe(2);
  });

  test("changes nothing while it is broken: each fault is reported once, with its line and column", async () => {
    const broken: readonly (readonly [string, RegExp])[] = [
      ["version: 1\ngrants: [", /access\.yaml:[0-9]+:[0-9]+ /],
      [
        'version: 1\ncallers:\n  agents: {proofs: [{workload: {issuer: cluster, subject: "a"}}]}\n',
        /access\.yaml:3:[0-9]+ callers\.agents\S* /,
      ],
      ["version: 1\ngrant: []\n", /access\.yaml:2:[0-9]+ /],
      ["", /access\.yaml/],
    ];
    let faults = service.events("access_document_rejected").length;
    const changes = service.events("access_changed").length;
    for (const [text, place] of broken) {
      await folder.put(text);
      await reload(service);
      await reload(service);
      const lines = await linesOf(service, "access_document_rejected", faults + 1);
      expect([text, lines.at(-1)?.["fault"]]).toEqual([text, expect.stringMatching(place)]);
      const texts = lines.slice(faults).map(({ fault }) => fault);
      expect(new Set(texts).size).toBe(texts.length);
      faults = lines.length;
      expect(await status()).toBe(200);
      expect((await mint(await planner(), "agent://prod/other/1")).status).toBe(403);
    }
    await folder.put(documentOf({ max_ttl_seconds: 60 }));
    await reload(service);
    const answer = await mint(await planner(), "agent://prod/planner/1");
    expect((JSON.parse(answer.text) as { expires_in_seconds: number }).expires_in_seconds).toBe(60);
    expect(service.events("access_changed")).toHaveLength(changes + 1);
  });

  test("keeps a service from starting when it is broken, and says where", async () => {
    const own = await accessFolder(
      "version: 1\ngrants:\n  - {name: a, callers: [b], senders: [], scopes: {}}\n",
    );
    const { code, stderr } = await runToExit(own.env);
    expect([code, stderr.join("\n")]).toEqual([1, expect.stringMatching(/access\.yaml:3:[0-9]+ grants/)]);
    await own.remove();
  });
});
