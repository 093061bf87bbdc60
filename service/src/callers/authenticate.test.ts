import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { after, epochSeconds } from "../kernel/clock.ts";
import { systemRandom } from "../kernel/random.ts";
import { Secret } from "../kernel/secret.ts";
import {
  authenticateDeps,
  CLUSTER_ISSUER,
  callerEntry,
  type ForeignSigner,
  foreignSigner,
  foreignToken,
  issuerEntry,
  OWN_ISSUER,
  signedText,
} from "../testing/callers.ts";
import { type AuthenticateDeps, authenticate } from "./authenticate.ts";
import type { CallerEntry, IssuerEntry } from "./declared/registry.ts";
import { explainProof } from "./explain/explain-proof.ts";
import { hashSecret } from "./secrets/secret-hash.ts";
import { generateSecret } from "./secrets/secret-text.ts";

const NOW = 1_800_000_000;
const random = systemRandom();
const ELSEWHERE = {
  remoteAddress: "192.0.2.1",
  host: "auth.example",
  origin: undefined,
  fetchSite: undefined,
  isForwarded: false,
};
const HERE = {
  remoteAddress: "127.0.0.1",
  host: "localhost:9090",
  origin: undefined,
  fetchSite: undefined,
  isForwarded: false,
};

let theirs: ForeignSigner;
let ours: ForeignSigner;
let strangers: ForeignSigner;
beforeAll(async () => {
  [theirs, ours, strangers] = await Promise.all([
    foreignSigner("their-key-1"),
    foreignSigner("ci-key-1"),
    foreignSigner("their-key-1"),
  ]);
});

const presented = (...authorization: string[]) => ({
  authorization,
  origin: ELSEWHERE,
});

/** The reason, or who it is. */
async function outcomeOf(deps: AuthenticateDeps, ...authorization: string[]): Promise<string> {
  const outcome = await authenticate(deps, presented(...authorization));
  if (outcome.kind === "rejected") return outcome.reason;
  return outcome.caller.kind === "declared" ? `${outcome.caller.proof} ${outcome.caller.id}` : "anyone";
}

/** A token that is presented; what `callers check` says of it is compared with what happens. */
async function tokenOutcome(deps: AuthenticateDeps, token: string): Promise<string> {
  const { reason, caller, proof } = await explainProof(deps, token);
  const outcome = await outcomeOf(deps, `Bearer ${token}`);
  expect(reason ?? `${String(proof)} ${String(caller)}`).toBe(outcome);
  return outcome;
}

const secret = generateSecret(random);
const older = generateSecret(random);
function withSecrets(members: Partial<CallerEntry> = {}) {
  const control = callerEntry("control-plane", {
    role: "operator",
    secrets: [hashSecret(random, older), hashSecret(random, secret)],
    ...members,
  });
  return authenticateDeps({ callers: [callerEntry("other"), control] });
}

