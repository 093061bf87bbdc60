import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readlink, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashSecret, writeSecretHash } from "../../callers/secrets/secret-hash.ts";
import { generateSecret } from "../../callers/secrets/secret-text.ts";
import { loadSettings } from "../../config/environment.ts";
import { systemClock, systemStopwatch } from "../../kernel/clock.ts";
import type { Machine } from "../../kernel/machine.ts";
import { systemRandom } from "../../kernel/random.ts";
import type { Secret } from "../../kernel/secret.ts";
import { systemTimers } from "../../kernel/timers.ts";
import { openLog } from "../../telemetry/log.ts";
import { publicJwk } from "../../testing/issuers/test-issuer.ts";
import type { AccessDirectory, OpenAccess } from "./access-directory.ts";
import { loadCallers } from "./load-callers.ts";

// A document that changes while the service runs, on a real disk, read by the real thread: `npm run build` first.

const THREAD = new URL("../../../dist/wiring/access/document-thread.js", import.meta.url);
if (!existsSync(THREAD)) throw new Error("the thread is not built; run: npm run build");

const machine: Machine = {
  clock: systemClock,
  stopwatch: systemStopwatch,
  random: systemRandom(),
  timers: systemTimers,
};

let folder: string;
let at: (name: string) => string;
let lines: { readonly event: string; readonly fault?: string; readonly message?: string }[];
let open: OpenAccess;

/** A document with callers of these names. */
const documentOf = (...names: readonly string[]): string =>
  `version: 1\ncallers:\n${names.map((name) => `  ${name}: {}\n`).join("")}`;
const FIRST = documentOf("first");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-reload-"));
  at = (name) => join(folder, name);
  lines = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function start(environment: Record<string, string> = {}, adminToken?: Secret): Promise<void> {
  const read = loadSettings({ MACP_AUTH_CONFIG_FILE: at("access.yaml"), ...environment });
  const loaded = await loadCallers(read, adminToken);
  const log = openLog("info", { write: (line) => lines.push(JSON.parse(line) as (typeof lines)[number]) });
  open = loaded.open(log, machine, undefined);
}

const directory = (): AccessDirectory => {
  if (open.directory === undefined) throw new Error("nobody is asked who they are");
  return open.directory;
};
const callers = (): readonly string[] =>
  directory()
    .registry()
    .callers.map(({ id }) => id);
const faults = (): readonly string[] =>
  lines.flatMap(({ event, fault }) => (event === "access_document_rejected" ? [fault ?? ""] : []));

/** Puts something else in the place of the document. */
async function replaced(put: () => Promise<unknown>): Promise<void> {
  await rm(at("access.yaml"));
  await put();
}

/** So many looks, as the service makes one each second. */
async function look(count = 2): Promise<void> {
  for (let index = 0; index < count; index += 1) await open.look();
}

/** Whatever was done to the file: nothing changes, it is reported once, and a good document is read again. */
async function expectNothingButReports(fault: RegExp): Promise<void> {
  const { policyHash } = directory().status();
  await look(5);
  expect(callers()).toEqual(["first"]);
  expect(directory().status()).toMatchObject({ policyHash, isStale: true });
  expect(faults().length).toBeGreaterThan(0);
  expect(faults()[0]).toMatch(fault);
  const reported = faults().length;
  await look(12);
  expect(faults().length).toBe(reported);
}

async function expectRecovery(): Promise<void> {
  await rm(at("access.yaml"), { recursive: true, force: true });
  await writeFile(at("access.yaml"), documentOf("first", "second"));
  await look(3);
  expect(callers()).toEqual(["first", "second"]);
  expect(directory().status().isStale).toBe(false);
  expect(lines.at(-1)?.event).toBe("access_changed");
}

