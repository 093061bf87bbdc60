import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { loadSettings } from "./environment.ts";
import { parseStoreUrl } from "./store-url.ts";

const KEK = Buffer.alloc(32, 1).toString("base64url");

function faultOf(url: string): string {
  const read = parseStoreUrl(url);
  return read.kind === "fault" ? read.fault : `accepted as ${inspect(read)}`;
}

describe("a store URL", () => {
  test.each([
    ["sqlite:keys.db", "keys.db"],
    ["sqlite:./keys.db", "./keys.db"],
    ["sqlite:../data/keys.db", "../data/keys.db"],
    ["sqlite:/var/lib/macp-auth/keys.db", "/var/lib/macp-auth/keys.db"],
    ["sqlite:/srv/my keys/100%/keys 1.db", "/srv/my keys/100%/keys 1.db"],
    ["sqlite:/srv/schlüssel/é.db", "/srv/schlüssel/é.db"],
    ["sqlite:keys", "keys"],
    ["sqlite:.keys", ".keys"],
    ["sqlite:keys..", "keys.."],
  ])("%s is the file %s, byte for byte", (url, path) => {
    expect(parseStoreUrl(url)).toEqual({ kind: "sqlite", path });
  });

  test("memory: is a store that ends with the process", () => {
    expect(parseStoreUrl("memory:")).toEqual({ kind: "memory" });
  });

  test.each(["postgres://auth:pw@db/keys", "postgresql://auth:pw@db/keys"])("%s is PostgreSQL", (url) => {
    expect(parseStoreUrl(url)).toMatchObject({ kind: "postgres", user: "auth", database: "keys" });
    expect(inspect(parseStoreUrl(url), { depth: 9 })).not.toContain("pw");
  });

  test.each([
    ["", /memory:$/],
    ["keys.db", /memory:$/],
    ["/var/lib/keys.db", /memory:$/],
    ["mysql://root:hunter2@host/keys", /memory:$/],
    ["https://host/", /memory:$/],
    ["sqlite", /memory:$/],
    ['"sqlite:keys.db"', /remove the quotation marks$/],
    ["memory", /write memory: and nothing more$/],
    ["memory://", /write memory: and nothing more$/],
    ["memory:keys", /write memory: and nothing more$/],
    ["MEMORY:", /write memory: and nothing more$/],
    ["sqlite3:keys.db", /write sqlite: and its path$/],
    ["SQLite:keys.db", /write sqlite: and its path$/],
    ["file:keys.db", /write sqlite: and its path$/],
    ["postgres:keys", /write postgres:\/\/ in small letters, with two slashes$/],
    ["POSTGRES://auth:hunter2@db/keys", /write postgres:\/\/ in small letters, with two slashes$/],
    ["sqlite:", /a path must follow sqlite:$/],
    ["sqlite::memory:", /without a file, write memory: and no sqlite: before it$/],
    ["sqlite:memory:", /without a file, write memory: and no sqlite: before it$/],
    ["sqlite:file:keys.db?mode=rwc", /remove file: and its options; the path follows sqlite: at once$/],
    ["sqlite:FILE:/srv/keys.db", /remove file: and its options/],
    ["sqlite:///srv/keys.db", /write the whole path with one slash: sqlite:\/DIR\/FILE$/],
    ["sqlite:////srv/keys.db", /write the whole path with one slash: sqlite:\/DIR\/FILE$/],
    ["sqlite://keys.db", /remove the two slashes after sqlite: for a path in the working directory/],
    ["sqlite:/srv/keys.db?mode=ro", /the path holds a question mark; sqlite: has no options/],
    ["sqlite:keys.db?", /the path holds a question mark/],
    ["sqlite:keys.db#1", /the path holds #; remove it/],
    ["sqlite:my%20keys.db", /the path holds a percent-escape, and nothing is decoded/],
    ["sqlite:keys.db\0", /an invisible character \(\\u\{0\}\)$/],
    ["sqlite:keys.db\nkeys.db", /an invisible character \(\\u\{a\}\)$/],
    ["sqlite:\ufeffkeys.db", /an invisible character \(\\u\{feff\}\)$/],
    ["sqlite:keys\u200b.db", /an invisible character \(\\u\{200b\}\)$/],
    ["sqlite: keys.db", /begins or ends with a blank; remove it$/],
    ["sqlite:keys.db\u00a0", /begins or ends with a blank; remove it$/],
    ["sqlite:/", /the path names a directory; add the name of a file$/],
    ["sqlite:.", /the path names a directory/],
    ["sqlite:..", /the path names a directory/],
    ["sqlite:/srv/data/", /the path names a directory/],
    ["sqlite:/srv/data/.", /the path names a directory/],
  ])("%j is rejected with the accepted forms", (url, fix) => {
    const fault = faultOf(url);
    expect(fault).toMatch(/^must be sqlite:PATH, postgres:\/\/USER:PASSWORD@HOST\/DATABASE or memory:/);
    expect(fault).toMatch(fix);
    expect(fault).not.toContain("hunter2");
  });

  test("has blanks around it removed, as every setting has, and names its variable in a fault", () => {
    const { settings } = loadSettings({
      MACP_AUTH_STORE_URL: " sqlite:keys.db \r\n",
      MACP_AUTH_KEK: KEK,
    });
    expect(settings.keys.source).toMatchObject({ store: { kind: "sqlite", path: "keys.db" } });
    expect(() => loadSettings({ MACP_AUTH_STORE_URL: "sqlite::memory:", MACP_AUTH_KEK: KEK })).toThrow(
      /^MACP_AUTH_STORE_URL must be sqlite:PATH/,
    );
  });
});