describe("a shared secret", () => {
  test("proves its caller, with its role, whatever the letter case of the scheme", async () => {
    for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR "]) {
      const outcome = await authenticate(withSecrets(), presented(`${scheme} ${secret.reveal()}`));
      expect(outcome).toEqual({
        kind: "caller",
        caller: {
          kind: "declared",
          id: "control-plane",
          proof: "shared_secret",
          claims: {},
          role: "operator",
        },
      });
    }
  });

  test("may be the older of two", async () => {
    expect(await tokenOutcome(withSecrets(), older.reveal())).toBe("shared_secret control-plane");
  });

  test("is looked at for its form, its id and its text", async () => {
    const text = secret.reveal();
    const deps = withSecrets();
    expect(await tokenOutcome(deps, text.slice(0, -1))).toBe("credential_malformed");
    expect(await tokenOutcome(deps, generateSecret(random).reveal())).toBe("credential_unknown");
    // The right id with another secret: a checksum of its own makes it well-formed.
    const same = generateSecret({
      bytes: (count) => (count === 12 ? idBytesOf(text) : random.bytes(count)),
    }).reveal();
    expect(same.slice(0, 18)).toBe(text.slice(0, 18));
    expect(await tokenOutcome(deps, same)).toBe("credential_unknown");
  });

  test("proves nobody once its caller is disabled, or from its last moment on", async () => {
    expect(await tokenOutcome(withSecrets({ isDisabled: true }), secret.reveal())).toBe("caller_disabled");
    const deps = withSecrets({ notAfter: epochSeconds(NOW + 10) });
    expect(await tokenOutcome(deps, secret.reveal())).toBe("shared_secret control-plane");
    deps.clock.move(10);
    expect(await tokenOutcome(deps, secret.reveal())).toBe("caller_expired");
  });

  test("of a setting may be any text, and proves the caller of that setting", async () => {
    const text = "any text: of 32.or.more characters";
    const deps = authenticateDeps({
      secrets: [
        { caller: callerEntry("default"), secret: new Secret(text), proof: "shared_secret" },
        { caller: callerEntry("admin-token", { role: "security" }), secret, proof: "admin_token" },
      ],
    });
    expect(await tokenOutcome(deps, text)).toBe("shared_secret default");
    expect(await outcomeOf(deps, `Bearer ${secret.reveal()}`)).toBe("admin_token admin-token");
    expect(await outcomeOf(deps, `Bearer ${text.toUpperCase()}`)).toBe("credential_unknown");
    expect(await outcomeOf(deps, "Bearer a.b.c")).toBe("credential_malformed");
  });
});

/** Bytes whose low five bits are the id of a secret. */
function idBytesOf(text: string): Buffer {
  return Buffer.from(Array.from(text.slice(6, 18), (one) => "abcdefghijklmnopqrstuvwxyz234567".indexOf(one)));
}

describe("what is no single bearer credential is rejected", () => {
  test.each<[string, string[], string]>([
    ["no header", [], "credential_missing"],
    ["two headers", ["Bearer a", "Bearer b"], "credentials_several"],
    ["the same header twice", ["Bearer a", "Bearer a"], "credentials_several"],
    ["an empty header", [""], "credential_malformed"],
    ["another scheme", ["Basic YTpi"], "credential_malformed"],
    ["a scheme without a credential", ["Bearer "], "credential_malformed"],
    ["a credential without a scheme", ["macps_x"], "credential_malformed"],
    ["characters that no credential has", ["Bearer ä"], "credential_malformed"],
    ["more than 16 KiB", [`Bearer ${"a".repeat(16_400)}`], "credential_malformed"],
    ["a text that nobody has", ["Bearer nobody-has-this-secret-at-all-no"], "credential_unknown"],
  ])("%s", async (_name, headers, reason) => {
    expect(await outcomeOf(withSecrets(), ...headers)).toBe(reason);
  });
});

describe("a program of this machine", () => {
  const deps = authenticateDeps({ thisMachine: callerEntry("this-machine", { role: "security" }) });

  test("is a caller where it may be, if it sends no credential", async () => {
    const outcome = await authenticate(deps, {
      authorization: [],
      origin: HERE,
    });
    expect(outcome).toMatchObject({ kind: "caller", caller: { id: "this-machine", proof: "this_machine" } });
  });

  test.each([
    ["from another machine", { ...HERE, remoteAddress: "192.0.2.1" }],
    ["through a name that was pointed here", { ...HERE, host: "evil.example" }],
    ["from a web page", { ...HERE, origin: "https://evil.example" }],
    ["from a web page, as its fetch metadata says", { ...HERE, fetchSite: "cross-site" }],
    ["through a proxy of this machine", { ...HERE, isForwarded: true }],
    ["from a connection without an address", { ...HERE, remoteAddress: undefined }],
  ])("is none %s", async (_name, origin) => {
    expect(await authenticate(deps, { authorization: [], origin })).toEqual({
      kind: "rejected",
      reason: "not_this_machine",
    });
  });

  test("is none where no such caller is declared, and none beside a wrong credential", async () => {
    expect(await authenticate(withSecrets(), { authorization: [], origin: HERE })).toMatchObject({
      reason: "credential_missing",
    });
    expect(
      await authenticate(deps, {
        authorization: ["Bearer wrong"],
        origin: HERE,
      }),
    ).toMatchObject({
      reason: "credential_unknown",
    });
  });
});

