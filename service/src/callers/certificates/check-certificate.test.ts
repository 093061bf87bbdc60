import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { authenticateDeps, callerEntry } from "../../testing/callers.ts";
import {
  type ClientAuthorities,
  type ClientAuthority,
  type ClientCertificate,
  clientAuthorities,
  FOR_CLIENTS,
} from "../../testing/client-certificates.ts";
import { type AuthenticateDeps, authenticate } from "../authenticate.ts";
import type { CallerEntry, CertificateRule, ClientCaEntry } from "../declared/registry.ts";
import { explainProof } from "../explain/explain-proof.ts";
import { hashSecret } from "../secrets/secret-hash.ts";
import { generateSecret } from "../secrets/secret-text.ts";

const NOW = 1_800_000_000;
const PLANNER = "spiffe://example.org/ns/prod/sa/planner";
const ORIGIN = {
  remoteAddress: "192.0.2.1",
  host: "auth.example",
  origin: undefined,
  fetchSite: undefined,
  isForwarded: false,
};

let authorities: ClientAuthorities;
let mesh: ClientAuthority;
let stranger: ClientAuthority;
let planner: ClientCertificate;
beforeAll(async () => {
  authorities = await clientAuthorities(NOW);
  [mesh, stranger] = await Promise.all([authorities.root("mesh"), authorities.root("stranger")]);
  planner = await mesh.issue("planner", { names: `URI:${PLANNER}` });
}, 60_000);
afterAll(() => authorities.remove());

const entryOf = (authority: ClientAuthority, members: Partial<ClientCaEntry> = {}): ClientCaEntry => ({
  name: "mesh",
  caPem: authority.certificate,
  crlPem: undefined,
  ...members,
});
const callerWith = (id: string, ...rules: Partial<CertificateRule>[]): CallerEntry =>
  callerEntry(id, {
    certificates: rules.map((rule) => ({ ca: "mesh", of: "uri", name: PLANNER, ...rule })),
  });
const declared = (
  members: { readonly callers?: readonly CallerEntry[]; readonly clientCas?: readonly ClientCaEntry[] } = {},
) => authenticateDeps({ callers: [callerWith("planner", {})], clientCas: [entryOf(mesh)], ...members });

const chainOf = (...certificates: readonly string[]) =>
  certificates.map((certificate) => new X509Certificate(certificate));

/** The reason, or who it is. What `callers check` says of a certificate that TLS verified is compared with what happens. */
async function outcomeOf(deps: AuthenticateDeps, ...certificates: readonly string[]): Promise<string> {
  const outcome = await presentedTo(deps, certificates, true);
  const { reason, caller } = await explainProof(deps, certificates.join("\n"));
  expect(reason ?? caller).toBe(outcome);
  return outcome;
}

async function presentedTo(
  deps: AuthenticateDeps,
  certificates: readonly string[],
  isVerified: boolean,
  authorization: readonly string[] = [],
): Promise<string> {
  const chain = chainOf(...certificates);
  const outcome = await authenticate(deps, {
    authorization,
    certificate: () => ({ isVerified, chain }),
    origin: ORIGIN,
  });
  if (outcome.kind === "rejected") return outcome.reason;
  return outcome.caller.kind === "declared" ? outcome.caller.id : "anyone";
}

