import { describe, expect, test } from "vitest";
import type { FileFacts, FolderFacts } from "../../../files/file-facts.ts";
import { after, epochSeconds } from "../../../kernel/clock.ts";
import {
  documentIsWrittenByUs,
  foldersAreOurs,
  keyIsYoung,
  type SecretFileCase,
  secretFileIsOurs,
  secretFileIsPrivate,
} from "./secret-file-rules.ts";

const NOW = epochSeconds(1_800_000_000);
const US = 1000;
const SOMEONE = 1001;
const DAY = 86_400;

function folder(override: Partial<FolderFacts> = {}): FolderFacts {
  return { path: "/keys", mode: 0o700, ownerId: US, entryOwnerId: US, ...override };
}

function seen(file: Partial<FileFacts> = {}, override: Partial<SecretFileCase> = {}): SecretFileCase {
  const valid: FileFacts = {
    path: "/keys/key.json",
    mode: 0o600,
    ownerId: US,
    modifiedAt: NOW,
    folders: [folder()],
  };
  return { file: { ...valid, ...file }, userId: US, now: NOW, ...override };
}

describe("the mode of a key file", () => {
  test.each([0o600, 0o400, 0o700])("%i is fine: nobody else can read it", (mode) => {
    expect(secretFileIsPrivate(seen({ mode }))).toMatchObject([{ grade: "ok" }]);
  });

  test.each([0o644, 0o640, 0o604, 0o602, 0o620, 0o660, 0o666])(
    "%i fails: others can read or write the key",
    (mode) => {
      expect(secretFileIsPrivate(seen({ mode }))).toMatchObject([
        { grade: "fail", fix: "chmod 600 /keys/key.json" },
      ]);
    },
  );

  test("of a mounted secret, root's and readable by the group, is a warning and no failure", () => {
    expect(secretFileIsPrivate(seen({ mode: 0o440, ownerId: 0 }))).toMatchObject([{ grade: "warn" }]);
    expect(secretFileIsPrivate(seen({ mode: 0o444, ownerId: 0 }))).toMatchObject([{ grade: "fail" }]);
    expect(secretFileIsPrivate(seen({ mode: 0o460, ownerId: 0 }))).toMatchObject([{ grade: "fail" }]);
  });

  test("says nothing where the system has no user numbers", () => {
    const facts = seen({ mode: 0o666 }, { userId: undefined });
    expect([...secretFileIsPrivate(facts), ...secretFileIsOurs(facts), ...foldersAreOurs(facts)]).toEqual([]);
  });
});

test("the access document may be read by others, and fails where they can write it", () => {
  const graded = (mode: number) => documentIsWrittenByUs(seen({ mode })).map(({ grade }) => grade);
  for (const mode of [0o600, 0o644, 0o444]) expect(graded(mode), String(mode)).toEqual(["ok"]);
  for (const mode of [0o620, 0o602, 0o666]) expect(graded(mode), String(mode)).toEqual(["fail"]);
});

describe("the owner of a key file", () => {
  test("is this user or root, and anyone else fails", () => {
    expect(secretFileIsOurs(seen({ ownerId: US }))).toMatchObject([{ grade: "ok" }]);
    expect(secretFileIsOurs(seen({ ownerId: 0 }))).toMatchObject([{ grade: "ok" }]);
    expect(secretFileIsOurs(seen({ ownerId: SOMEONE }))).toMatchObject([{ grade: "fail" }]);
  });

  test("is a warning when root looks at another user's file, which may be right", () => {
    expect(secretFileIsOurs(seen({ ownerId: US }, { userId: 0 }))).toMatchObject([{ grade: "warn" }]);
  });
});

describe("the folders above a key file", () => {
  const gradeOf = (...folders: FolderFacts[]) => foldersAreOurs(seen({ folders })).map(({ grade }) => grade);

  test("are fine when they are this user's or root's, and nobody else can write in them", () => {
    expect(gradeOf(folder(), folder({ path: "/", mode: 0o755, ownerId: 0 }))).toEqual(["ok"]);
  });

  test("fail when every user can write in one of them, however far up it is", () => {
    expect(gradeOf(folder(), folder({ path: "/", mode: 0o757, ownerId: 0 }))).toEqual(["fail"]);
    expect(gradeOf(folder({ mode: 0o777 }))).toEqual(["fail"]);
  });

  test("are a warning when a group can write there", () => {
    expect(gradeOf(folder({ mode: 0o775 }))).toEqual(["warn"]);
  });

  test("fail when another user owns one, who can always write there", () => {
    expect(gradeOf(folder({ ownerId: SOMEONE }))).toEqual(["fail"]);
  });

  test("are fine below a sticky folder, where only the owner of an entry can rename it", () => {
    expect(gradeOf(folder({ path: "/tmp", mode: 0o1777, ownerId: 0, entryOwnerId: US }))).toEqual(["ok"]);
    expect(gradeOf(folder({ path: "/tmp", mode: 0o1777, ownerId: 0, entryOwnerId: SOMEONE }))).toEqual([
      "fail",
    ]);
  });

  test("give one finding, the worst one", () => {
    const folders = [folder({ path: "/a/b", mode: 0o775 }), folder({ path: "/a", mode: 0o777 })];
    expect(foldersAreOurs(seen({ folders }))).toMatchObject([{ grade: "fail", fix: "chmod go-w /a" }]);
  });
});

describe("the age of a key", () => {
  test("is fine through its thirtieth day, and then is a warning that advises rotation", () => {
    expect(keyIsYoung(seen({ modifiedAt: after(NOW, -30 * DAY) }))).toMatchObject([{ grade: "ok" }]);
    expect(keyIsYoung(seen({ modifiedAt: after(NOW, -31 * DAY) }))).toMatchObject([
      { grade: "warn", fix: "rotate: macp-auth keygen --add-to /keys/key.json" },
    ]);
  });

  test("is nothing for a file from the future", () => {
    expect(keyIsYoung(seen({ modifiedAt: after(NOW, DAY) }))).toMatchObject([
      { grade: "ok", found: "/keys/key.json last changed 0 days ago" },
    ]);
  });
});
