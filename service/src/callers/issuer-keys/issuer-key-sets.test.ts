import { beforeEach, describe, expect, test } from "vitest";
import { issuerEntry } from "../../testing/issuers/issuer-entry.ts";
import { documentOf, publicJwk, TestIssuer, TestStopwatch } from "../../testing/issuers/test-issuer.ts";
import { TestClock } from "../../testing/moments.ts";
import type { KnownKeys } from "../foreign/issuer-keys.ts";
import { IssuerKeySets } from "./issuer-key-sets.ts";

const entry = issuerEntry();
const KEYS_URL = "https://issuer.example/keys";
const KEY_A = publicJwk("a");
const KEY_B = publicJwk("b");

let server: TestIssuer;
let stopwatch: TestStopwatch;
let sets: IssuerKeySets;
/** What the file of the bearer token holds. */
let bearer: string;

beforeEach(() => {
  bearer = "one.two.three\n";
  server = new TestIssuer();
  stopwatch = new TestStopwatch();
  sets = newSets();
});

function newSets(): IssuerKeySets {
  return new IssuerKeySets({
    fetchDocument: server.fetchDocument,
    readBearer: (path) =>
      path === "/token" ? Promise.resolve(bearer) : Promise.reject(new Error("no file")),
    clock: new TestClock(),
    stopwatch,
  });
}

const find = (kid: string | undefined = "a") => sets.find(entry, { kid, alg: "ES256" });
const settled = () => new Promise((resolve) => setImmediate(resolve));
const kidsOf = (known: KnownKeys) => (known.kind === "keys" ? known.keys.map(({ kid }) => kid) : known.kind);

describe("the keys of an issuer", () => {
  test("are fetched when the first is needed, and then known for five minutes", async () => {
    server.publish([KEY_A]);

    expect(await find()).toMatchObject({ kind: "keys", keys: [{ kid: "a" }], isStale: false });
    stopwatch.seconds += 239;
    expect(kidsOf(await find())).toEqual(["a"]);
    expect(server.asked.map(({ url }) => url)).toEqual([KEYS_URL]);
  });

  test("are fetched once for all who need them at the same time", async () => {
    server.publish([KEY_A]);
    const found = await Promise.all(Array.from({ length: 100 }, () => find()));

    expect(found.map(kidsOf)).toEqual(Array.from({ length: 100 }, () => ["a"]));
    expect(server.asked.length).toBe(1);
  });

  test("are fetched again before they are old, and nobody waits for it", async () => {
    server.publish([KEY_A]);
    await find();
    server.publish([KEY_B]);
    stopwatch.seconds += 241;

    expect(kidsOf(await find("a"))).toEqual(["a"]);
    await settled();
    expect(kidsOf(await find("b"))).toEqual(["b"]);
    expect(kidsOf(await find("a"))).toEqual([]);
    expect(server.asked.length).toBe(2);
  });

  test("that nobody needed for long are fetched before they are used again", async () => {
    server.publish([KEY_A]);
    await find();
    server.publish([KEY_B]);
    stopwatch.seconds += 301;

    expect(await find("a")).toMatchObject({ kind: "keys", keys: [] });
  });

  test.each([
    [0, 60],
    [120, 120],
    [86_400, 3600],
    [undefined, 300],
  ])("with max-age %s are fresh for %i s", async (maxAge, seconds) => {
    server.publish([KEY_A], maxAge);
    await find();
    server.publish([KEY_B]);
    stopwatch.seconds += seconds * 0.8 - 1;
    await find("a");
    await settled();
    expect(server.asked.length).toBe(1);
    stopwatch.seconds += 2;
    await find("a");
    await settled();
    expect(server.asked.length).toBe(2);
  });

  test("with another id than the token's are not given, and without an id only the only one", async () => {
    server.publish([KEY_A, publicJwk(undefined)]);
    expect(kidsOf(await find("a"))).toEqual(["a"]);
    expect(kidsOf(await find("A"))).toEqual([]);
    expect(kidsOf(await sets.find(entry, { kid: undefined, alg: "ES256" }))).toEqual([]);
    expect(kidsOf(await sets.find(entry, { kid: "a", alg: "RS256" }))).toEqual([]);

    server.publish([KEY_B]);
    sets.forget(entry);
    expect(kidsOf(await sets.find(entry, { kid: undefined, alg: "ES256" }))).toEqual(["b"]);
  });

  test("are gone when the issuer publishes an empty set", async () => {
    server.publish([KEY_A]);
    await find();
    server.publish([]);
    stopwatch.seconds += 301;

    expect(await find()).toEqual({ kind: "keys", keys: [], isStale: false });
  });
});

