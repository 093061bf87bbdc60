import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { groupFollower, type MarkedRead, type ReadOfGroup, readMarked } from "./follow-group.ts";
import { readSmallFile } from "./small-file.ts";

interface TestRead extends ReadOfGroup {
  readonly text: string;
}

let folder: string;
let at: (name: string) => string;
/** What the next reads give in place of the files. */
let faults: (TestRead | Error)[];
let reads: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-group-"));
  at = (name) => join(folder, name);
  [faults, reads] = [[], 0];
});
afterEach(() => rm(folder, { recursive: true }));

/** A file that names another one. */
async function readGroup(): Promise<TestRead> {
  reads += 1;
  const fault = faults.shift();
  if (fault instanceof Error) throw fault;
  if (fault !== undefined) return fault;
  const first = await readSmallFile(at("first")).catch(() => "");
  if (first === "") return { text: "absent", paths: [at("first")] };
  const second = await readSmallFile(at(first)).catch(() => "absent");
  return { text: `${first}: ${second}`, paths: [at("first"), at(first)] };
}

async function started(): Promise<{
  readonly start: MarkedRead<TestRead>;
  look: () => Promise<string | undefined>;
}> {
  const start = await readMarked([at("first")], readGroup);
  const follow = groupFollower(start, readGroup);
  return { start, look: async () => (await follow())?.text };
}

/** Two looks: a change is read when they agree on it. */
async function twice(look: () => Promise<string | undefined>): Promise<string | undefined> {
  expect(await look()).toBeUndefined();
  return look();
}

describe("a group of files", () => {
  beforeEach(async () => {
    await writeFile(at("first"), "second");
    await writeFile(at("second"), "1");
  });

  test("is read again when a file changes that only another one names", async () => {
    const { start, look } = await started();
    expect(start.read.text).toBe("second: 1");
    expect(await twice(look)).toBeUndefined();
    await writeFile(at("second"), "2");
    expect(await twice(look)).toBe("second: 2");
    await writeFile(at("third"), "3");
    await writeFile(at("first"), "third");
    expect(await twice(look)).toBe("third: 3");
    await writeFile(at("second"), "of no interest");
    expect(await twice(look)).toBeUndefined();
  });

  test("is read again when a file that it names is removed, and when it is there again", async () => {
    const { look } = await started();
    await rename(at("second"), at("away"));
    expect(await twice(look)).toBe("second: absent");
    expect(await twice(look)).toBeUndefined();
    await rename(at("away"), at("second"));
    expect(await twice(look)).toBe("second: 1");
  });

  test("behind a link that is replaced at once, as Kubernetes does it, is read whole", async () => {
    for (const version of ["v1", "v2"]) {
      await rm(at(version), { recursive: true, force: true });
      await writeFile(at(`first-${version}`), "second");
      await writeFile(at(`second-${version}`), version);
    }
    await rm(at("second"));
    await symlink(at("second-v1"), at("second"));
    const { look } = await started();
    await symlink(at("second-v2"), at("..next"));
    await rename(at("..next"), at("second"));
    expect(await twice(look)).toBe("second: v2");
  });

  test("is read again at the next look when the reading itself failed", async () => {
    const { look } = await started();
    await writeFile(at("second"), "2");
    expect(await look()).toBeUndefined();
    faults = [new Error("no thread")];
    await expect(look()).rejects.toThrow("no thread");
    expect(await look()).toBe("second: 2");
  });

  test("that failed for a reason that may pass is said once, and read again every ten looks until it passes", async () => {
    const { look } = await started();
    const busy = { text: "busy", paths: [at("first"), at("second")], mayPass: true };
    await writeFile(at("second"), "2");
    faults = [busy, busy, busy];
    expect(await twice(look)).toBe("busy");
    reads = 0;
    for (let index = 0; index < 29; index += 1) expect(await look()).toBeUndefined();
    expect(reads).toBe(2);
    expect(await look()).toBe("second: 2");
    for (let index = 0; index < 30; index += 1) expect(await look()).toBeUndefined();
    expect(reads).toBe(3);
  });

  test("that failed for a reason that may pass is read at once when it changes", async () => {
    const { look } = await started();
    await writeFile(at("second"), "2");
    faults = [{ text: "busy", paths: [at("first"), at("second")], mayPass: true }];
    expect(await twice(look)).toBe("busy");
    await writeFile(at("second"), "3");
    expect(await twice(look)).toBe("second: 3");
  });
});
