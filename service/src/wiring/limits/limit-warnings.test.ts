import { expect, test } from "vitest";
import { loadSettings } from "../../config/environment.ts";
import { limitWarnings } from "./limit-warnings.ts";

const URL_SET = { MACP_AUTH_LIMITS_URL: "redis://127.0.0.1:6379" };
const REPLICAS_SET = { MACP_AUTH_LIMITS_REPLICAS: "3" };

test.each([
  ["with no setting of limits nothing is warned of", {}, [], []],
  [
    "a setting of limits without limits has no effect, and each is named",
    { ...URL_SET, ...REPLICAS_SET },
    [],
    [/^MACP_AUTH_LIMITS_URL has no effect/, /^MACP_AUTH_LIMITS_REPLICAS has no effect/],
  ],
  [
    "replicas that share limits and do not say how many they are would each admit the whole",
    URL_SET,
    [/MACP_AUTH_LIMITS_REPLICAS is not set/],
    [/^MACP_AUTH_LIMITS_URL has no effect/],
  ],
  [
    "replicas that say how many they are have nothing to hear",
    { ...URL_SET, ...REPLICAS_SET },
    [],
    undefined,
  ],
] as const)("%s", (_, environment, withLimits, without) => {
  const { labels } = loadSettings(environment);
  const matches = (patterns: readonly RegExp[]) =>
    patterns.map((pattern) => expect.stringMatching(pattern) as string);
  expect(limitWarnings(labels, true)).toEqual(matches(withLimits));
  if (without !== undefined) expect(limitWarnings(labels, false)).toEqual(matches(without));
});
