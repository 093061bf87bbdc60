import { describe, expect, test } from "vitest";
import type { Preset } from "../declared/registry.ts";
import { readForeignClaims } from "./foreign-claims.ts";
import { PRESET_RULES, type WorkloadFacts } from "./presets.ts";

function read(preset: Preset, members: object): WorkloadFacts | undefined {
  const claims = readForeignClaims(Buffer.from(JSON.stringify({ iat: 1, ...members })));
  return claims && PRESET_RULES[preset].read(claims);
}

const github = {
  sub: "repo:octo/app:ref:refs/heads/main",
  repository: "octo/app",
  repository_id: "74",
  repository_owner: "octo",
  repository_owner_id: "65",
  ref: "refs/heads/main",
};

describe("a GitHub token", () => {
  test("has the subject with names and the subject with ids, whichever it is written with", () => {
    const both = ["repo:octo/app:ref:refs/heads/main", "repo:octo@65/app@74:ref:refs/heads/main"];
    for (const sub of both)
      expect(new Set(read("github", { ...github, sub })?.subjects)).toEqual(new Set(both));
  });

  test("whose ids are not those of its claims is none", () => {
    expect(read("github", { ...github, sub: "repo:octo@66/app@74:ref:refs/heads/main" })).toBeUndefined();
    expect(read("github", { ...github, sub: "repo:octo@65/app@75:ref:refs/heads/main" })).toBeUndefined();
  });

  test("has a subject of another form as it is", () => {
    const sub = "repository_owner:octo:environment:prod%3Aeu";
    expect(read("github", { ...github, sub })?.subjects).toEqual([sub]);
  });

  test.each(["repository", "repository_id", "repository_owner", "repository_owner_id"])(
    "without %s is none",
    (name) => {
      expect(read("github", { ...github, [name]: undefined })).toBeUndefined();
      expect(read("github", { ...github, [name]: "" })).toBeUndefined();
      expect(read("github", { ...github, [name]: ["74"] })).toBeUndefined();
    },
  );

  test("says nothing but what GitHub says", () => {
    expect(read("github", { ...github, namespace: "prod", repository_id: 74 })?.claims).toEqual({
      repository: "octo/app",
      repository_id: "74",
      repository_owner: "octo",
      repository_owner_id: "65",
      ref: "refs/heads/main",
    });
  });
});

test("a GitLab token has the ids of its project and its namespace", () => {
  const gitlab = {
    sub: "project_path:g/p:ref_type:branch:ref:main",
    project_id: "22",
    namespace_id: "72",
    ref_protected: "true",
  };
  expect(read("gitlab", gitlab)).toEqual({
    subjects: [gitlab.sub],
    claims: { project_id: "22", namespace_id: "72", ref_protected: "true" },
  });
  expect(read("gitlab", { ...gitlab, project_id: undefined })).toBeUndefined();
  expect(read("gitlab", { ...gitlab, namespace_id: undefined })).toBeUndefined();
});

describe("a JWT-SVID", () => {
  test("has a trust domain and a path, and the names that Kubernetes gives it", () => {
    expect(read("spiffe", { sub: "spiffe://prod.example/ns/a/sa/b" })).toEqual({
      subjects: ["spiffe://prod.example/ns/a/sa/b"],
      claims: { trust_domain: "prod.example", path: "ns/a/sa/b", namespace: "a", serviceaccount: "b" },
    });
  });

  test.each([
    "spiffe://prod.example",
    "spiffe://prod.example/",
    "spiffe://prod.example//a",
    "spiffe://prod.example/a/",
    "spiffe://prod.example/../a",
    "spiffe://prod.example/a/.",
    "spiffe://Prod.example/a",
    "spiffe://prod.example:443/a",
    "spiffe://user@prod.example/a",
    "spiffe:///a",
    "https://prod.example/a",
    "spiffe://prod.example/a?b",
    "spiffe://prod.example/a%2fb",
    "spiffe://prod.example/ä",
  ])("has no subject %s", (sub) => {
    expect(read("spiffe", { sub })).toBeUndefined();
  });
});

describe("a Kubernetes token", () => {
  const details = { namespace: "prod", serviceaccount: { name: "planner", uid: "u" } };
  const kubernetes = { sub: "system:serviceaccount:prod:planner", "kubernetes.io": details };

  test("says its namespace and its service account, also without a pod", () => {
    expect(read("kubernetes", kubernetes)?.claims).toEqual({
      namespace: "prod",
      serviceaccount: "planner",
      serviceaccount_uid: "u",
    });
  });

  test.each([
    ["another namespace", { ...details, namespace: "dev" }],
    ["another account", { ...details, serviceaccount: { name: "other" } }],
    ["no account", { namespace: "prod" }],
    ["nothing", undefined],
    ["a text", "prod"],
    ["a list", [details]],
  ])("whose details say %s is none", (_name, value) => {
    expect(read("kubernetes", { ...kubernetes, "kubernetes.io": value })).toBeUndefined();
  });

  test("whose subject could be read in two ways is none", () => {
    const sub = "system:serviceaccount:a:b:c";
    const split = (namespace: string, name: string) => ({ namespace, serviceaccount: { name } });
    expect(read("kubernetes", { sub, "kubernetes.io": split("a:b", "c") })).toBeUndefined();
    expect(read("kubernetes", { sub, "kubernetes.io": split("a", "b:c") })).toBeUndefined();
  });
});

test("a token of any OpenID provider says its own texts, numbers and lists, but not when and for whom it is", () => {
  const members = JSON.parse(
    '{"sub":"u","iss":"i","aud":"a","exp":1,"jti":"j","email_verified":true,"level":3,"big":1e300,"half":0.5,"groups":["x","y"],"mixed":["x",1],"deep":{"a":1},"__proto__":"p","constructor":"c"}',
  ) as object;
  expect(read("oidc", members)?.claims).toEqual(
    JSON.parse(
      '{"sub":"u","email_verified":"true","level":"3","groups":["x","y"],"__proto__":"p","constructor":"c"}',
    ),
  );
});