describe("a document that becomes bad while the service runs changes nothing, is reported once, and recovers", () => {
  const byteOrderMark = "\ufeff";
  test.each<readonly [string, string | Uint8Array, RegExp]>([
    ["nothing", "", /access\.yaml:1:1 the document must be a mapping/],
    ["half of a document", documentOf("first", "second").slice(0, -6), /access\.yaml:4:/],
    ["an unclosed quote", `${FIRST}  second: {owner: "x`, /missing here or before/],
    ["a second document", `${FIRST}---\n${FIRST}`, /a second document begins/],
    ["a name twice", `${FIRST}  first: {}\n`, /"first" stands here twice/],
    ["a tab", `${FIRST}\tsecond: {}\n`, /a tab is used/],
    ["yes", "version: 1\ncallers: {first: {disabled: yes}}", /must be true or false/],
    ["a NUL", `${FIRST}  sec\0nd: {}\n`, /U\+0000/],
    ["UTF-16", Buffer.from(`${byteOrderMark}${FIRST}`, "utf16le"), /not UTF-8/],
    ["Latin-1", Buffer.from(`${FIRST}  second: {owner: André}\n`, "latin1"), /not UTF-8/],
    ["binary", Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7) % 256)), /UTF-8/],
    ["a reference to nothing", "version: 1\ncallers: *first", /begins a reference/],
    ["a part of itself", "version: 1\ncallers: &a {first: *a}", /refers to its own parts/],
    ["lists in lists", `version: 1\ncallers: ${"[".repeat(100_000)}`, /access\.yaml:/],
    ["mappings in mappings", `${"{a: ".repeat(20_000)}1${"}".repeat(20_000)}`, /access\.yaml:/],
    ["another version", "version: 2", /version must be 1/],
    [
      "a grant to nobody",
      `${FIRST}grants: [{name: a, callers: [b], senders: [c], scopes: {}}]`,
      /not declared/,
    ],
  ])("%s", async (_, text, fault) => {
    await writeFile(at("access.yaml"), FIRST);
    await start();
    await writeFile(at("access.yaml"), text);
    await expectNothingButReports(fault);
    await expectRecovery();
  });

  test.each<readonly [string, () => Promise<unknown>, RegExp]>([
    ["the file is gone", () => rm(at("access.yaml")), /does not exist/],
    ["its folder is gone", () => rename(folder, `${folder}-away`), /does not exist/],
    ["a folder has its name", () => replaced(() => mkdir(at("access.yaml"))), /regular file/],
    [
      "its link leads in a circle",
      () => replaced(() => symlink("access.yaml", at("access.yaml"))),
      /circle of symbolic links/,
    ],
    ["its link leads nowhere", () => replaced(() => symlink("absent", at("access.yaml"))), /does not exist/],
    ["it is larger than 32 MiB", () => truncate(at("access.yaml"), 33 * 1_048_576), /larger than 32 MiB/],
    ["it is 10 MiB of nothing", () => truncate(at("access.yaml"), 10 * 1_048_576), /U\+0000/],
  ])("%s", async (_, change, fault) => {
    await writeFile(at("access.yaml"), FIRST);
    await start();
    await change();
    await expectNothingButReports(fault);
    if (!existsSync(folder)) await rename(`${folder}-away`, folder);
    await expectRecovery();
  });

  test("a large document is read in the thread at the start too, and its fault has its place", async () => {
    const large = documentOf(...Array.from({ length: 20_000 }, (_, index) => `caller-${String(index)}`));
    const startApart = async (text: string) => {
      await writeFile(at("access.yaml"), text);
      const read = loadSettings({ MACP_AUTH_CONFIG_FILE: at("access.yaml") });
      return loadCallers(read, undefined, undefined, systemTimers);
    };
    expect((await startApart(large)).registry.callers.length).toBe(20_000);
    await expect(startApart(`${large}  last: {ower: a}\n`)).rejects.toThrow(
      /access\.yaml:20003:10 callers\.last\.ower is not a name that is known here/,
    );
  });

  test("a document of 10 MB is read beside the service, which answers all the time", async () => {
    await writeFile(at("access.yaml"), FIRST);
    await start();
    const names = Array.from({ length: 60_000 }, (_, index) => `caller-with-a-longer-name-${String(index)}`);
    const text = `version: 1\ncallers:\n${names.map((name) => `  ${name}: {owner: "${"o".repeat(130)}"}\n`).join("")}`;
    expect(text.length).toBeGreaterThan(10_000_000);
    await writeFile(at("access.yaml"), text);
    let longestMs = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - last);
      last = now;
    }, 5);
    await look(3);
    clearInterval(timer);
    expect(callers().length).toBe(60_000);
    // Taking over what the thread read; parsing it takes many seconds.
    expect(longestMs).toBeLessThan(2_000);
  });
});