const POD = "system:serviceaccount:prod:planner";
const podClaims = {
  iss: CLUSTER_ISSUER,
  sub: POD,
  aud: [OWN_ISSUER],
  iat: NOW - 60,
  nbf: NOW - 60,
  exp: NOW + 3_000,
  "kubernetes.io": {
    namespace: "prod",
    serviceaccount: { name: "planner", uid: "u-1" },
    pod: { name: "planner-0", uid: "u-2" },
    node: { name: "node-1" },
  },
};

function cluster(members: Partial<IssuerEntry> = {}, caller: Partial<CallerEntry> = {}, rule: object = {}) {
  const issuer = issuerEntry("cluster", { preset: "kubernetes", issuer: CLUSTER_ISSUER, ...members });
  const planner = callerEntry("planner-pods", {
    workloads: [{ issuer: "cluster", subject: POD, claims: { namespace: ["prod"] }, ...rule }],
    ...caller,
  });
  const deps = authenticateDeps({ issuers: [issuer], callers: [callerEntry("other"), planner] });
  deps.issuerKeys.keys.set("cluster", [theirs.key]);
  return deps;
}

describe("a token of a declared issuer", () => {
  test("proves the caller of the rule that it meets, and says what the issuer says", async () => {
    const outcome = await authenticate(
      cluster(),
      presented(`Bearer ${await foreignToken(theirs, podClaims)}`),
    );
    expect(outcome).toEqual({
      kind: "caller",
      caller: {
        kind: "declared",
        id: "planner-pods",
        proof: "workload_jwt",
        role: undefined,
        claims: {
          namespace: "prod",
          serviceaccount: "planner",
          serviceaccount_uid: "u-1",
          pod: "planner-0",
          pod_uid: "u-2",
          node: "node-1",
        },
      },
    });
  });

  test.each<[string, object, string]>([
    ["another issuer", { iss: "https://cluster.example/" }, "issuer_unknown"],
    ["no issuer", { iss: undefined }, "issuer_unknown"],
    ["our own issuer", { iss: OWN_ISSUER }, "own_token"],
    ["no subject", { sub: undefined }, "credential_malformed"],
    ["an empty subject", { sub: "" }, "credential_malformed"],
    ["a subject of another type", { sub: [POD] }, "credential_malformed"],
    ["no audience", { aud: undefined }, "audience_mismatch"],
    ["another audience", { aud: "https://kubernetes.default.svc" }, "audience_mismatch"],
    ["another audience beside ours", { aud: [OWN_ISSUER, "https://other"] }, "audience_mismatch"],
    ["an audience of another type", { aud: { [OWN_ISSUER]: 1 } }, "credential_malformed"],
    ["no end", { exp: undefined }, "expiry_missing"],
    ["an end that is a text", { exp: String(NOW + 60) }, "credential_malformed"],
    ["an end that has passed", { exp: NOW - 30 }, "token_expired"],
    ["a start that is to come", { nbf: NOW + 31 }, "token_not_yet_valid"],
    ["a moment of issue that is to come", { iat: NOW + 31 }, "token_not_yet_valid"],
    ["a longer life than the issuer gives", { exp: NOW + 3_541 }, "token_too_long"],
    ["no moment of issue", { iat: undefined }, "token_not_of_preset"],
    ["another subject", { sub: "system:serviceaccount:prod:other" }, "token_not_of_preset"],
    ["no details of the pod", { "kubernetes.io": undefined }, "token_not_of_preset"],
  ])("with %s is rejected", async (_name, members, reason) => {
    expect(await tokenOutcome(cluster(), await foreignToken(theirs, { ...podClaims, ...members }))).toBe(
      reason,
    );
  });

  test.each<[string, object]>([
    ["one end within the clocks' difference", { exp: NOW - 29 }],
    ["a start within the clocks' difference", { nbf: NOW + 30, iat: NOW + 30 }],
    ["the whole life that the issuer gives", { exp: NOW + 3_540 }],
    ["our audience as a text", { aud: OWN_ISSUER }],
  ])("with %s is accepted", async (_name, members) => {
    expect(await tokenOutcome(cluster(), await foreignToken(theirs, { ...podClaims, ...members }))).toBe(
      "workload_jwt planner-pods",
    );
  });

  test("is verified by the keys of its issuer only, by its key id", async () => {
    expect(await tokenOutcome(cluster(), await foreignToken(strangers, podClaims))).toBe("signature_invalid");
    expect(await tokenOutcome(cluster(), await foreignToken(theirs, podClaims, { kid: "other" }))).toBe(
      "key_unknown",
    );
    const deps = cluster();
    deps.issuerKeys.keys.delete("cluster");
    expect(await tokenOutcome(deps, await foreignToken(theirs, podClaims))).toBe("keys_unavailable");
  });

  test("of an algorithm that its issuer does not list is rejected before a key is asked for", async () => {
    const deps = cluster({ algorithms: ["RS256"] });
    expect(await outcomeOf(deps, `Bearer ${await foreignToken(theirs, podClaims)}`)).toBe(
      "algorithm_not_allowed",
    );
    expect(deps.issuerKeys.asked).toEqual([]);
  });

  test.each(["at+jwt", "client-authentication+jwt", "statuslist+jwt", "dpop+jwt", "x"])(
    "of the type %s is rejected, and an upper-case JWT is not",
    async (typ) => {
      expect(await tokenOutcome(cluster(), await foreignToken(theirs, podClaims, { typ }))).toBe(
        "token_type_not_allowed",
      );
      expect(await tokenOutcome(cluster(), await foreignToken(theirs, podClaims, { typ: "JWT" }))).toBe(
        "workload_jwt planner-pods",
      );
    },
  );

  test("proves nobody while its issuer or its caller is disabled, remembered or not", async () => {
    const token = await foreignToken(theirs, podClaims);
    expect(await tokenOutcome(cluster({ isDisabled: true }), token)).toBe("issuer_disabled");
    expect(await tokenOutcome(cluster({}, { isDisabled: true }), token)).toBe("caller_disabled");
    const deps = cluster({}, { notAfter: after(epochSeconds(NOW), 10) });
    expect(await tokenOutcome(deps, token)).toBe("workload_jwt planner-pods");
    deps.clock.move(10);
    expect(await tokenOutcome(deps, token)).toBe("caller_expired");
  });

  test("with another subject or other claims than the rule's is rejected, and the log learns the subject", async () => {
    const deps = cluster({}, {}, { subject: "system:serviceaccount:prod:other" });
    const token = await foreignToken(theirs, podClaims);
    expect(await authenticate(deps, presented(`Bearer ${token}`))).toEqual({
      kind: "rejected",
      reason: "subject_unmatched",
      issuer: "cluster",
      subject: POD,
    });
    expect(
      await tokenOutcome(cluster({}, {}, { claims: { namespace: ["prod"], node: ["node-2"] } }), token),
    ).toBe("claims_unmatched");
  });

  test("that meets rules of two callers proves neither", async () => {
    const rule = { issuer: "cluster", subject: "system:serviceaccount:prod:*", claims: {} };
    const issuer = issuerEntry("cluster", { preset: "kubernetes", issuer: CLUSTER_ISSUER });
    const deps = authenticateDeps({
      issuers: [issuer],
      callers: [
        callerEntry("a", { workloads: [rule] }),
        callerEntry("b", { workloads: [{ ...rule, subject: POD }] }),
      ],
    });
    deps.issuerKeys.keys.set("cluster", [theirs.key]);
    expect(await tokenOutcome(deps, await foreignToken(theirs, podClaims))).toBe("caller_ambiguous");
  });

  test("with one other character in a text of its claims proves nobody", async () => {
    const deps = cluster(
      {},
      {},
      { claims: { namespace: ["prod"], serviceaccount: ["planner"], pod: ["planner-0"], pod_uid: ["u-2"] } },
    );
    const texts = ["iss", "sub", "aud", "namespace", "name", "uid"];
    const payload = JSON.stringify({ ...podClaims, aud: OWN_ISSUER });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...texts),
        fc.nat(),
        fc.constantFrom("x", "/", ".", "A", "*", "\u00e9"),
        async (name, at, character) => {
          const start = payload.indexOf(`"${name}":"`) + name.length + 4;
          const end = payload.indexOf('"', start);
          const place = start + (at % (end - start));
          fc.pre(payload[place] !== character && !payload.slice(start, end).startsWith("u-1"));
          const token = await signedText(
            theirs,
            payload.slice(0, place) + character + payload.slice(place + 1),
          );
          expect(await outcomeOf(deps, `Bearer ${token}`)).not.toMatch(/^workload_jwt/);
        },
      ),
    );
  });

  test("for any audience but ours is rejected", async () => {
    const variants = fc.oneof(
      fc.constantFrom(
        `${OWN_ISSUER}/`,
        `${OWN_ISSUER}/token`,
        OWN_ISSUER.toUpperCase(),
        ` ${OWN_ISSUER}`,
        `${OWN_ISSUER}\u0000`,
        "",
        "*",
      ),
      fc.string().map((text) => OWN_ISSUER + text),
      fc.nat(OWN_ISSUER.length - 1).map((length) => OWN_ISSUER.slice(0, length)),
      fc.array(fc.constantFrom(OWN_ISSUER, "https://other"), { minLength: 2, maxLength: 3 }),
      fc.constantFrom([], [[OWN_ISSUER]], { 0: OWN_ISSUER }, 1, true, null),
    );
    const deps = cluster();
    await fc.assert(
      fc.asyncProperty(variants, async (aud) => {
        fc.pre(aud !== OWN_ISSUER);
        const outcome = await outcomeOf(deps, `Bearer ${await foreignToken(theirs, { ...podClaims, aud })}`);
        expect(["audience_mismatch", "credential_malformed"]).toContain(outcome);
      }),
    );
  });

  test("may name other audiences where its issuer's entry allows it, but must name ours", async () => {
    const deps = cluster({ allowsOtherAudiences: true });
    const of = async (aud: unknown) => tokenOutcome(deps, await foreignToken(theirs, { ...podClaims, aud }));
    expect(await of(["https://other", OWN_ISSUER])).toBe("workload_jwt planner-pods");
    expect(await of(["https://other"])).toBe("audience_mismatch");
  });
});