describe("an issuer that does not answer", () => {
  test("has no keys when it never did, and is asked again after 1, 2, 4, … 60 s", async () => {
    const askedAt: number[] = [];
    for (let second = 0; second <= 200; second += 1) {
      const before = server.asked.length;
      expect(await find()).toEqual({ kind: "unavailable" });
      if (server.asked.length > before) askedAt.push(second);
      stopwatch.seconds += 1;
    }

    expect(askedAt).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
  });

  test("has its last keys for an hour more, marked as stale, and then none", async () => {
    server.publish([KEY_A]);
    await find();
    server.disappear();
    stopwatch.seconds += 301;

    expect(await find()).toMatchObject({ keys: [{ kid: "a" }], isStale: true });
    expect(sets.list([entry])).toMatchObject([{ state: "stale", lastFailure: { reason: "connect_failed" } }]);
    stopwatch.seconds += 3598;
    expect(await find()).toMatchObject({ keys: [{ kid: "a" }], isStale: true });
    stopwatch.seconds += 1;
    expect(await find()).toEqual({ kind: "unavailable" });
    expect(sets.list([entry])).toMatchObject([{ state: "unavailable", keys: [] }]);
    server.publish([KEY_B]);
    stopwatch.seconds += 60;
    expect(await find("b")).toMatchObject({ keys: [{ kid: "b" }], isStale: false });
  });

  test("makes nobody wait once that is known", async () => {
    server.publish([KEY_A]);
    await find();
    server.disappear();
    stopwatch.seconds += 301;
    await find();
    stopwatch.seconds += 60;
    server.gate = new Promise(() => undefined);

    expect(await find()).toMatchObject({ keys: [{ kid: "a" }], isStale: true });
  });

  test("keeps its keys when it answers with what is not a key set", async () => {
    server.publish([KEY_A]);
    await find();
    server.answers.set(KEYS_URL, documentOf("<html>"));
    stopwatch.seconds += 301;

    expect(await find()).toMatchObject({ keys: [{ kid: "a" }], isStale: true });
    expect(sets.list([entry])).toMatchObject([{ lastFailure: { reason: "not_a_key_set" } }]);
  });

  test("costs one issuer its keys, not the others", async () => {
    server.publish([KEY_A]);
    const other = issuerEntry({
      name: "other",
      keys: { kind: "jwks_url", url: "https://other.example/keys", reach: "public", caPem: undefined },
    });

    expect(await sets.find(other, { kid: "a", alg: "ES256" })).toEqual({ kind: "unavailable" });
    expect(kidsOf(await find())).toEqual(["a"]);
  });
});