describe("a client certificate", () => {
  test("proves the caller that has its SPIFFE id, and says namespace and service account", async () => {
    const outcome = await authenticate(declared(), {
      authorization: [],
      certificate: () => ({ isVerified: true, chain: chainOf(planner.certificate) }),
      origin: ORIGIN,
    });
    expect(outcome).toEqual({
      kind: "caller",
      caller: {
        kind: "declared",
        id: "planner",
        proof: "certificate",
        claims: {
          common_name: "planner",
          trust_domain: "example.org",
          path: "ns/prod/sa/planner",
          namespace: "prod",
          serviceaccount: "planner",
        },
        role: undefined,
      },
    });
  });

  test("of the bundle of a trust domain proves only SPIFFE ids of this trust domain, whatever the rule accepts", async () => {
    const ofDomain = (trustDomain: string, caPem = mesh.certificate) =>
      declared({
        callers: [callerWith("planner", { name: "spiffe://*/ns/prod/sa/planner" })],
        clientCas: [entryOf(mesh, { caPem, trustDomain })],
      });
    expect(await outcomeOf(ofDomain("example.org"), planner.certificate)).toBe("planner");
    expect(await outcomeOf(ofDomain("example.com"), planner.certificate)).toBe("certificate_untrusted");
    expect(await outcomeOf(ofDomain("example.org", ""), planner.certificate)).toBe("certificate_untrusted");
    const named = await mesh.issue("named host", { names: "DNS:planner.prod.example" });
    const byName = declared({
      callers: [callerWith("planner", { of: "dns", name: "planner.prod.example" })],
      clientCas: [entryOf(mesh, { trustDomain: "example.org" })],
    });
    expect(await outcomeOf(byName, named.certificate)).toBe("certificate_untrusted");
  });

  test.each<[string, Partial<CertificateRule>, string]>([
    ["its SPIFFE id", { name: PLANNER }, "planner"],
    ["a pattern of it", { name: "spiffe://example.org/ns/prod/**" }, "planner"],
    ["another id", { name: "spiffe://example.org/ns/prod/sa/other" }, "certificate_unmatched"],
    ["a pattern of another trust domain", { name: "spiffe://example.com/**" }, "certificate_unmatched"],
    ["its DNS name", { of: "dns", name: "planner.prod.example" }, "planner"],
    ["its DNS name in other letters", { of: "dns", name: "Planner.PROD.example" }, "planner"],
    ["a pattern with a whole label", { of: "dns", name: "*.prod.example" }, "planner"],
    ["a pattern with fewer labels", { of: "dns", name: "*.example" }, "certificate_unmatched"],
    ["the end of its DNS name", { of: "dns", name: "prod.example" }, "certificate_unmatched"],
    ["its subject", { of: "subject", name: "CN=planner \\+ one,OU=x\\, y,O=Example,C=DE" }, "planner"],
    ["a part of its subject", { of: "subject", name: "CN=planner \\+ one" }, "certificate_unmatched"],
    ["its name as a text of another kind", { of: "dns", name: PLANNER }, "certificate_unmatched"],
    ["its name under another CA", { ca: "other" }, "certificate_unmatched"],
  ])("is compared with %s", async (_, rule, outcome) => {
    const certificate = await mesh.issue("named", {
      subject: "/C=DE/O=Example/OU=x, y/CN=planner \\+ one",
      names: `URI:${PLANNER},DNS:planner.prod.example,DNS:*.prod.example`,
    });
    const deps = declared({
      callers: [callerWith("planner", rule)],
      clientCas: [entryOf(mesh), entryOf(stranger, { name: "other" })],
    });
    expect(await outcomeOf(deps, certificate.certificate)).toBe(outcome);
  });

  test("that meets the rules of two callers proves neither", async () => {
    const certificate = await mesh.issue("two", { names: `URI:${PLANNER},DNS:a.example` });
    const callers = [callerWith("a", { of: "dns", name: "a.example" }), callerWith("b", {})];
    expect(await outcomeOf(declared({ callers }), certificate.certificate)).toBe("caller_ambiguous");
  });

  test("is nothing while the request has a credential of its own", async () => {
    const random = systemRandom();
    const secret = generateSecret(random);
    const callers = [
      callerWith("planner", {}),
      callerEntry("pod", { secrets: [hashSecret(random, secret)] }),
    ];
    const deps = declared({ callers });
    const sent = (text: string) => presentedTo(deps, [planner.certificate], true, [`Bearer ${text}`]);
    expect(await sent(secret.reveal())).toBe("pod");
    expect(await sent("wrong")).toBe("credential_unknown");
  });

  test("proves nobody when TLS did not verify it, whatever it says", async () => {
    expect(await presentedTo(declared(), [planner.certificate], false)).toBe("certificate_untrusted");
    const deps = declared();
    expect(await presentedTo(deps, [planner.certificate], true)).toBe("planner");
    expect(await presentedTo(deps, [planner.certificate], false)).toBe("certificate_untrusted");
  });

  test("is looked at again once its caller is disabled", async () => {
    const callers = [{ ...callerWith("planner", {}), isDisabled: true }];
    expect(await outcomeOf(declared({ callers }), planner.certificate)).toBe("caller_disabled");
  });

  test("ends with its last second, also after it was accepted on the same connection", async () => {
    const short = await mesh.issue("short", { names: `URI:${PLANNER}`, notAfter: NOW + 60 });
    const deps = declared();
    expect(await outcomeOf(deps, short.certificate)).toBe("planner");
    deps.clock.move(60);
    expect(await outcomeOf(deps, short.certificate)).toBe("planner");
    deps.clock.move(1);
    expect(await outcomeOf(deps, short.certificate)).toBe("certificate_expired");
  });
});

