import { chmod } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ISSUER } from "../support/access.ts";
import { doctor, gradesOf, run } from "../support/run-doctor.ts";
import { BOOT_MS_MAX } from "../support/service-process.ts";
import { type FollowedMint, followedMint } from "./sidecar.ts";

let mint: FollowedMint;

beforeAll(async () => {
  mint = await followedMint();
  await mint.start();
  await chmod(mint.files.guard, 0o600);
}, BOOT_MS_MAX);
afterAll(() => mint.remove(), BOOT_MS_MAX);

/** What `doctor --guard` finds with these settings over good ones. */
const examined = (env: Readonly<Record<string, string>> = {}) =>
  doctor(["--guard"], {
    environment: {
      MACP_AUTH_ISSUER: ISSUER,
      MACP_AUTH_GUARD_PORT: "3203",
      MACP_AUTH_GUARD_MINT_URL: mint.url,
      MACP_AUTH_GUARD_MINT_TOKEN_FILE: mint.files.guard,
      ...env,
    },
  });

test("doctor follows the mint of a guard once, says what it knows, and finds nothing to fix in good settings", async () => {
  await mint.revoke({ token: await mint.mint() });
  const good = await examined();
  expect([good.code, gradesOf(good, "guard-feed"), gradesOf(good, "guard-settings")]).toEqual([
    0,
    ["ok"],
    ["ok"],
  ]);
  expect(good.findings.find(({ check }) => check === "guard-feed")?.found).toBe(
    "the mint is at revocation 1, and 1 are stopped",
  );
  expect(good.findings.filter(({ grade, check }) => grade !== "ok" && check.startsWith("guard"))).toEqual([]);
});

test.each<[string, Readonly<Record<string, string>>, string, string, RegExp]>([
  [
    "without a mint",
    { MACP_AUTH_GUARD_MINT_URL: "" },
    "guard-settings",
    "fail",
    /MACP_AUTH_GUARD_MINT_URL is not set/,
  ],
  [
    "over plain http to another machine",
    { MACP_AUTH_GUARD_MINT_URL: "http://auth.example" },
    "guard-settings",
    "fail",
    /https/,
  ],
  [
    "without its credential",
    { MACP_AUTH_GUARD_MINT_TOKEN_FILE: "none" },
    "guard-settings",
    "fail",
    /does not exist/,
  ],
  ["of another issuer", { MACP_AUTH_ISSUER: "another" }, "guard-feed", "fail", /MACP_AUTH_ISSUER/],
  [
    "whose mint is away",
    { MACP_AUTH_GUARD_MINT_URL: "http://127.0.0.1:9" },
    "guard-feed",
    "fail",
    /cannot be reached/,
  ],
  [
    "that lets a revoked token pass for an hour of an outage",
    { MACP_AUTH_GUARD_STALE_SECONDS: "3600" },
    "guard-staleness",
    "warn",
    /3600 s/,
  ],
  ["that anyone may ask", { MACP_AUTH_GUARD_HOST: "0.0.0.0" }, "guard-listener", "warn", /other machines/],
])("a guard %s is reported with the reason", async (_what, env, check, grade, found) => {
  const one = await examined(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")));
  const missing = Object.keys(env).filter((name) => env[name] === "");
  const result =
    missing.length === 0 ? one : await doctor(["--guard"], { environment: { MACP_AUTH_GUARD_PORT: "3203" } });
  expect(result.findings.filter((finding) => finding.check === check && finding.grade === grade)).toEqual(
    expect.arrayContaining([expect.objectContaining({ found: expect.stringMatching(found) as string })]),
  );
  expect(result.code).toBe(grade === "fail" ? 1 : 0);
});

test("a credential that others can read, or that may not follow, is reported, and never shown", async () => {
  await chmod(mint.files.guard, 0o644);
  const open = await examined();
  await chmod(mint.files.guard, 0o600);
  expect(gradesOf(open, "key-file-mode")).toEqual(["fail"]);
  const other = await examined({ MACP_AUTH_GUARD_MINT_TOKEN_FILE: mint.files.minter });
  expect(other.findings.find(({ check }) => check === "guard-feed")).toMatchObject({
    grade: "fail",
    found: expect.stringMatching(/guards: true/) as string,
  });
});

test("--guard is of its own settings, not of a running service or a runtime", async () => {
  expect((await run(["--guard", "--url", mint.url])).code).toBe(2);
});