describe("an unknown key id", () => {
  test("is looked for once, and found when the issuer has just published it", async () => {
    server.publish([KEY_A]);
    await find();
    server.publish([KEY_A, KEY_B]);
    stopwatch.seconds += 30;

    expect(kidsOf(await find("b"))).toEqual(["b"]);
    expect(server.asked.length).toBe(2);
  });

  test("causes no fetch within 30 s of the last one", async () => {
    server.publish([KEY_A]);
    await find();
    stopwatch.seconds += 29;
    expect(kidsOf(await find("b"))).toEqual([]);
    expect(server.asked.length).toBe(1);
  });

  test("that was not found is not looked for again for five minutes", async () => {
    server.publish([KEY_A], 3600);
    await find();
    for (let second = 0; second < 300; second += 10) {
      stopwatch.seconds += 10;
      await find("never");
    }
    expect(server.asked.length).toBe(2);
    stopwatch.seconds += 40;
    await find("never");
    expect(server.asked.length).toBe(3);
  });

  test("that was not found is found once it is published, by the fetch for another", async () => {
    server.publish([KEY_A], 3600);
    await find();
    stopwatch.seconds += 30;
    await find("b");
    server.publish([KEY_A, KEY_B], 3600);
    stopwatch.seconds += 30;
    await find("another");

    expect(kidsOf(await find("b"))).toEqual(["b"]);
  });

  test("that was not found is looked for again when the issuer has published another set", async () => {
    server.publish([KEY_A], 3600);
    await find();
    stopwatch.seconds += 30;
    await find("b");
    server.publish([KEY_A, publicJwk("c")], 3600);
    stopwatch.seconds += 30;
    await find("c");
    server.publish([KEY_A, KEY_B], 3600);
    stopwatch.seconds += 30;

    expect(kidsOf(await find("b"))).toEqual(["b"]);
  });

  test("makes nobody wait twice in 30 s for an issuer that does not answer", async () => {
    server.publish([KEY_A]);
    await find();
    server.disappear();
    stopwatch.seconds += 30;
    await find("b");
    stopwatch.seconds += 29;
    await find("c");

    expect(server.asked.length).toBe(2);
  });

  test("costs ten thousand requests with random ids one fetch", async () => {
    server.publish([KEY_A]);
    await find();
    stopwatch.seconds += 30;
    await Promise.all(Array.from({ length: 10_000 }, (_, index) => find(`random-${index}`)));

    expect(server.asked.length).toBe(2);
  });
});

describe("the generation of an issuer's keys", () => {
  test("stays while the keys are the same, and changes when they change", async () => {
    server.publish([KEY_A]);
    await find();
    const first = sets.generationOf(entry);
    stopwatch.seconds += 250;
    await find();
    await settled();
    expect(server.asked.length).toBe(2);
    expect(sets.generationOf(entry)).toBe(first);
    server.publish([KEY_A, KEY_B]);
    stopwatch.seconds += 250;
    await find();
    await settled();
    expect(sets.generationOf(entry)).not.toBe(first);
  });

  test("has the keys fetched when they are due, although nobody asks for a key", async () => {
    server.publish([KEY_A]);
    await find();
    const first = sets.generationOf(entry);
    server.publish([KEY_B]);
    stopwatch.seconds += 250;

    expect(sets.generationOf(entry)).toBe(first);
    await settled();
    expect(sets.generationOf(entry)).not.toBe(first);
  });

  test("changes when nobody needed the keys for longer than they are fresh", async () => {
    server.publish([KEY_A]);
    await find();
    const first = sets.generationOf(entry);
    stopwatch.seconds += 301;
    const second = sets.generationOf(entry);
    expect(second).not.toBe(first);
    await settled();
    expect(sets.generationOf(entry)).toBe(second);
    expect(server.asked.length).toBe(2);
  });

  test("changes when the keys are too old to be used", async () => {
    server.publish([KEY_A]);
    await find();
    server.disappear();
    stopwatch.seconds += 3899;
    await find();
    const stale = sets.generationOf(entry);
    stopwatch.seconds += 0.5;
    expect(sets.generationOf(entry)).toBe(stale);
    stopwatch.seconds += 0.5;
    expect(sets.generationOf(entry)).not.toBe(stale);
  });

  test("changes when the keys are forgotten, and never comes back", async () => {
    server.publish([KEY_A]);
    const seen = new Set<number>();
    for (let round = 0; round < 10; round += 1) {
      await find();
      seen.add(sets.generationOf(entry));
      sets.forget(entry);
    }
    expect(seen.size).toBe(10);
  });
});

