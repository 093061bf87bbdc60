import { describe, expect, test } from "vitest";
import type { RedisLook } from "../../../stores/redis/look-at-redis.ts";
import { judge } from "../finding.ts";
import { LIMITS_RULES } from "./limits-rules.ts";

const WELL = {
  kind: "answers",
  takeFault: undefined,
  pairsFault: undefined,
  fastestMs: 0.4,
  facts: { version: "7.2.4", drops: undefined },
  clockOffsetSeconds: 1,
} as const;
const findings = (look: RedisLook, place: { host: string; isEncrypted: boolean } = LOCAL) =>
  judge(LIMITS_RULES, { limitsServer: { ...place, look } });
const LOCAL = { host: "127.0.0.1", isEncrypted: false };

describe("the server of shared limits", () => {
  test("without one nothing is said", () => {
    expect(judge(LIMITS_RULES, { limitsServer: undefined })).toEqual([]);
  });

  test("that decides in time and keeps what it is given is well", () => {
    expect(findings(WELL)).toEqual([
      { grade: "ok", check: "limits-server", found: "decides in 0.4 ms, version 7.2.4" },
    ]);
  });

  test.each([
    ["connect ECONNREFUSED 127.0.0.1:6379", /start the server/],
    ["getaddrinfo ENOTFOUND redis", /correct the host/],
    ["WRONGPASS invalid username-password pair or user is disabled.", /user and password/],
    ["ERR invalid password", /user and password/],
    ["self-signed certificate", /NODE_EXTRA_CA_CERTS/],
    ["Connection timeout", /rediss:\/\//],
  ])("that cannot be reached fails, with the fix: %s", (fault, fix) => {
    expect(findings({ kind: "unreachable", fault })).toMatchObject([
      {
        grade: "fail",
        check: "limits-server",
        found: expect.stringContaining(fault) as string,
        fix: expect.stringMatching(fix) as string,
      },
    ]);
  });

  test.each([
    ["NOAUTH Authentication required.", /user and password/],
    ["NOPERM this user has no permissions to run the 'evalsha' command", /docs\/limits\.md/],
    ["READONLY You can't write against a read only replica.", /primary/],
    ["CLUSTERDOWN Hash slot not served", /node of the cluster/],
    ["MOVED 12182 10.0.0.2:6379", /node of the cluster/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /maxmemory/],
    ["NOREPLICAS Not enough good replicas to write.", /accepts no writes/],
    ["LOADING Redis is loading the dataset in memory", /wait/],
    ["ERR unknown command 'EVALSHA'", /runs scripts/],
  ])("that does not decide fails, with the fix and nothing else: %s", (fault, fix) => {
    const look = { ...WELL, takeFault: fault, pairsFault: fault, fastestMs: Number.POSITIVE_INFINITY };
    expect(findings(look)).toMatchObject([
      { grade: "fail", check: "limits-server", fix: expect.stringMatching(fix) as string },
    ]);
  });

  test.each([
    ["is too slow to be used", { fastestMs: 31 }, "limits-server", /31 ms/],
    [
      "does not let replicas share addresses",
      { pairsFault: "ERR The user executing the script can't run this command" },
      "limits-known-addresses",
      /lock its caller out/,
    ],
    ["is too old", { facts: { version: "5.0.14", drops: undefined } }, "limits-server-version", /5\.0\.14/],
    [
      "drops keys",
      { facts: { version: "7.2.4", drops: "allkeys-lru" } },
      "limits-server-memory",
      /allkeys-lru/,
    ],
    ["may not be asked", { facts: undefined }, "limits-server-memory", /INFO/],
    ["has another time", { clockOffsetSeconds: -61 }, "limits-server-clock", /61 s behind/],
  ])("that %s is a warning with a fix", (_, difference, check, found) => {
    expect(findings({ ...WELL, ...difference }).filter(({ grade }) => grade !== "ok")).toEqual([
      {
        grade: "warn",
        check,
        found: expect.stringMatching(found) as string,
        fix: expect.any(String) as string,
      },
    ]);
  });

  test("that is reached in the clear over a network is a warning, and over TLS it is well", () => {
    const grades = (place: { host: string; isEncrypted: boolean }) =>
      findings(WELL, place).map(({ grade, check }) => `${grade} ${check}`);
    expect(grades({ host: "10.0.0.9", isEncrypted: false })).toEqual([
      "ok limits-server",
      "warn limits-server-encryption",
    ]);
    expect(grades({ host: "10.0.0.9", isEncrypted: true })).toEqual(["ok limits-server"]);
  });
});
