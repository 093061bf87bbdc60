import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  bearer,
  type OwnSecret,
  ownSecret,
  reload,
  wrongSecretLike,
} from "../support/access.ts";
import { BOOT_MS_MAX, type RunningService, startService, withService } from "../support/service-process.ts";
import { type Answer, from } from "./from-address.ts";

describe("limits of declared callers", () => {
  let greedy: OwnSecret;
  let honest: OwnSecret;
  let folder: AccessFolder;
  let service: RunningService;
  let admin: string;
  const limits = {
    global: "1000/1h",
    one_caller: 10,
    caller: "20/1h",
    sender: "60/1h",
    address: "5000/1h",
    connections_per_address: 30,
  };
  const documentOf = (more: object) => ({
    version: 1,
    callers: {
      greedy: { proofs: [{ secret: greedy.line }] },
      honest: { limit: "500/1h", proofs: [{ secret: honest.line }] },
    },
    grants: [
      { name: "greedy", callers: ["greedy"], senders: ["agent://greedy/*"], scopes: ALL_SCOPES },
      { name: "honest", callers: ["honest"], senders: ["agent://**"], scopes: ALL_SCOPES },
    ],
    limits: { ...limits, ...more },
  });
  beforeAll(async () => {
    [greedy, honest] = [ownSecret(), ownSecret()];
    folder = await accessFolder(documentOf({}));
    service = await startService({ ...folder.env, HOST: "127.0.0.1", MACP_AUTH_ADMIN_PORT: "0" });
    admin = String((await service.event("admin_listening"))["port"]);
  }, BOOT_MS_MAX);
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });
  const mint = (secret: string, sender: string, address = "127.0.0.1") =>
    from(address, service.port, "/tokens", bearer(secret), sender);
  const metrics = async () => (await from("127.0.0.1", Number(admin), "/metrics")).text;

  test("a caller that its policy rejects takes nothing from the sender that it names", async () => {
    for (let attempt = 0; attempt < 70; attempt += 1)
      expect((await mint(greedy.secret, "agent://victim", "127.0.0.9")).status).toBe(403);
    expect((await mint(honest.secret, "agent://victim")).headers["ratelimit"]).toContain(
      '"sender";r=59;t=60',
    );
  });

  test("a greedy caller gets its own limit and a 429 that says when to come back, and no other caller less", async () => {
    const answers: Answer[] = [];
    for (let attempt = 0; attempt < 25; attempt += 1)
      answers.push(await mint(greedy.secret, `agent://greedy/${String(attempt)}`));
    expect(answers.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 20 }, () => 200),
      ...Array.from({ length: 5 }, () => 429),
    ]);
    const last = answers.at(-1);
    expect(last?.text).toBe('{"error":"too many tokens for this caller"}');
    expect(last?.headers).toMatchObject({
      "ratelimit-policy": expect.stringContaining('"caller";q=20;w=3600') as string,
      ratelimit: expect.stringContaining('"caller";r=0;t=3600') as string,
    });
    expect(Number(last?.headers["retry-after"])).toBeGreaterThan(150);
    expect((await mint(honest.secret, "agent://planner")).status).toBe(200);
    expect(await metrics()).toContain('macp_auth_mint_refused_total{reason="limit_caller"} 5');
  });

  test("one caller cannot use up the maximum for all", async () => {
    let minted = 0;
    for (let attempt = 0; attempt < 120; attempt += 1)
      if ((await mint(honest.secret, `agent://team/${String(attempt)}`)).status === 200) minted += 1;
    // 100 are its share; two are minted above, and some come back meanwhile.
    expect(minted).toBeGreaterThan(95);
    expect(minted).toBeLessThan(101);
  });

  test("a stranger sees the limit of its address and no other, and JWKS and healthz have none", async () => {
    const { headers } = await from("127.0.0.3", service.port, "/tokens");
    expect(headers["ratelimit-policy"]).toBe('"address";q=5000;w=3600');
    for (const path of ["/.well-known/jwks.json", "/healthz"])
      expect((await from("127.0.0.3", service.port, path)).headers).not.toHaveProperty("ratelimit");
  });

  test("what was counted stays counted when the document changes, and a new limit is in force", async () => {
    await folder.put(documentOf({ one_caller: 50, address: "4000/1h" }));
    await reload(service);
    const answer = await mint(greedy.secret, "agent://greedy/again");
    expect(answer.status).toBe(429);
    expect(answer.headers["ratelimit-policy"]).toContain('"address";q=4000');
  });

  test("a guesser gets 100 tries at a secret from however many addresses, while its caller mints (R36)", async () => {
    const wrong = wrongSecretLike(honest);
    const statuses: number[] = [];
    for (let host = 10; host < 30; host += 1)
      for (let attempt = 0; attempt < 17; attempt += 1) {
        statuses.push((await mint(wrong, "agent://planner", `127.0.1.${String(host)}`)).status);
        if (attempt === 5) expect((await mint(honest.secret, "agent://planner")).status).not.toBe(401);
      }
    expect(statuses.filter((status) => status === 401)).toHaveLength(100);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    const locked = await mint(honest.secret, "agent://planner", "127.0.1.99");
    expect([locked.status, locked.text]).toEqual([429, '{"error":"too many failed credentials"}']);
    expect([200, 429]).toContain((await mint(honest.secret, "agent://planner")).status);
    expect((await mint(honest.secret, "agent://planner")).text).not.toContain("failed credentials");
  });

  test("the admin listener counts failed credentials by address too, and stays open to others", async () => {
    const wrong = bearer(wrongSecretLike(honest));
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 17; attempt += 1)
      statuses.push((await from("127.0.3.1", Number(admin), "/readyz", wrong)).status);
    expect(statuses).toEqual([...Array.from({ length: 15 }, () => 401), 429, 429]);
    expect((await from("127.0.3.2", Number(admin), "/readyz", wrong)).status).toBe(401);
  });

  test("an address has as many connections as are allowed; another has its own", async () => {
    const open = async (localAddress: string): Promise<Socket> => {
      const socket = connect({ host: "127.0.0.1", port: service.port, localAddress });
      socket.on("error", () => undefined);
      await once(socket, "connect");
      return socket;
    };
    const sockets: Socket[] = [];
    for (let count = 0; count < 30; count += 1) sockets.push(await open("127.0.2.1"));
    const above = await open("127.0.2.1");
    await once(above, "close");
    expect((await from("127.0.2.2", service.port, "/healthz")).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    expect(await metrics()).toContain("macp_auth_connections_limited_total 1");
    await service.event("connection_limited");
    expect(service.events("connection_limited")).toHaveLength(1);
  });
});