describe("keys that are forgotten", () => {
  test("verify nothing from that moment on", async () => {
    server.publish([KEY_A]);
    await find();
    sets.forget(entry);
    server.publish([KEY_B]);

    expect(sets.list([entry])).toMatchObject([{ state: "not_asked", keys: [] }]);
    expect(kidsOf(await find("a"))).toEqual([]);
    expect(kidsOf(await find("b"))).toEqual(["b"]);
  });

  test("do not come back with a fetch that was under way", async () => {
    server.publish([KEY_A]);
    let open = (): void => undefined;
    server.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const underWay = find();
    sets.forget(entry);
    open();

    expect(await underWay).toEqual({ kind: "unavailable" });
    expect(sets.list([entry])).toMatchObject([{ state: "not_asked", keys: [] }]);
  });

  test("of an issuer that does not answer are gone", async () => {
    server.publish([KEY_A]);
    await find();
    server.disappear();
    sets.forget(entry);

    expect(await find()).toEqual({ kind: "unavailable" });
  });
});

describe("a change of the configuration", () => {
  test("of the place of the keys drops those of the old place", async () => {
    server.publish([KEY_A]);
    await find();
    const before = sets.generationOf(entry);
    const moved = issuerEntry({
      keys: { kind: "jwks_url", url: "https://new.example/keys", reach: "public", caPem: undefined },
    });

    expect(await sets.find(moved, { kid: "a", alg: "ES256" })).toEqual({ kind: "unavailable" });
    expect(sets.generationOf(moved)).not.toBe(before);
  });

  test("of anything else leaves them", async () => {
    server.publish([KEY_A]);
    await find();
    const same = issuerEntry({ audience: "another", maxLifeSeconds: 60 });

    expect(kidsOf(await sets.find(same, { kid: "a", alg: "ES256" }))).toEqual(["a"]);
    expect(server.asked.length).toBe(1);
  });

  test("without the issuer drops them", async () => {
    server.publish([KEY_A]);
    await find();
    sets.retain([entry]);
    expect(sets.list([entry])).toMatchObject([{ state: "fresh" }]);
    sets.retain([issuerEntry({ name: "other" })]);
    expect(sets.list([entry])).toMatchObject([{ state: "not_asked" }]);
  });
});

describe("keys by discovery", () => {
  const ISSUER = "https://issuer.example";
  const discovered = issuerEntry({
    keys: { kind: "discovery", jwksHosts: [], reach: "private", caPem: "PEM" },
  });
  const findDiscovered = () => sets.find(discovered, { kid: "a", alg: "ES256" });

  test("are fetched from the place that the issuer names, by the rules of its entry", async () => {
    server.answers.set(
      `${ISSUER}/.well-known/openid-configuration`,
      documentOf({ issuer: ISSUER, jwks_uri: KEYS_URL }),
    );
    server.publish([KEY_A]);

    expect(kidsOf(await findDiscovered())).toEqual(["a"]);
    expect(server.asked.map(({ url }) => url)).toEqual([
      `${ISSUER}/.well-known/openid-configuration`,
      KEYS_URL,
    ]);
    for (const { options } of server.asked) expect(options).toMatchObject({ reach: "private", ca: "PEM" });
  });

  test.each([
    [{ issuer: "https://other.example", jwks_uri: KEYS_URL }, "issuer_mismatch"],
    [{ issuer: ISSUER, jwks_uri: "https://other.example/keys" }, "jwks_uri_forbidden"],
    [{ issuer: ISSUER }, "discovery_malformed"],
  ])("are not fetched when the document is %j", async (document, reason) => {
    server.answers.set(`${ISSUER}/.well-known/openid-configuration`, documentOf(document));
    server.publish([KEY_A]);

    expect(await findDiscovered()).toEqual({ kind: "unavailable" });
    expect(sets.list([discovered])).toMatchObject([{ lastFailure: { reason } }]);
    expect(server.asked.length).toBe(1);
  });

  test("have one time limit for both requests", async () => {
    server.answers.set(
      `${ISSUER}/.well-known/openid-configuration`,
      documentOf({ issuer: ISSUER, jwks_uri: KEYS_URL }),
    );
    server.gate = Promise.resolve().then(() => {
      stopwatch.seconds += 4;
    });
    await findDiscovered();

    expect(server.asked.map(({ options }) => options.secondsMax)).toEqual([5, 1]);
  });
});