describe("as Kubernetes mounts it, behind links that are replaced at once", () => {
  const version = async (name: string, document: string, keys: string): Promise<void> => {
    await mkdir(at(name));
    await writeFile(join(at(name), "access.yaml"), document);
    await writeFile(join(at(name), "keys.json"), keys);
  };
  const swap = async (name: string): Promise<void> => {
    await symlink(name, at("..data_tmp"));
    await rename(at("..data_tmp"), at("..data"));
  };
  const withKeys = (...names: readonly string[]): string =>
    `version: 1\ncallers:\n${names.map((name) => `  ${name}: {proofs: [{private_key_jwt: {jwks_file: keys.json}}]}\n`).join("")}`;
  const keysOf = (kid: string): string => JSON.stringify({ keys: [publicJwk(kid)] });
  const kids = () =>
    directory()
      .registry()
      .callers.flatMap(({ assertionKeys }) => assertionKeys.map(({ kid }) => kid));

  beforeEach(async () => {
    await version("..v1", withKeys("first"), keysOf("one"));
    await symlink("..v1", at("..data"));
    for (const name of ["access.yaml", "keys.json"]) await symlink(join("..data", name), at(name));
    await start();
  });

  test("the document and the files that it names change together", async () => {
    await version("..v2", withKeys("first", "second"), keysOf("two"));
    await swap("..v2");
    await rm(at("..v1"), { recursive: true });
    await look(3);
    expect([callers(), kids()]).toEqual([
      ["first", "second"],
      ["two", "two"],
    ]);
    expect(await readlink(at("access.yaml"))).toBe("..data/access.yaml");
  });

  test("a swap to a bad file that it names changes nothing, and the swap back recovers", async () => {
    await version("..v2", withKeys("first", "second"), '{"keys":[],"keys":[]}');
    await swap("..v2");
    await look(4);
    expect([callers(), kids()]).toEqual([["first"], ["one"]]);
    expect(faults()).toEqual([
      expect.stringMatching(/access\.yaml:3:[0-9]+ callers\.first\.proofs\[0\].*has a member twice/),
      expect.stringMatching(/access\.yaml:4:[0-9]+ callers\.second/),
    ]);
    await swap("..v1");
    await look(3);
    expect(directory().status().isStale).toBe(false);
    expect(kids()).toEqual(["one"]);
  });

  test("callers with assertion keys and no shared store are warned about once", async () => {
    const warnings = () => lines.filter(({ event }) => event === "assertions_in_memory");
    expect(warnings()).toMatchObject([{ message: expect.stringContaining("private_key_jwt") as string }]);
    await version("..v2", withKeys("first", "second"), keysOf("two"));
    await swap("..v2");
    await look(3);
    expect(callers().length).toBe(2);
    expect(warnings().length).toBe(1);
  });
});

describe("a secret that is a setting is no caller's", () => {
  const secret = generateSecret(machine.random);
  const line = writeSecretHash(hashSecret(machine.random, secret));
  const withSecret = `version: 1\ncallers: {first: {proofs: [{secret: "${line}"}]}}`;
  const ADMIN = { MACP_AUTH_ADMIN_PORT: "3201", MACP_AUTH_ADMIN_TOKEN: secret.reveal() };
  const SHARED = { MACP_AUTH_SHARED_SECRET: secret.reveal() };

  test.each([
    [
      "the token of the admin listener",
      ADMIN,
      secret,
      "MACP_AUTH_ADMIN_TOKEN is also the secret of a caller",
    ],
    [
      "the shared secret",
      SHARED,
      undefined,
      "MACP_AUTH_SHARED_SECRET is also the secret of the caller first",
    ],
  ])("%s, at a start and after a reload", async (_, environment, token, fault) => {
    await writeFile(at("access.yaml"), withSecret);
    await expect(start(environment, token)).rejects.toThrow(fault);

    await writeFile(at("access.yaml"), FIRST);
    await start(environment, token);
    await writeFile(at("access.yaml"), withSecret);
    await expectNothingButReports(new RegExp(fault));
    expect(directory().view().proofs.directory.secrets.size).toBe(0);
    await expectRecovery();
  });

  test("both of one text", async () => {
    await writeFile(at("access.yaml"), FIRST);
    await expect(start({ ...ADMIN, ...SHARED }, secret)).rejects.toThrow("is also the secret of a caller");
  });
});

test.each(["", "\n", "short", " \t\r\n"])(
  "a file of the shared secret that holds %j ends the start",
  async (text) => {
    await writeFile(at("secret"), text);
    const read = loadSettings({ MACP_AUTH_SHARED_SECRET_FILE: at("secret") });
    await expect(loadCallers(read, undefined)).rejects.toThrow(
      "MACP_AUTH_SHARED_SECRET_FILE holds fewer than 32",
    );
  },
);