describe("a certificate that is no proof", () => {
  const weak = ["rsa:1024"];
  test.each<[string, () => Promise<ClientCertificate>, string]>([
    [
      "expired",
      () => mesh.issue("old", { names: `URI:${PLANNER}`, notBefore: NOW - 90, notAfter: NOW - 1 }),
      "certificate_expired",
    ],
    [
      "not valid yet",
      () => mesh.issue("early", { names: `URI:${PLANNER}`, notBefore: NOW + 1 }),
      "certificate_not_yet_valid",
    ],
    [
      "of another authority",
      () => stranger.issue("foreign", { names: `URI:${PLANNER}` }),
      "certificate_untrusted",
    ],
    [
      "for servers only",
      () =>
        mesh.issue("server", {
          names: `URI:${PLANNER}`,
          extensions: [...FOR_CLIENTS.slice(0, 2), "extendedKeyUsage=serverAuth"],
        }),
      "certificate_not_for_clients",
    ],
    [
      "of an authority",
      () =>
        mesh.issue("authority", {
          names: `URI:${PLANNER}`,
          extensions: ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature,keyCertSign"],
        }),
      "certificate_not_for_clients",
    ],
    [
      "with a key that may sign certificates",
      () =>
        mesh.issue("signer", {
          names: `URI:${PLANNER}`,
          extensions: [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature,keyCertSign",
          ],
        }),
      "certificate_not_for_clients",
    ],
    [
      "an SVID whose key may sign nothing",
      () =>
        mesh.issue("mute", {
          names: `URI:${PLANNER}`,
          extensions: ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,keyEncipherment"],
        }),
      "certificate_not_for_clients",
    ],
    [
      "with two SPIFFE ids",
      () => mesh.issue("twice", { names: `URI:${PLANNER},URI:spiffe://example.org/other` }),
      "certificate_malformed",
    ],
    [
      "with a SPIFFE id and another URI",
      () => mesh.issue("both", { names: `URI:${PLANNER},URI:https://example.org/` }),
      "certificate_malformed",
    ],
    [
      "with a SPIFFE id that has a dot segment",
      () => mesh.issue("dots", { names: "URI:spiffe://example.org/ns/../sa/planner" }),
      "certificate_malformed",
    ],
    [
      "with a SPIFFE id in other letters",
      () => mesh.issue("letters", { names: "URI:SPIFFE://example.org/ns/prod/sa/planner" }),
      "certificate_malformed",
    ],
    [
      "with a NUL in its name",
      () => {
        const uri = Buffer.from(`${PLANNER}\0.evil.example`);
        const name = Buffer.concat([Buffer.from([0x86, uri.length]), uri]);
        const value = Buffer.concat([Buffer.from([0x30, name.length]), name]).toString("hex");
        const pairs = value.match(/../g) ?? [];
        return mesh.issue("nul", { extensions: [...FOR_CLIENTS, `2.5.29.17=DER:${pairs.join(":")}`] });
      },
      "certificate_malformed",
    ],
    ["with a weak key", () => mesh.issue("weak", { names: `URI:${PLANNER}`, key: weak }), "certificate_weak"],
    [
      "with a weak signature",
      () => mesh.issue("sha1", { names: `URI:${PLANNER}`, digest: "sha1" }),
      "certificate_weak",
    ],
    ["without a name", () => mesh.issue("nobody", {}), "certificate_unmatched"],
  ])("%s", async (_, issued, reason) => {
    const { certificate } = await issued();
    expect(await outcomeOf(declared(), certificate)).toBe(reason);
  });

  test("of itself, though its name and key identifier are those of the authority", async () => {
    const twin = await clientAuthorities(NOW);
    const other = await twin.root("mesh");
    const own = await other.issue("planner", { names: `URI:${PLANNER}` });
    expect(await outcomeOf(declared(), own.certificate)).toBe("certificate_untrusted");
    expect(await outcomeOf(declared(), own.certificate, other.certificate)).toBe("certificate_untrusted");
    await twin.remove();
  });

  test("whose signature, or any other octet, was altered", async () => {
    const octets = Buffer.from(new X509Certificate(planner.certificate).raw);
    let read = 0;
    for (let at = 0; at < octets.length; at += 1) {
      octets[at] = (octets[at] ?? 0) ^ 1;
      try {
        const outcome = await outcomeOf(declared(), new X509Certificate(octets).toString());
        expect(outcome).not.toBe("planner");
        read += 1;
      } catch (thrown) {
        // OpenSSL reads most of them no more, and such a one reaches nobody.
        expect(String(thrown)).not.toContain("AssertionError");
      }
      octets[at] = (octets[at] ?? 0) ^ 1;
    }
    expect(read).toBeGreaterThan(50);
  });
});

