import { beforeEach, describe, expect, test } from "vitest";
import { authenticate } from "../callers/authenticate.ts";
import type { FetchedDocument, FetchFailed, FetchOptions } from "../callers/fetch-document.ts";
import { authenticateDeps, callerEntry, foreignSigner, foreignToken } from "../testing/callers.ts";
import { issuerEntry } from "../testing/issuers/issuer-entry.ts";
import { documentOf, TestStopwatch } from "../testing/issuers/test-issuer.ts";
import { TestClock } from "../testing/moments.ts";
import { tokenReviewer } from "./token-review.ts";

const AUDIENCE = "https://auth.example";
const issuer = issuerEntry({
  preset: "kubernetes",
  audience: AUDIENCE,
  tokenReview: { url: "https://kubernetes.example/", reach: "private", caPem: "PEM", tokenFile: "/token" },
});
const ACCEPTED = {
  kind: "TokenReview",
  status: {
    authenticated: true,
    user: { username: "system:serviceaccount:prod:planner", uid: "1" },
    audiences: [AUDIENCE],
  },
};

let asked: { url: string; json: string; options: FetchOptions }[];
let answer: FetchedDocument | FetchFailed;
let tokenFile: string | undefined;
let gate: Promise<void> | undefined;
const stopwatch = new TestStopwatch();
let reviewer: ReturnType<typeof tokenReviewer>;

beforeEach(() => {
  asked = [];
  answer = documentOf(ACCEPTED);
  tokenFile = "bearer.of.service\n";
  gate = undefined;
  reviewer = tokenReviewer({
    postDocument: async (url, json, options) => {
      asked.push({ url, json, options });
      await gate;
      return answer;
    },
    readToken: () =>
      tokenFile === undefined ? Promise.reject(new Error("gone")) : Promise.resolve(tokenFile),
    stopwatch,
  });
});

const review = (token = "token") => reviewer.review(issuer, token);

