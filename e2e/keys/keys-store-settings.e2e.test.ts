import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandResult, macpAuthWith } from "../support/operator.ts";
import { startService } from "../support/service-process.ts";

interface Listed {
  readonly kid: string;
  readonly alg: string;
  readonly state: string;
  readonly published_from: number;
  readonly ready_from: number;
}

describe("a command in a shell that sets the store and no other setting of the service that ran on it", {
  timeout: 120_000,
}, () => {
  let folder: string;
  let bare: Record<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-shell-"));
    const kek = join(folder, "kek");
    await writeFile(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
    bare = { MACP_AUTH_STORE_URL: `sqlite:${join(folder, "keys.db")}`, MACP_AUTH_KEK_FILE: kek };
    const service = await startService({
      ...bare,
      MACP_AUTH_SIGNING_ALG: "ES256",
      MACP_AUTH_KEY_LEAD_SECONDS: "9000",
      MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: "4000",
    });
    await service.stop();
  });
  afterAll(() => rm(folder, { recursive: true }));

  const keys = (own: Record<string, string>, ...args: readonly string[]): CommandResult =>
    macpAuthWith({ ...bare, ...own }, "keys", ...args);
  const listed = (): readonly Listed[] =>
    (JSON.parse(keys({}, "list", "--json").out) as { keys: Listed[] }).keys;

  test("lists keys by the lead of the service, not by the default", () => {
    const [standby] = listed().filter(({ state }) => state === "standby");
    expect((standby?.ready_from ?? 0) - (standby?.published_from ?? 0)).toBe(9_000);
  });

  test("rotates the service's ES256 key, and makes none for RS256", () => {
    const standby = listed().find(({ state }) => state === "standby")?.kid ?? "none";
    const rotated = keys({}, "rotate", "--accept-short-lead");
    expect(rotated).toMatchObject({ code: 0, err: "" });
    expect(rotated.out).toContain(`signs now:        ${standby}\n`);
    expect(keys({}, "prepare")).toMatchObject({ code: 0, err: "" });
    expect(listed().map(({ alg, state }) => `${alg} ${state}`)).toEqual([
      "ES256 signing",
      "ES256 standby",
      "ES256 retiring",
    ]);
  });

  test("is rejected when the shell sets another algorithm or time: one line names both values and the fix, and nothing changes", () => {
    const before = listed();
    for (const args of [["rotate", "--accept-short-lead"], ["prepare"]]) {
      const { code, out, err } = keys(
        { MACP_AUTH_SIGNING_ALG: "RS256", MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: "0" },
        ...args,
      );
      expect([code, out]).toEqual([1, ""]);
      expect(err.replaceAll(/last report [^)]+ ago/g, "last report … ago")).toBe(
        "macp-auth: MACP_AUTH_SIGNING_ALG is RS256 here, and the service on this store runs with ES256 (last report … ago); unset it here, or restart the service with MACP_AUTH_SIGNING_ALG=RS256 first\n" +
          "macp-auth: MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS is 0 here, and the service on this store runs with 4000 (last report … ago); unset it here, or restart the service with MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS=0 first\n",
      );
    }
    expect(listed()).toEqual(before);
  });

  test("may set the same values as the service", () => {
    const own = { MACP_AUTH_SIGNING_ALG: "ES256", MACP_AUTH_KEY_LEAD_SECONDS: "9000" };
    expect(keys(own, "list")).toMatchObject({ code: 0, err: "" });
  });

  test("that only reads warns of another setting, and shows the service's", () => {
    const result = keys({ MACP_AUTH_SIGNING_ALG: "RS256" }, "list", "--json");
    expect(result.code).toBe(0);
    expect(result.err).toMatch(
      /^macp-auth: warning: MACP_AUTH_SIGNING_ALG is RS256 here, .* runs with ES256/,
    );
    expect((JSON.parse(result.out) as { keys: Listed[] }).keys).toEqual(listed());
  });
});