describe("a document with limits and nothing else", () => {
  let folder: AccessFolder;
  let service: RunningService;
  let admin: string;
  beforeAll(async () => {
    folder = await accessFolder({ version: 1, limits: { mode: "observe", address: "3/1h" } });
    service = await startService({ ...folder.env, HOST: "127.0.0.1", MACP_AUTH_ADMIN_PORT: "0" });
    admin = String((await service.event("admin_listening"))["port"]);
  }, BOOT_MS_MAX);
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });
  const mint = () => from("127.0.0.1", service.port, "/tokens");

  test("asks nobody who they are; observe mints, says nothing, and counts what enforce would reject", async () => {
    expect(await service.event("listening")).toMatchObject({ caller_auth: "off" });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const { status, headers } = await mint();
      expect(status).toBe(200);
      expect(headers).not.toHaveProperty("ratelimit");
    }
    expect((await from("127.0.0.1", Number(admin), "/metrics")).text).toContain(
      'macp_auth_observed_limits_total{reason="limit_address"} 2',
    );
  });

  test("becomes stricter when callers are declared, and never opens again", async () => {
    const own = ownSecret();
    await folder.put({
      version: 1,
      callers: { planner: { proofs: [{ secret: own.line }] } },
      limits: { address: "1000/1s" },
    });
    await reload(service);
    // The bucket was empty, and fills at the new rate.
    await expect.poll(async () => (await mint()).status).toBe(401);
    await folder.put({ version: 1, limits: { address: "1000/1s" } });
    await reload(service);
    expect((await mint()).status).toBe(401);
  });
});

test("a start warns of a server of shared limits that no limits make use of", async () => {
  await withService({ HOST: "127.0.0.1", MACP_AUTH_LIMITS_URL: "redis://127.0.0.1:1" }, async (service) => {
    expect(String((await service.event("setting_warning"))["message"])).toMatch(
      /^MACP_AUTH_LIMITS_URL has no effect without a section limits/,
    );
  });
});