describe("a chain", () => {
  test("leads through an intermediate, which must be sent and may issue", async () => {
    const below = await mesh.authorityBelow("below");
    const short = await mesh.authorityBelow("leaf only", [
      "basicConstraints=critical,CA:FALSE",
      "keyUsage=digitalSignature",
    ]);
    const wrong = await mesh.authorityBelow("no signing", [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=cRLSign",
    ]);
    const leafOf = async (authority: ClientAuthority) =>
      (await authority.issue("leaf", { names: `URI:${PLANNER}` })).certificate;
    const deps = declared();
    expect(await outcomeOf(deps, await leafOf(below), below.certificate)).toBe("planner");
    expect(await outcomeOf(deps, await leafOf(below))).toBe("certificate_untrusted");
    expect(await outcomeOf(deps, await leafOf(short), short.certificate)).toBe("certificate_untrusted");
    expect(await outcomeOf(deps, await leafOf(wrong), wrong.certificate)).toBe("certificate_untrusted");
  });

  test("is as long as the authority allows", async () => {
    const none = await mesh.authorityBelow("none below", [
      "basicConstraints=critical,CA:TRUE,pathlen:0",
      "keyUsage=critical,keyCertSign,cRLSign",
    ]);
    const under = await none.authorityBelow("under none");
    const leaf = await none.issue("leaf", { names: `URI:${PLANNER}` });
    const deep = await under.issue("deep", { names: `URI:${PLANNER}` });
    const deps = declared();
    expect(await outcomeOf(deps, leaf.certificate, none.certificate)).toBe("planner");
    expect(await outcomeOf(deps, deep.certificate, under.certificate, none.certificate)).toBe(
      "certificate_untrusted",
    );
  });

  test("leads to the old or the new authority while both are declared", async () => {
    const renewed = await authorities.root("mesh renewed");
    const young = await renewed.issue("young", { names: `URI:${PLANNER}` });
    const both = `${mesh.certificate}\n${renewed.certificate}`;
    const overlap = declared({ clientCas: [entryOf(mesh, { caPem: both })] });
    expect(await outcomeOf(overlap, planner.certificate)).toBe("planner");
    expect(await outcomeOf(overlap, young.certificate)).toBe("planner");
    const after = declared({ clientCas: [entryOf(renewed)] });
    expect(await outcomeOf(after, planner.certificate)).toBe("certificate_untrusted");
    expect(await outcomeOf(after, young.certificate)).toBe("planner");
  });

  test("with name constraints counts for one client CA only: for several, nobody knows which path TLS checked", async () => {
    const constrained = await mesh.authorityBelow("constrained", [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,keyCertSign,cRLSign",
      "nameConstraints=critical,permitted;URI:example.org",
    ]);
    const leaf = await constrained.issue("leaf", { names: `URI:${PLANNER}` });
    const chain = [leaf.certificate, constrained.certificate];
    expect(await outcomeOf(declared(), ...chain)).toBe("planner");
    const twice = declared({ clientCas: [entryOf(mesh), entryOf(mesh, { name: "other" })] });
    expect(await outcomeOf(twice, ...chain)).toBe("certificate_untrusted");
    expect(await outcomeOf(twice, planner.certificate)).toBe("planner");
  });

  test("with many copies of an intermediate takes no longer", async () => {
    const below = await mesh.authorityBelow("copied");
    const leaf = await below.issue("leaf", { names: `URI:${PLANNER}` });
    const deps = declared({ clientCas: [entryOf(stranger)] });
    const begun = performance.now();
    const copies = Array.from({ length: 100 }, () => below.certificate);
    expect(await outcomeOf(deps, leaf.certificate, ...copies)).toBe("certificate_untrusted");
    expect(performance.now() - begun).toBeLessThan(500);
  });
});