describe("a token that is presented again", () => {
  test("is not verified again", async () => {
    const deps = cluster();
    const token = await foreignToken(theirs, podClaims);
    for (let time = 0; time < 3; time += 1)
      expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("workload_jwt planner-pods");
    expect(deps.issuerKeys.asked).toHaveLength(1);
  });

  test("is rejected once it has expired", async () => {
    const deps = cluster();
    const token = await foreignToken(theirs, { ...podClaims, exp: NOW + 10 });
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("workload_jwt planner-pods");
    deps.clock.move(40);
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("token_expired");
  });

  test("is verified again when the keys of its issuer have changed", async () => {
    const deps = cluster();
    const token = await foreignToken(theirs, podClaims);
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("workload_jwt planner-pods");
    deps.issuerKeys.keys.set("cluster", [strangers.key]);
    deps.issuerKeys.generation = 2;
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("signature_invalid");
  });

  test("and was rejected before is looked at anew", async () => {
    const deps = cluster();
    const token = await foreignToken(theirs, { ...podClaims, nbf: NOW + 40, iat: NOW + 40 });
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("token_not_yet_valid");
    deps.clock.move(10);
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("workload_jwt planner-pods");
  });
});

describe("a token of a cluster that is asked about it", () => {
  const review = {
    reach: "private",
    url: "https://cluster.example",
    caPem: undefined,
    tokenFile: "token",
  } as const;
  const confirmed = { kind: "authenticated", username: POD, audiences: [OWN_ISSUER] } as const;

  test.each<[string, object, string]>([
    ["is accepted when it is confirmed for us", confirmed, "workload_jwt planner-pods"],
    ["is rejected when it is not", { kind: "not_authenticated" }, "review_rejected"],
    [
      "is rejected when the audience is not confirmed",
      { ...confirmed, audiences: ["https://kubernetes.default.svc"] },
      "review_rejected",
    ],
    [
      "is rejected when another subject is confirmed",
      { ...confirmed, username: "system:anonymous" },
      "review_rejected",
    ],
    ["is rejected when the cluster does not answer", { kind: "unavailable" }, "review_unavailable"],
  ])("%s", async (_name, answer, reason) => {
    const deps = {
      ...cluster({ tokenReview: review }),
      tokenReviewer: { review: () => Promise.resolve(answer as typeof confirmed) },
    };
    expect(await outcomeOf(deps, `Bearer ${await foreignToken(theirs, podClaims)}`)).toBe(reason);
  });

  test("is asked about again after 10 s, so that a deleted pod proves nobody for longer", async () => {
    let isThere = true;
    const deps = {
      ...cluster({ tokenReview: review }),
      tokenReviewer: {
        review: () => Promise.resolve(isThere ? confirmed : ({ kind: "not_authenticated" } as const)),
      },
    };
    const token = await foreignToken(theirs, podClaims);
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("workload_jwt planner-pods");
    isThere = false;
    deps.clock.move(9);
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("workload_jwt planner-pods");
    deps.clock.move(1);
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("review_rejected");
  });

  test("whose keys change while it is verified is verified again", async () => {
    const deps = cluster();
    const { issuerKeys } = deps;
    const find = issuerKeys.find.bind(issuerKeys);
    issuerKeys.find = (...asked) => {
      issuerKeys.generation += 1;
      return find(...asked);
    };
    const token = await foreignToken(theirs, podClaims);
    await outcomeOf(deps, `Bearer ${token}`);
    await outcomeOf(deps, `Bearer ${token}`);
    expect(issuerKeys.asked.length).toBe(2);
  });

  test("is asked about again 10 s after the question, however long the answer took", async () => {
    let questions = 0;
    const deps = cluster({ tokenReview: review });
    const tokenReviewer = {
      review: () => {
        questions += 1;
        deps.clock.move(4);
        return Promise.resolve(confirmed);
      },
    };
    const token = await foreignToken(theirs, podClaims);
    await outcomeOf({ ...deps, tokenReviewer }, `Bearer ${token}`);
    deps.clock.move(6);
    await outcomeOf({ ...deps, tokenReviewer }, `Bearer ${token}`);
    expect(questions).toBe(2);
  });
});

