import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AccessFolder, accessFolder } from "../support/access.ts";
import { freePort } from "../support/free-port.ts";
import { HAS_REDIS, RedisServer } from "../support/redis-server.ts";
import { doctor } from "../support/run-doctor.ts";
import { BOOT_MS_MAX, withService } from "../support/service-process.ts";
import { from } from "./from-address.ts";

const DOCS = readFileSync(join(import.meta.dirname, "../../docs/limits.md"), "utf8");

describe.skipIf(!HAS_REDIS)("doctor, of the server of shared limits", () => {
  let redis: RedisServer;
  let login: string;
  let folder: AccessFolder;
  beforeAll(async () => {
    redis = await RedisServer.start();
    folder = await accessFolder({ version: 1, limits: { address: "100/1h" } });
  }, BOOT_MS_MAX);
  afterAll(async () => {
    await folder.remove();
    await redis.remove();
  });
  beforeEach(() => {
    redis.cli("FLUSHALL");
    const [, line = ""] = /^ACL (SETUSER .*)$/m.exec(DOCS) ?? [];
    redis.cli("ACL", ...line.replace("PASSWORD", "word").split(" "));
    login = redis.url.replace("://", "://macp-auth:word@");
  });

  /** What it finds of the server: grade, check, and the rest of the line. */
  const found = async (url: string) => {
    const environment = { ...folder.env, MACP_AUTH_LIMITS_URL: url, MACP_AUTH_LIMITS_REPLICAS: "2" };
    const { findings } = await doctor([], { environment });
    return findings
      .filter(({ check }) => check.startsWith("limits-"))
      .map(({ grade, check, found: text, fix = "" }) => `${grade} ${check}: ${text}; ${fix}`);
  };

  test("a login that may do what docs/limits.md says is enough, for doctor and for the service, and nothing is left behind", async () => {
    expect(await found(login)).toEqual([
      expect.stringMatching(/^(ok limits-server: decides in|warn limits-server: decides in \d\d)/),
    ]);
    await expect.poll(() => redis.cli("DBSIZE").trim()).toBe("0");
    const env = { ...folder.env, HOST: "127.0.0.1", MACP_AUTH_ADMIN_PORT: "0", MACP_AUTH_LIMITS_URL: login };
    await withService(env, async (service) => {
      const admin = Number((await service.event("admin_listening"))["port"]);
      await expect
        .poll(async () => (await from("127.0.0.1", admin, "/readyz")).text, { timeout: 20_000 })
        .toContain('"limits":{"local":false}');
      expect((await from("127.0.0.1", service.port, "/tokens")).status).toBe(200);
      expect(service.events("known_addresses_not_shared")).toEqual([]);
    });
  });

  const CASES: Readonly<Record<string, readonly [() => string | Promise<string>, RegExp]>> = {
    "that is not there": [
      async () => `redis://127.0.0.1:${String(await freePort())}`,
      /^fail limits-server: .*ECONNREFUSED.*; start the server/,
    ],
    "with another password": [
      () => redis.url.replace("://", "://macp-auth:no@"),
      /^fail limits-server: .*WRONGPASS.*; set the user and password/,
    ],
    "whose login may not run scripts": [
      () => {
        redis.cli("ACL", "SETUSER", "default", "nopass", "-@all", "+acl", "+config", "+ping", "+flushall");
        return redis.url;
      },
      /^fail limits-server: .*permission.*; allow its login/,
    ],
    "whose login may not share addresses": [
      () => {
        redis.cli("ACL", "SETUSER", "macp-auth", "-zadd");
        return login;
      },
      /^warn limits-known-addresses: .*; allow its login/m,
    ],
    "whose login may not ask": [
      () => {
        redis.cli("ACL", "SETUSER", "macp-auth", "-info");
        return login;
      },
      /^warn limits-server-memory: .*; allow it \+info/m,
    ],
    "that drops keys": [
      () => {
        redis.cli("CONFIG", "SET", "maxmemory", "1gb", "maxmemory-policy", "volatile-lru");
        return login;
      },
      /^warn limits-server-memory: drops keys .*volatile-lru/m,
    ],
    "whose memory is full": [
      () => {
        redis.cli("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction");
        return login;
      },
      /^fail limits-server: .*OOM.*; raise maxmemory/,
    ],
    "that accepts no writes": [
      () => {
        redis.cli("CONFIG", "SET", "min-replicas-to-write", "1");
        return login;
      },
      /^fail limits-server: .*NOREPLICAS.*; fix what the server names/,
    ],
    "that is a replica": [
      () => {
        redis.cli("REPLICAOF", "127.0.0.1", "1");
        return login;
      },
      /^fail limits-server: .*READONLY.*; name the primary/,
    ],
  };

  test.each(Object.keys(CASES))("a server %s is one line that says so, with the fix", async (name) => {
    const [url = () => "", line = /^/] = CASES[name] ?? [];
    try {
      const lines = (await found(await url())).filter((one) => !one.startsWith("ok "));
      expect(lines).toEqual([expect.stringMatching(line)]);
      expect(lines.join("")).not.toContain("word@");
    } finally {
      redis.cli("ACL", "SETUSER", "default", "on", "nopass", "~*", "+@all");
      redis.cli("REPLICAOF", "NO", "ONE");
      redis.cli("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction");
      redis.cli("CONFIG", "SET", "min-replicas-to-write", "0");
    }
  });
});