describe("a TokenReview", () => {
  test("asks for our audience, with the token of this service, at the API server of the entry", async () => {
    expect(await review()).toEqual({
      kind: "authenticated",
      username: "system:serviceaccount:prod:planner",
      audiences: [AUDIENCE],
    });
    expect(asked[0]?.url).toBe("https://kubernetes.example/apis/authentication.k8s.io/v1/tokenreviews");
    expect(JSON.parse(asked[0]?.json ?? "")).toEqual({
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token: "token", audiences: [AUDIENCE] },
    });
    expect(asked[0]?.options).toMatchObject({ reach: "private", ca: "PEM" });
    expect(asked[0]?.options.bearer?.reveal()).toBe("bearer.of.service");
  });

  test.each([
    ["no audience", { audiences: undefined }],
    ["an empty list of audiences", { audiences: [] }],
    ["another audience", { audiences: ["https://kubernetes.default.svc"] }],
    ["an audience that ours begins with", { audiences: ["https://auth.example/"] }],
    ["one text of audiences", { audiences: AUDIENCE }],
    ["authenticated: false", { authenticated: false }],
    ["authenticated: 'true'", { authenticated: "true" }],
    ["no authenticated", { authenticated: undefined }],
    ["no user", { user: undefined }],
    ["null for a user", { user: null }],
    ["an empty user name", { user: { username: "" } }],
  ])("with %s in the answer does not accept the token", async (_name, status) => {
    answer = documentOf({ ...ACCEPTED, status: { ...ACCEPTED.status, ...status } });
    expect(await review()).toEqual({ kind: "not_authenticated" });
  });

  test.each([
    ["no JSON", documentOf("<html>")],
    ["null", documentOf("null")],
    ["no status", documentOf({ kind: "TokenReview" })],
    ["a status that is no object", documentOf({ status: "Failure" })],
    ["bytes that are not UTF-8", { ...documentOf(""), bytes: Buffer.from([0xff, 0xfe]) }],
    ["no answer", { kind: "failed", reason: "timeout" } as const],
  ])("that is answered by %s is unavailable, and asked again", async (_name, given) => {
    answer = given;
    expect(await review()).toEqual({ kind: "unavailable" });
    answer = documentOf(ACCEPTED);
    expect(await review()).toMatchObject({ kind: "authenticated" });
  });

  test.each([undefined, "", " \n", "two lines\r\nHost: evil.example", "ü"])(
    "is not sent when the file of the token holds %j",
    async (text) => {
      tokenFile = text;
      expect(await review()).toEqual({ kind: "unavailable" });
      expect(asked).toEqual([]);
    },
  );

  test("sends what the file of the token holds now", async () => {
    await review("one");
    tokenFile = "renewed";
    await review("two");
    expect(asked.map(({ options }) => options.bearer?.reveal())).toEqual(["bearer.of.service", "renewed"]);
  });

  test("of a token that is not accepted is remembered for 10 s", async () => {
    answer = documentOf({ status: { authenticated: false } });
    await review();
    stopwatch.seconds += 9.9;
    expect(await review()).toEqual({ kind: "not_authenticated" });
    expect(asked.length).toBe(1);
    stopwatch.seconds += 0.1;
    await review();
    expect(asked.length).toBe(2);
  });

  test("of a token that is accepted is remembered by its proof alone, so that a deleted pod proves nobody after 10 s", async () => {
    const clock = new TestClock();
    const signer = await foreignSigner();
    const sub = "system:serviceaccount:prod:planner";
    const deps = authenticateDeps({
      issuers: [issuer],
      callers: [callerEntry("planner", { workloads: [{ issuer: issuer.name, subject: sub, claims: {} }] })],
      tokenReviewer: reviewer,
    });
    deps.issuerKeys.keys.set(issuer.name, [signer.key]);
    const token = await foreignToken(signer, {
      iss: issuer.issuer,
      sub,
      aud: AUDIENCE,
      iat: clock.now(),
      exp: clock.now() + 600,
      "kubernetes.io": { namespace: "prod", serviceaccount: { name: "planner", uid: "u" } },
    });
    const wait = (seconds: number): void => {
      stopwatch.seconds += seconds;
      deps.clock.move(seconds);
    };
    const outcome = async (): Promise<string> => {
      const proved = await authenticate(deps, {
        authorization: [`Bearer ${token}`],
        origin: {
          remoteAddress: undefined,
          host: undefined,
          origin: undefined,
          fetchSite: undefined,
          isForwarded: false,
        },
      });
      return proved.kind === "caller" ? "caller" : proved.reason;
    };

    expect(await outcome()).toBe("caller");
    answer = documentOf({ status: { authenticated: false } });
    wait(9);
    expect(await outcome()).toBe("caller");
    // The proof is forgotten, here by a change of the issuer's keys: only the cluster says what it is worth now.
    deps.issuerKeys.generation += 1;
    expect(await outcome()).toBe("review_rejected");
    expect(asked.length).toBe(2);
  });

  test("of one token says nothing of another, nor of another audience", async () => {
    await review();
    answer = documentOf({ status: { authenticated: false } });
    expect(await review("other")).toEqual({ kind: "not_authenticated" });
    expect(await reviewer.review({ ...issuer, audience: "other" }, "token")).toEqual({
      kind: "not_authenticated",
    });
  });

  test("is asked once for all who present one token at the same time, and 64 at a time in all", async () => {
    let open = (): void => undefined;
    gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const same = Array.from({ length: 10 }, () => review("same"));
    const others = Array.from({ length: 100 }, (_, index) => review(`token-${index}`));
    await new Promise((resolve) => setImmediate(resolve));
    open();
    const kinds = (await Promise.all(others)).map(({ kind }) => kind);

    expect((await Promise.all(same)).every(({ kind }) => kind === "authenticated")).toBe(true);
    expect(asked.length).toBe(64);
    expect(kinds.filter((kind) => kind === "unavailable").length).toBe(37);
    expect(await review("token-99")).toMatchObject({ kind: "authenticated" });
  });

  test("that meets a bug is unavailable, and asked again", async () => {
    gate = Promise.reject(new TypeError("a bug"));
    expect(await review()).toEqual({ kind: "unavailable" });
    gate = undefined;
    expect(await review()).toMatchObject({ kind: "authenticated" });
  });

  test("is unavailable for an issuer without one", async () => {
    expect(await reviewer.review(issuerEntry(), "token")).toEqual({ kind: "unavailable" });
    expect(asked).toEqual([]);
  });
});