describe("a client assertion", () => {
  const assertion = { iss: "ci", sub: "ci", aud: OWN_ISSUER, jti: "a-1", iat: NOW, exp: NOW + 60 };
  const withKeys = (members: Partial<CallerEntry> = {}) =>
    authenticateDeps({
      callers: [callerEntry("ci", { assertionKeys: [ours.key], ...members }), callerEntry("no-keys")],
    });

  test("proves its caller once", async () => {
    const deps = withKeys();
    const token = await foreignToken(ours, assertion);
    expect(await tokenOutcome(deps, token)).toBe("private_key_jwt ci");
    expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("assertion_replayed");
    expect(await outcomeOf(deps, `Bearer ${await foreignToken(ours, { ...assertion, exp: NOW + 61 })}`)).toBe(
      "assertion_replayed",
    );
    expect(await outcomeOf(deps, `Bearer ${await foreignToken(ours, { ...assertion, jti: "a-2" })}`)).toBe(
      "private_key_jwt ci",
    );
  });

  test("with a part of a second in its end is remembered for as long as it can be sent", async () => {
    const untils: number[] = [];
    const usedAssertions: AuthenticateDeps["usedAssertions"] = {
      insert: (...[, , until]) => {
        untils.push(until);
        return Promise.resolve("fresh");
      },
    };
    const token = await foreignToken(ours, { ...assertion, exp: NOW + 60.5 });
    expect(await outcomeOf({ ...withKeys(), usedAssertions }, `Bearer ${token}`)).toBe("private_key_jwt ci");
    expect(untils).toEqual([NOW + 61 + 30]);
  });

  test("of which 100 come at once proves its caller once", async () => {
    const deps = withKeys();
    const token = await foreignToken(ours, assertion);
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(deps, `Bearer ${token}`)));
    expect(outcomes.filter((outcome) => outcome === "private_key_jwt ci")).toHaveLength(1);
  });

  test.each<[string, object, Record<string, unknown>, string]>([
    ["the token endpoint as its audience", { aud: `${OWN_ISSUER}/tokens` }, {}, "audience_mismatch"],
    ["another audience beside ours", { aud: [OWN_ISSUER, "https://other"] }, {}, "audience_mismatch"],
    ["no id", { jti: undefined }, {}, "assertion_id_missing"],
    ["an id of more than 256 characters", { jti: "j".repeat(257) }, {}, "assertion_id_missing"],
    ["no end", { exp: undefined }, {}, "expiry_missing"],
    ["an end of 5 minutes ago", { exp: NOW - 300 }, {}, "token_expired"],
    ["an end more than 5 minutes ahead", { exp: NOW + 331 }, {}, "token_too_long"],
    ["a moment of issue of more than 60 s ahead", { iat: NOW + 61 }, {}, "token_not_yet_valid"],
    ["a start of more than 60 s ahead", { nbf: NOW + 61 }, {}, "token_not_yet_valid"],
    ["no subject", { sub: undefined }, {}, "credential_malformed"],
    ["another subject", { sub: "other" }, {}, "issuer_unknown"],
    ["a caller without keys", { iss: "no-keys", sub: "no-keys" }, {}, "issuer_unknown"],
    ["an unknown caller", { iss: "nobody", sub: "nobody" }, {}, "issuer_unknown"],
    ["the type of an access token", {}, { typ: "at+jwt" }, "token_type_not_allowed"],
    ["an unknown key", {}, { kid: "other" }, "key_unknown"],
  ])("with %s is rejected", async (_name, members, header, reason) => {
    expect(
      await tokenOutcome(withKeys(), await foreignToken(ours, { ...assertion, ...members }, header)),
    ).toBe(reason);
  });

  test.each<[string, object, Record<string, unknown>]>([
    ["moments 8 s ahead", { iat: NOW + 8, nbf: NOW + 8 }, {}],
    ["no moment of issue", { iat: undefined }, {}],
    ["its own type", {}, { typ: "client-authentication+jwt" }],
    ["an end 5 minutes ahead", { exp: NOW + 300 }, {}],
  ])("with %s is accepted", async (_name, members, header) => {
    expect(
      await tokenOutcome(withKeys(), await foreignToken(ours, { ...assertion, ...members }, header)),
    ).toBe("private_key_jwt ci");
  });

  test("that somebody else signed is rejected and uses nothing up", async () => {
    const deps = withKeys();
    const forged = await foreignToken({ ...strangers, kid: "ci-key-1" }, assertion);
    expect(await tokenOutcome(deps, forged)).toBe("signature_invalid");
    expect(await tokenOutcome(deps, await foreignToken(ours, assertion))).toBe("private_key_jwt ci");
  });

  test("of a disabled caller is rejected and uses nothing up", async () => {
    const { usedAssertions } = withKeys();
    const token = await foreignToken(ours, assertion);
    expect(await outcomeOf({ ...withKeys({ isDisabled: true }), usedAssertions }, `Bearer ${token}`)).toBe(
      "caller_disabled",
    );
    expect(await outcomeOf({ ...withKeys(), usedAssertions }, `Bearer ${token}`)).toBe("private_key_jwt ci");
  });

  test("is no token of an issuer that has the same keys, and the reverse", async () => {
    const deps = cluster({ preset: "oidc" }, { assertionKeys: [theirs.key] });
    expect(
      await tokenOutcome(
        deps,
        await foreignToken(theirs, { ...assertion, iss: CLUSTER_ISSUER, sub: CLUSTER_ISSUER }),
      ),
    ).toBe("subject_unmatched");
    expect(
      await tokenOutcome(
        deps,
        await foreignToken(theirs, { ...podClaims, iss: "planner-pods", sub: "planner-pods" }),
      ),
    ).toBe("token_too_long");
  });

  test("proves nobody when the store does not answer", async () => {
    const broken = { ...withKeys(), usedAssertions: { insert: () => Promise.reject(new Error("down")) } };
    await expect(outcomeOf(broken, `Bearer ${await foreignToken(ours, assertion)}`)).rejects.toThrow("down");
  });
});

