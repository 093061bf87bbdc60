import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getListFromStatusListJWT } from "@sd-jwt/jwt-status-list";
import { createLocalJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerId } from "../testing/callers.ts";
import { kid, order, sender } from "../testing/contracts/revocations-contract.ts";
import { type MintedStatus, type StatusHouse, statusHouse } from "../testing/status-lists.ts";

const TOKENS = Number(process.env["MACP_STATUS_TOKENS"] ?? 100_000);
const SCRIPT = fileURLToPath(new URL("../../../docs/check_status.py", import.meta.url));

/** A Python that has the package; `undefined`: none has. */
const python = ["python3", "/usr/bin/python3"].find(
  (program) => spawnSync(program, ["-c", "import cryptography"]).status === 0,
);

describe(`the lists of ${String(TOKENS)} tokens with random revocations, read by others (N27a)`, () => {
  let house: StatusHouse;
  let minted: readonly MintedStatus[];
  let lists: ReadonlyMap<string, string>;
  /** The statuses that are due, by the rule that each revocation states. */
  let due: readonly number[];
  beforeAll(async () => {
    house = await statusHouse(3_600);
    // Independent verifiers go by the clock of the machine.
    house.move(Date.now() / 1_000 - house.clock.now());
    const random = (count: number) => Math.floor(Math.random() * count);
    const facts = Array.from({ length: TOKENS }, () => ({
      caller: callerId(`c${String(random(8))}`),
      sender: sender(`agent://${String(random(200))}`),
      run: `r${String(random(20))}`,
      kid: kid(`k${String(random(2))}`),
    }));
    const callers = ["c0", "c1"].map(callerId);
    // Revocations look at what is recorded: the others would only make the test slow.
    minted = await house.mintAll(
      facts,
      ({ caller, sender: agent, run }) =>
        callers.includes(caller) || agent === "agent://7" || run === "r3" || run === "r4",
    );
    for (const caller of callers) await house.revocations.revoke({ kind: "caller", caller }, order());
    await house.revocations.revoke({ kind: "sender", sender: sender("agent://7") }, order());
    const { epoch } = await house.revocations.revoke({ kind: "run", run: "r3" }, order());
    await house.revocations.revoke({ kind: "run", run: "r4" }, order());
    await house.revocations.undo(epoch, order());
    const single = new Set(Array.from({ length: 1 }, () => minted[random(TOKENS)]?.jti ?? ""));
    for (const { jti } of minted.filter((one) => single.has(one.jti)))
      await house.revocations.revoke({ kind: "jti", jti }, order());
    due = minted.map(({ jti, facts: { caller, sender: agent, run } }) =>
      callers.includes(caller) || agent === "agent://7" || run === "r4" || single.has(jti) ? 1 : 0,
    );
    await house.view.look();
    lists = await served(house, minted);
  }, 120_000);

  test("by @sd-jwt/jwt-status-list, and jose for the signature: each token has the status that is due", async () => {
    const keys = createLocalJWKSet({ keys: (house.view.jwks ?? []).map((key) => ({ ...key })) });
    const read = new Map<string, { getStatus(idx: number): number }>();
    for (const [uri, token] of lists) {
      await jwtVerify(token, keys, { typ: "statuslist+jwt", subject: uri, algorithms: ["ES256"] });
      read.set(uri, getListFromStatusListJWT(token));
    }
    const found = minted.map(({ claim: { status_list: of } }) => read.get(of.uri)?.getStatus(of.idx));
    expect(found.filter((status, at) => status !== due[at])).toEqual([]);
    expect(due.filter((status) => status === 1).length).toBeGreaterThan(TOKENS / 5);
    expect(due.filter((status) => status === 0).length).toBeGreaterThan(TOKENS / 5);
  });

  describe.skipIf(python === undefined && process.env["CI"] !== "true")("by docs/check_status.py", () => {
    let folder = "";
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "macp-auth-status-"));
    });
    afterAll(() => {
      rmSync(folder, { recursive: true });
    });
    const run = (texts: readonly string[], input: string) => {
      writeFileSync(join(folder, "jwks.json"), JSON.stringify({ keys: house.view.jwks }));
      const paths = texts.map((text, at) => {
        const path = join(folder, `${String(at)}.jwt`);
        writeFileSync(path, text);
        return path;
      });
      const args = [SCRIPT, join(folder, "jwks.json"), ...paths];
      return spawnSync(python ?? "python3", args, { encoding: "utf8", input, maxBuffer: 64 * 1_048_576 });
    };

    test("each token has the status that is due", () => {
      const input = minted.map(({ claim: { status_list: of } }) => `${of.uri} ${String(of.idx)}\n`).join("");
      const { status, stdout, stderr } = run([...lists.values()], input);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout.trim().split("\n").map(Number)).toEqual(due);
    });

    test("a list that was changed, and a token without a list, have no status", () => {
      const [[uri, token] = ["", ""]] = [...lists];
      const at = token.indexOf(".") + 400;
      const other = token[at] === "A" ? "B" : "A";
      const changed = run([`${token.slice(0, at)}${other}${token.slice(at + 1)}`], `${uri} 0\n`);
      expect([changed.status, changed.stdout]).toEqual([1, ""]);
      expect(run([token], "https://elsewhere.example/statuslists/0 0\n").stdout).toBe(
        "there is no list with this address\n",
      );
    });
  });
});

/** The list of each address. */
async function served(
  house: StatusHouse,
  minted: readonly MintedStatus[],
): Promise<ReadonlyMap<string, string>> {
  const places = new Map(minted.map(({ place, claim }) => [claim.status_list.uri, place.list]));
  const lists = new Map<string, string>();
  for (const [uri, id] of places) {
    const asked = await house.view.list(id);
    if (asked.kind !== "list") throw new Error(asked.kind);
    lists.set(uri, asked.list.token);
  }
  return lists;
}