describe("keys of a SPIFFE bundle", () => {
  const URL = "https://spire.example/bundle";
  const spiffe = issuerEntry({
    preset: "spiffe",
    keys: { kind: "spiffe_bundle_url", url: URL, reach: "public", caPem: undefined },
  });
  const publish = (kid: string, sequence?: number, hint?: number) =>
    server.answers.set(
      URL,
      documentOf({
        keys: [publicJwk(kid, { use: "jwt-svid" })],
        ...(sequence === undefined ? {} : { spiffe_sequence: sequence }),
        ...(hint === undefined ? {} : { spiffe_refresh_hint: hint }),
      }),
    );
  const findSpiffe = (kid: string) => sets.find(spiffe, { kid, alg: "ES256" });

  test.each([4, undefined])(
    "are not replaced by those of an older bundle (sequence number %s after 5)",
    async (old) => {
      publish("new", 5);
      expect(kidsOf(await findSpiffe("new"))).toEqual(["new"]);
      publish("old", old);
      stopwatch.seconds += 301;

      expect(kidsOf(await findSpiffe("old"))).toEqual([]);
      expect(await findSpiffe("new")).toMatchObject({ keys: [{ kid: "new" }], isStale: true });
      expect(sets.list([spiffe])).toMatchObject([{ lastFailure: { reason: "sequence_went_back" } }]);
    },
  );

  test("of an older bundle are accepted after the issuer was forgotten", async () => {
    publish("new", 5);
    await findSpiffe("new");
    publish("old", 4);
    sets.forget(spiffe);

    expect(kidsOf(await findSpiffe("old"))).toEqual(["old"]);
  });

  test.each([
    [1, 60],
    [1_000_000, 3600],
  ])("with the refresh hint %i are fresh for %i s", async (hint, seconds) => {
    publish("a", 1, hint);
    await findSpiffe("a");
    stopwatch.seconds += seconds - 1;
    expect(sets.list([spiffe])).toMatchObject([{ state: "fresh" }]);
    stopwatch.seconds += 1;
    expect(sets.list([spiffe])).toMatchObject([{ state: "stale" }]);
  });
});

describe("pinned keys", () => {
  const pinned = (document: string) => issuerEntry({ keys: { kind: "pinned", document } });
  const text = JSON.stringify({ keys: [KEY_A] });

  test("are never fetched, whatever is asked for", async () => {
    const issuer = pinned(text);
    for (const kid of ["a", "unknown", undefined]) {
      stopwatch.seconds += 100_000;
      sets.generationOf(issuer);
      await sets.find(issuer, { kid, alg: "ES256" });
    }

    expect(kidsOf(await sets.find(issuer, { kid: "a", alg: "ES256" }))).toEqual(["a"]);
    expect(server.asked).toEqual([]);
    expect(sets.list([issuer])).toMatchObject([{ place: "pinned", state: "fresh", fetchedAt: undefined }]);
  });

  test("are replaced with their text, and their generation changes", async () => {
    const before = sets.generationOf(pinned(text));
    expect(sets.generationOf(pinned(text))).toBe(before);
    const changed = pinned(JSON.stringify({ keys: [KEY_B] }));
    expect(sets.generationOf(changed)).not.toBe(before);
    expect(kidsOf(await sets.find(changed, { kid: "a", alg: "ES256" }))).toEqual([]);
  });

  test("that cannot be read are none", async () => {
    expect(await sets.find(pinned("<html>"), { kid: "a", alg: "ES256" })).toEqual({ kind: "unavailable" });
  });
});

