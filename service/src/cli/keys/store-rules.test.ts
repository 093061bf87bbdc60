import { describe, expect, test } from "vitest";
import {
  keySet,
  NOW,
  RULES,
  replica,
  retiringKey,
  signingKey,
  standbyKey,
} from "../../testing/managed-key-sets.ts";
import { rulesOnStore, type ShellRules } from "./store-rules.ts";

const { timing } = RULES;
const NOTHING_SET: ShellRules = { rules: { ...RULES, alg: "RS256" }, isSet: () => false };
const shell = (rules: Partial<typeof RULES>, ...set: readonly string[]): ShellRules => ({
  rules: { ...NOTHING_SET.rules, ...rules },
  isSet: (variable) => set.includes(variable),
});

describe("a command on a store that no replica ever ran on", () => {
  test("uses the shell's settings and the defaults", () => {
    const own = shell({ alg: "ES256", leadSeconds: 9_000 }, "MACP_AUTH_SIGNING_ALG");
    expect(rulesOnStore(own, keySet([]))).toEqual({
      rules: own.rules,
      algs: ["ES256"],
      contradictions: [],
    });
  });

  test.each([
    ["the active key", [signingKey("a"), standbyKey("s", {}, "RS256")]],
    ["the only served keys", [standbyKey("s"), retiringKey("r", 60)]],
  ])("takes the algorithm of %s, where the shell sets none or the same", (_which, keys) => {
    for (const own of [NOTHING_SET, shell({ alg: "ES256" }, "MACP_AUTH_SIGNING_ALG")])
      expect(rulesOnStore(own, keySet(keys))).toEqual({
        rules: { ...own.rules, alg: "ES256" },
        algs: ["ES256"],
        contradictions: [],
      });
  });

  test.each([
    ["the key that signs on this store is", [signingKey("a")]],
    ["the keys of this store are", [standbyKey("s")]],
  ])("is contradicted by another algorithm of the shell, where %s of one", (whose, keys) => {
    const own = shell({ alg: "RS256" }, "MACP_AUTH_SIGNING_ALG");
    expect(rulesOnStore(own, keySet(keys)).contradictions).toEqual([
      `MACP_AUTH_SIGNING_ALG is RS256 here, and ${whose} for ES256; unset it here, or start the service with MACP_AUTH_SIGNING_ALG=RS256 first`,
    ]);
  });

  test("asks which algorithm is meant where the keys are of two and none or both sign", () => {
    for (const keys of [
      [standbyKey("s"), standbyKey("t", {}, "RS256")],
      [signingKey("a"), signingKey("b", {}, "RS256")],
    ]) {
      const { rules, algs, contradictions } = rulesOnStore(NOTHING_SET, keySet(keys));
      expect([rules.alg, algs.toSorted(), contradictions]).toEqual(["RS256", ["ES256", "RS256"], []]);
    }
  });

  test("uses the shell's settings where every key has left the set", () => {
    const gone = signingKey("a", { revokedFrom: NOW });
    expect(rulesOnStore(NOTHING_SET, keySet([gone])).rules.alg).toBe("RS256");
  });
});

describe("a command on a store of running replicas", () => {
  test("uses their algorithm and the widest of their settings, without a warning, when the shell sets nothing", () => {
    const replicas = [
      replica("one", "ES256", 5, { leadSeconds: 100_000, gate: "warn" }),
      replica("two", "ES256", 9, { periodSeconds: 900_000, timing: { ...timing, maxTtlSeconds: 7_777 } }),
    ];
    expect(rulesOnStore(NOTHING_SET, keySet([], { replicas }))).toEqual({
      rules: {
        alg: "ES256",
        periodSeconds: 900_000,
        leadSeconds: 100_000,
        timing: { ...timing, maxTtlSeconds: 7_777 },
        gate: "warn",
      },
      algs: ["ES256"],
      contradictions: [],
    });
  });

  test("uses the settings of the last ones when none runs any more, not of those that had ended before", () => {
    const replicas = [
      replica("one", "ES256", 40_000),
      replica("two", "ES256", 40_050, { leadSeconds: 8_000 }),
      replica("before them", "RS256", 40_061, { leadSeconds: 90_000 }),
    ];
    const { rules, algs } = rulesOnStore(NOTHING_SET, keySet([], { replicas }));
    expect([rules.alg, rules.leadSeconds, algs]).toEqual(["ES256", 8_000, ["ES256"]]);
  });

  test.each([
    ["MACP_AUTH_SIGNING_ALG", {}, "RS256", "ES256"],
    ["MACP_AUTH_KEY_ROTATION_SECONDS", { periodSeconds: 86_400 }, "86400", "604800"],
    ["MACP_AUTH_KEY_LEAD_SECONDS", { leadSeconds: 4_030 }, "4030", "7200"],
    ["MACP_AUTH_ACTIVATION_GATE", { gate: "enforce" as const }, "enforce", "off"],
    ["MACP_AUTH_MAX_TTL_SECONDS", { timing: { ...timing, maxTtlSeconds: 60 } }, "60", "3600"],
    ["MACP_AUTH_JWKS_MAX_AGE_SECONDS", { timing: { ...timing, jwksMaxAgeSeconds: 0 } }, "0", "60"],
    ["MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS", { timing: { ...timing, verifierTtlSeconds: 30 } }, "30", "300"],
    [
      "MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS",
      { timing: { ...timing, verifierGraceSeconds: 0 } },
      "0",
      "3600",
    ],
  ])(
    "is contradicted by a %s that no replica has: both values and the fix are named",
    (variable, own, here, there) => {
      const set = keySet([], { replicas: [replica("one", "ES256", 12)] });
      expect(rulesOnStore(shell(own, variable), set).contradictions).toEqual([
        `${variable} is ${here} here, and the service on this store runs with ${there} (last report 12 s ago); unset it here, or restart the service with ${variable}=${here} first`,
      ]);
      expect(rulesOnStore(shell(own), set).contradictions).toEqual([]);
    },
  );

  test("is not contradicted in the middle of a rolling change by the value of either side, and still uses the widest", () => {
    const set = keySet([], {
      replicas: [replica("old", "RS256", 3), replica("new", "ES256", 1, { leadSeconds: 9_000 })],
    });
    for (const [alg, leadSeconds] of [
      ["RS256", 7_200],
      ["ES256", 9_000],
    ] as const) {
      const own = shell({ alg, leadSeconds }, "MACP_AUTH_SIGNING_ALG", "MACP_AUTH_KEY_LEAD_SECONDS");
      const { rules, algs, contradictions } = rulesOnStore(own, set);
      expect([rules.alg, rules.leadSeconds, algs, contradictions]).toEqual([
        alg,
        9_000,
        ["RS256", "ES256"],
        [],
      ]);
    }
    const third = shell({ leadSeconds: 8_000 }, "MACP_AUTH_KEY_LEAD_SECONDS");
    expect(rulesOnStore(third, set).contradictions[0]).toContain("runs with 9000 and 7200 (");
  });
});