describe("revocation", () => {
  test("holds from the moment at which the list is read, also for a certificate that was accepted", async () => {
    const revoked = await mesh.issue("revoked", { names: `URI:${PLANNER}` });
    const before = await mesh.revocationList();
    expect(
      await outcomeOf(declared({ clientCas: [entryOf(mesh, { crlPem: before })] }), revoked.certificate),
    ).toBe("planner");
    await mesh.revoke(revoked);
    const deps = declared({ clientCas: [entryOf(mesh, { crlPem: await mesh.revocationList() })] });
    expect(await outcomeOf(deps, revoked.certificate)).toBe("certificate_revoked");
    expect(await outcomeOf(deps, planner.certificate)).toBe("planner");
  });

  test("of an intermediate ends what it issued", async () => {
    const below = await mesh.authorityBelow("to revoke");
    const leaf = await below.issue("leaf", { names: `URI:${PLANNER}` });
    const lists = async () => `${await mesh.revocationList()}${await below.revocationList()}`;
    const withLists = async () => declared({ clientCas: [entryOf(mesh, { crlPem: await lists() })] });
    expect(await outcomeOf(await withLists(), leaf.certificate, below.certificate)).toBe("planner");
    await mesh.revoke({ ...planner, certificatePath: `${authorities.folder}/to-revoke/ca.pem` });
    expect(await outcomeOf(await withLists(), leaf.certificate, below.certificate)).toBe(
      "certificate_revoked",
    );
  });

  test("is unknown without a list of the issuer that is in force: then the certificate is rejected", async () => {
    const list = await mesh.revocationList(60);
    const deps = declared({ clientCas: [entryOf(mesh, { crlPem: list })] });
    expect(await outcomeOf(deps, planner.certificate)).toBe("planner");
    deps.clock.move(60);
    expect(await outcomeOf(deps, planner.certificate)).toBe("revocation_unknown");
    const others = declared({ clientCas: [entryOf(mesh, { crlPem: await stranger.revocationList() })] });
    expect(await outcomeOf(others, planner.certificate)).toBe("revocation_unknown");
  });
});