describe("a JWT-SVID", () => {
  const svid = { sub: "spiffe://prod.example/ns/a/sa/b", aud: OWN_ISSUER, exp: NOW + 300 };
  const rule = { subject: "spiffe://*/ns/a/**", claims: {} };
  const issuers = ["prod", "dev"].map((name) =>
    issuerEntry(name, { preset: "spiffe", issuer: `spiffe://${name}.example` }),
  );
  function domains() {
    const deps = authenticateDeps({
      issuers: [...issuers, issuerEntry("cluster")],
      callers: ["prod", "dev", "cluster"].map((name) =>
        callerEntry(`${name}-workload`, { workloads: [{ issuer: name, ...rule }] }),
      ),
    });
    deps.issuerKeys.keys.set("prod", [theirs.key]);
    deps.issuerKeys.keys.set("dev", [strangers.key]);
    deps.issuerKeys.keys.set("cluster", [ours.key]);
    return deps;
  }

  test("needs no issuer and no moment of issue, and its type may be JOSE", async () => {
    for (const typ of ["JWT", "JOSE", undefined])
      expect(await tokenOutcome(domains(), await foreignToken(theirs, svid, { typ }))).toBe(
        "workload_jwt prod-workload",
      );
    expect(
      await tokenOutcome(
        domains(),
        await foreignToken(theirs, { ...svid, iss: "https://oidc.prod.example" }),
      ),
    ).toBe("workload_jwt prod-workload");
  });

  test("of another trust domain is verified by the keys of that domain only", async () => {
    const sub = "spiffe://dev.example/ns/a/sa/b";
    expect(await tokenOutcome(domains(), await foreignToken(theirs, { ...svid, sub }))).toBe(
      "signature_invalid",
    );
    expect(await tokenOutcome(domains(), await foreignToken(strangers, { ...svid, sub }))).toBe(
      "workload_jwt dev-workload",
    );
    const unknown = { ...svid, sub: "spiffe://other.example/ns/a/sa/b" };
    expect(await tokenOutcome(domains(), await foreignToken(theirs, unknown))).toBe("issuer_unknown");
  });

  test("without an end proves nobody", async () => {
    const token = await foreignToken(theirs, { ...svid, exp: undefined });
    expect(await tokenOutcome(domains(), token)).toBe("expiry_missing");
  });

  test("may be presented any number of times", async () => {
    const deps = domains();
    const token = await foreignToken(theirs, { ...svid, jti: "j-1" });
    for (let time = 0; time < 3; time += 1)
      expect(await outcomeOf(deps, `Bearer ${token}`)).toBe("workload_jwt prod-workload");
  });

  test("with a subject that is no SPIFFE id with a path proves nobody", async () => {
    for (const sub of [
      "spiffe://prod.example",
      "spiffe://prod.example/",
      "spiffe://prod.example/a/../b",
      "prod.example/ns/a",
    ])
      expect(await tokenOutcome(domains(), await foreignToken(theirs, { ...svid, sub }))).toBe(
        "issuer_unknown",
      );
  });
});
