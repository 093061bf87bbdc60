import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportLedger } from "../../cli/ledger/export.ts";
import { type LedgerCopy, ledgerOf, newNoteSigner, storeOf } from "./copy.ts";
import { TAMPERINGS } from "./tamperings.ts";

const VERIFIER = fileURLToPath(new URL("../../../../docs/verify_ledger.py", import.meta.url));
const RUNS = 200;
/** What an export does not show: the time of a note is in its text as well, and rows after the end may have been written meanwhile. */
const NOT_EXPORTED = new Set(["the time of a note", "a row after the end"]);

/** A Python that has the package; `undefined`: none has. */
const python = ["python3", "/usr/bin/python3"].find(
  (program) => spawnSync(program, ["-c", "import cryptography"]).status === 0,
);

describe.skipIf(python === undefined && process.env["CI"] !== "true")(
  "the independent verifier of docs/",
  () => {
    const signer = newNoteSigner();
    const ledger = ledgerOf([150, 120, 90], 20, signer);
    let folder = "";
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "macp-auth-export-"));
    });
    afterAll(() => {
      rmSync(folder, { recursive: true });
    });

    const exported = async (name: string, copy: LedgerCopy): Promise<string> => {
      const lines: string[] = [];
      const notes = { keys: { verifiers: () => Promise.resolve([signer]) } };
      await exportLedger({ audit: storeOf(copy), notes }, { out: (text) => void lines.push(text) });
      const path = join(folder, name);
      writeFileSync(path, lines.join(""));
      return path;
    };
    const run = (...paths: string[]) =>
      spawnSync(python ?? "python3", [VERIFIER, signer.key, "--", ...paths], { encoding: "utf8" });

    test("has at most 60 lines", () => {
      expect(
        Number(execFileSync("wc", ["-l", VERIFIER], { encoding: "utf8" }).split(" ")[0]),
      ).toBeLessThanOrEqual(60);
    });

    test("finds nothing in a ledger that nobody changed", async () => {
      const { status, stdout, stderr } = run(await exported("whole", ledger));
      expect({ status, stdout, stderr }).toMatchObject({ status: 0, stderr: "" });
      expect(stdout).toContain("nothing was changed");
    });

    test(`finds each of ${String(RUNS)} random changes`, async () => {
      const kinds = Object.entries(TAMPERINGS).filter(([kind]) => !NOT_EXPORTED.has(kind));
      const paths: string[] = [];
      for (let index = 0; index < RUNS; index += 1) {
        const [kind, tamper] = kinds[index % kinds.length] ?? [];
        let seed = index * 7_919;
        const pick = (below: number) => {
          seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
          return Math.floor((seed / 2_147_483_648) * below);
        };
        const { copy } = tamper?.(ledger, pick) ?? { copy: ledger };
        paths.push(await exported(`${String(index)} ${kind ?? ""}`, copy));
      }
      const { stdout, stderr } = run(...paths);
      expect(stderr).toBe("");
      const lines = stdout.trimEnd().split("\n");
      expect(lines).toHaveLength(RUNS);
      expect(lines.filter((line) => line.includes("nothing was changed"))).toEqual([]);
    }, 60_000);
  },
);