describe("the list of issuers", () => {
  test("says for each which keys are known, since when, and what failed last", async () => {
    server.publish([KEY_A, { kty: "oct", k: "AAAA" }]);
    await find();
    const silent = issuerEntry({
      name: "silent",
      keys: { kind: "jwks_url", url: "https://silent.example", reach: "public", caPem: undefined },
    });
    server.answers.set("https://silent.example", {
      kind: "failed",
      reason: "status_unexpected",
      status: 503,
    });
    await sets.find(silent, { kid: "a", alg: "ES256" });

    expect(sets.list([entry, silent])).toEqual([
      {
        name: "cluster",
        issuer: "https://issuer.example",
        place: "jwks_url",
        state: "fresh",
        keys: [{ kid: "a", algorithms: ["ES256"] }],
        skipped: ["symmetric"],
        fetchedAt: 1_800_000_000,
        lastFailure: undefined,
      },
      {
        name: "silent",
        issuer: "https://issuer.example",
        place: "jwks_url",
        state: "unavailable",
        keys: [],
        skipped: [],
        fetchedAt: undefined,
        lastFailure: { reason: "status_unexpected", status: 503, at: 1_800_000_000 },
      },
    ]);
  });

  test("reports a bug of the fetching as a fault, and rejects nobody's promise", async () => {
    sets = new IssuerKeySets({
      fetchDocument: () => Promise.reject(new TypeError("a bug")),
      readBearer: () => Promise.reject(new TypeError("a bug")),
      clock: new TestClock(),
      stopwatch,
    });

    expect(await find()).toEqual({ kind: "unavailable" });
    expect(sets.list([entry])).toMatchObject([{ lastFailure: { reason: "fault" } }]);
  });
});

describe("keys at a URL that asks for a token", () => {
  const jwksUrl = { kind: "jwks_url", url: KEYS_URL, reach: "public", caPem: undefined } as const;
  const guarded = (bearerFile: string) => issuerEntry({ keys: { ...jwksUrl, bearerFile } });
  const findIn = (file: string) => sets.find(guarded(file), { kid: "a", alg: "ES256" });
  const sent = () => server.asked.map(({ options }) => options.bearer?.reveal());

  test("are fetched with the one that the file holds then", async () => {
    server.publish([KEY_A]);
    expect(kidsOf(await findIn("/token"))).toEqual(["a"]);
    bearer = "renewed";
    stopwatch.seconds += 4_000;
    await findIn("/token");
    expect(sent()).toEqual(["one.two.three", "renewed"]);
  });

  test.each(["", " \n", "two words", "a\r\nhost: evil.example", "ü"])(
    "are not fetched when the file holds %j, and none is sent",
    async (text) => {
      server.publish([KEY_A]);
      bearer = text;
      expect(await findIn("/token")).toEqual({ kind: "unavailable" });
      expect(sets.list([guarded("/token")])).toMatchObject([
        { lastFailure: { reason: "bearer_unreadable" } },
      ]);
      expect(server.asked).toEqual([]);
    },
  );

  test("are not fetched when the file cannot be read, and are once it can", async () => {
    server.publish([KEY_A]);
    expect(await findIn("/absent")).toEqual({ kind: "unavailable" });
    expect(kidsOf(await findIn("/token"))).toEqual(["a"]);
    expect(sent()).toEqual(["one.two.three"]);
  });

  test("and no other place sends one", async () => {
    server.publish([KEY_A]);
    await find();
    expect(sent()).toEqual([undefined]);
  });
});
