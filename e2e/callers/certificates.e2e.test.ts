import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unsafeClientCertificates } from "../../service/src/cli/words/node-line.ts";
import { type Authority, type Certificate, makeAuthority } from "../../service/src/testing/certificates.ts";
import {
  type CertificateOrder,
  type ClientAuthorities,
  type ClientAuthority,
  type ClientCertificate,
  clientAuthorities,
  FOR_CLIENTS,
} from "../../service/src/testing/client-certificates.ts";
import {
  type AccessFolder,
  accessFolder,
  bearer,
  linesOf,
  ownSecret,
  reload,
  requestText,
} from "../support/access.ts";
import { macpAuth, settingsOf } from "../support/operator.ts";
import {
  BOOT_MS_MAX,
  type RunningService,
  runToExit,
  startService,
  withService,
} from "../support/service-process.ts";
import { answerOver, TlsClient, tlsConnection } from "../support/tls-client.ts";

// Callers that prove themselves by the certificate of their connection, on the real TLS listeners.

const PLANNER = "spiffe://example.org/ns/prod/sa/planner";
const SENDER = "agent://prod/planner/1";

let own: Authority & { readonly certificate: string };
let served: Certificate;
let authorities: ClientAuthorities;
let mesh: ClientAuthority;
let stranger: ClientAuthority;
let planner: ClientCertificate;
let folder: AccessFolder;
let service: RunningService;
let adminPort: number;
const pod = ownSecret();

beforeAll(async () => {
  const authority = await makeAuthority();
  own = { ...authority, certificate: await readFile(authority.path, "utf8") };
  served = await own.issue("localhost", "DNS:localhost,IP:127.0.0.1");
  authorities = await clientAuthorities(Math.floor(Date.now() / 1_000));
  [mesh, stranger] = await Promise.all([authorities.root("mesh"), authorities.root("stranger")]);
  planner = await issued("planner");
  folder = await accessFolder("");
  await declare(mesh.certificate);
  service = await startService({
    ...folder.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_TLS_CERT_FILE: served.certificatePath,
    MACP_AUTH_TLS_KEY_FILE: served.keyPath,
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: "an-admin-token-of-32-characters!",
  });
  adminPort = Number((await service.event("admin_listening"))["port"]);
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop();
  await Promise.all([folder.remove(), authorities.remove(), own.remove()]);
});

const issued = (name: string, order: CertificateOrder = {}, by: ClientAuthority = mesh) =>
  by.issue(name, { names: `URI:${PLANNER}`, ...order });

async function declare(caPem: string, crlPem?: string): Promise<void> {
  await folder.file("mesh-ca.pem", caPem);
  if (crlPem !== undefined) await folder.file("mesh.crl", crlPem);
  await folder.put({
    version: 1,
    client_cas: { mesh: { ca_file: "mesh-ca.pem", ...(crlPem !== undefined && { crl_file: "mesh.crl" }) } },
    callers: {
      planner: { proofs: [{ certificate: { ca: "mesh", uri: PLANNER } }] },
      pod: { proofs: [{ secret: pod.line }] },
      watcher: { role: "viewer", proofs: [{ certificate: { ca: "mesh", dns: "watcher.example" } }] },
    },
    grants: [
      {
        name: "own",
        callers: ["planner"],
        senders: ["agent://{claims.namespace}/{claims.serviceaccount}/*"],
        scopes: {},
      },
      { name: "pod", callers: ["pod"], senders: ["agent://pod"], scopes: {} },
    ],
  });
}

const clientWith = (
  { certificate, key }: Pick<ClientCertificate, "certificate" | "key">,
  port = service.port,
) => new TlsClient(port, { ca: own.certificate, cert: certificate, key });
const reasons = (count: number) =>
  linesOf(service, "caller_rejected", count).then((lines) => lines.map(({ reason }) => reason));

describe("a client certificate", () => {
  test("mints for its own agents and nothing else, and the log names the caller", async () => {
    const client = clientWith(planner);
    expect((await client.mint(SENDER)).status).toBe(200);
    expect((await client.mint("agent://prod/other/1")).status).toBe(403);
    client.close();
    expect(await service.event("token_minted", ({ caller }) => caller === "planner")).toBeDefined();
  });

  test("is not looked at where the request has a credential of its own", async () => {
    const client = clientWith(planner);
    expect((await client.mint("agent://pod", bearer(pod.secret))).status).toBe(200);
    expect((await client.mint(SENDER, bearer("wrong"))).status).toBe(401);
    client.close();
  });

  test("of nobody leaves every other proof in place, also without one", async () => {
    const foreign = await issued("foreign", {}, stranger);
    for (const client of [clientWith(foreign), new TlsClient(service.port, { ca: own.certificate })]) {
      expect((await client.mint("agent://pod", bearer(pod.secret))).status).toBe(200);
      expect((await client.mint(SENDER)).status).toBe(401);
      client.close();
    }
  });

  test("proves an operator at the admin listener, within its role", async () => {
    const watcher = await issued("watcher", { names: "DNS:watcher.example" });
    const client = clientWith(watcher, adminPort);
    const figures = await client.ask("GET", "/metrics");
    expect(figures.status).toBe(200);
    expect(figures.body).toMatch(
      /^macp_auth_client_ca_ends_seconds\{client_ca="mesh",what="authorities"\} [0-9]+$/m,
    );
    expect((await client.post("/keys/rotate", "{}")).status).toBe(403);
    client.close();
    const other = clientWith(planner, adminPort);
    expect((await other.ask("GET", "/metrics")).status).toBe(403);
    other.close();
  });

  test("in a header that a proxy writes is no proof", async () => {
    const client = new TlsClient(service.port, { ca: own.certificate });
    const der = planner.certificate.replace(/-----[^-]+-----|\n/g, "");
    for (const headers of [
      {
        "x-forwarded-client-cert": `By=spiffe://a/b;URI=${PLANNER};Cert="${encodeURIComponent(planner.certificate)}"`,
      },
      { "client-cert": `:${der}:` },
      { "x-ssl-client-cert": encodeURIComponent(planner.certificate), "x-ssl-client-verify": "SUCCESS" },
      { "ssl-client-cert": planner.certificate.replaceAll("\n", " ") },
    ])
      expect((await client.mint(SENDER, headers)).status).toBe(401);
    client.close();
  });
});

describe("a certificate that is no proof", () => {
  const uriOf = (uri: string) => {
    const octets = Buffer.from(uri);
    const name = Buffer.concat([Buffer.from([0x86, octets.length]), octets]);
    const value = Buffer.concat([Buffer.from([0x30, name.length]), name]).toString("hex");
    return `2.5.29.17=DER:${(value.match(/../g) ?? []).join(":")}`;
  };
  const now = Math.floor(Date.now() / 1_000);
  const KINDS: Readonly<Record<string, readonly [string, () => Promise<ClientCertificate>]>> = {
    expired: ["certificate_expired", () => issued("x", { notBefore: now - 90, notAfter: now - 1 })],
    "not valid yet": ["certificate_not_yet_valid", () => issued("x", { notBefore: now + 600 })],
    "of another authority": ["certificate_untrusted", () => issued("x", {}, stranger)],
    "of an authority with the same name": [
      "certificate_untrusted",
      async () => {
        const other = await clientAuthorities(now);
        return issued("x", {}, await other.root("mesh"));
      },
    ],
    "self-signed": ["certificate_not_for_clients", async () => selfSigned()],
    "for servers only": [
      "certificate_not_for_clients",
      () => issued("x", { extensions: [...FOR_CLIENTS.slice(0, 2), "extendedKeyUsage=serverAuth"] }),
    ],
    "of an authority": [
      "certificate_not_for_clients",
      () =>
        issued("x", {
          extensions: ["basicConstraints=critical,CA:TRUE", "keyUsage=digitalSignature,keyCertSign"],
        }),
    ],
    "with two SPIFFE ids": [
      "certificate_malformed",
      () => issued("x", { names: `URI:${PLANNER},URI:spiffe://example.org/b` }),
    ],
    "with a NUL in its name": [
      "certificate_malformed",
      () => mesh.issue("x", { extensions: [...FOR_CLIENTS, uriOf(`${PLANNER}\0.evil.example`)] }),
    ],
    "with a weak key": ["certificate_weak", () => issued("x", { key: ["rsa:1024"] })],
    "with an altered signature": ["certificate_untrusted", async () => altered(await issued("x"))],
    "without its intermediate": [
      "certificate_untrusted",
      async () => issued("x", {}, await mesh.authorityBelow(`below ${String(Math.random())}`)),
    ],
    "with another name": [
      "certificate_unmatched",
      () => issued("x", { names: "URI:spiffe://example.org/other" }),
    ],
  };

  async function selfSigned(): Promise<ClientCertificate> {
    const { certificate, key } = await authorities.root(`self ${String(Math.random())}`);
    return { certificate, key, certificatePath: "", keyPath: "" };
  }

  function altered(certificate: ClientCertificate): ClientCertificate {
    const der = Buffer.from(certificate.certificate.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const last = der.length - 5;
    der[last] = (der[last] ?? 0) ^ 1;
    const pem = `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
    return { ...certificate, certificate: pem };
  }

  test.each(Object.keys(KINDS))(
    "%s: the answer is that of every stranger, and the log says why",
    async (kind) => {
      const [reason, make] = KINDS[kind] ?? ["", () => Promise.reject(new Error(kind))];
      const { certificate, key } = await make();
      const before = service.events("caller_rejected").length;
      const post = requestText("POST /tokens", [], JSON.stringify({ sender: SENDER }));
      const masked = (answer: string) => answer.replace(/^(date|x-request-id): .*$/gim, "$1: -");
      const one = await answerOver(
        await tlsConnection(service.port, { ca: own.certificate, cert: certificate, key }),
        post,
      );
      const other = await answerOver(await tlsConnection(service.port, { ca: own.certificate }), post);
      expect(masked(one)).toBe(masked(other));
      expect(one).toContain("HTTP/1.1 401 ");
      expect((await reasons(before + 2)).slice(before)).toEqual([reason, "credential_missing"]);
      expect((await clientWith(planner).mint(SENDER)).status).toBe(200);
    },
  );

  test("a session that was made with a certificate, or without one, cannot be resumed", async () => {
    for (const identity of [{ cert: planner.certificate, key: planner.key }, {}]) {
      const first = await tlsConnection(service.port, { ca: own.certificate, ...identity });
      const sessions: Buffer[] = [];
      first.on("session", (session: Buffer) => sessions.push(session));
      await answerOver(first, requestText("GET /healthz"));
      const session = sessions.at(-1) ?? first.getSession();
      const second = await tlsConnection(service.port, {
        ca: own.certificate,
        ...(session === undefined ? {} : { session }),
      });
      expect(second.isSessionReused()).toBe(false);
      const answer = await answerOver(
        second,
        requestText("POST /tokens", [], JSON.stringify({ sender: SENDER })),
      );
      expect(answer).toContain("HTTP/1.1 401 ");
    }
  });

  test("TLS 1.2 is not spoken where clients are asked for a certificate", async () => {
    const connecting = tlsConnection(service.port, { ca: own.certificate, maxVersion: "TLSv1.2" });
    await expect(connecting).rejects.toThrow(/alert|version|closed|ECONNRESET/i);
  });
});

describe("an open connection", () => {
  test("does not outlive its certificate", async () => {
    const short = await issued("short", { notAfter: Math.floor(Date.now() / 1_000) + 3 });
    const client = clientWith(short);
    const first = await client.mint(SENDER);
    expect(first.status).toBe(200);
    await pause(4_100);
    const last = await client.mint(SENDER);
    expect(last.status).toBe(401);
    expect(last.connection).toBe(first.connection);
    // Without its authority, because TLS did not verify it, an expired one came before.
    const line = await service.event(
      "caller_rejected",
      ({ reason, issuer }) => reason === "certificate_expired" && issuer === "mesh",
    );
    expect(line).toMatchObject({ subject: PLANNER, status: 401 });
    client.close();
  });

  test("does not outlive a revocation, nor the authority, and both authorities are accepted during a change", async () => {
    const renewed = await authorities.root("mesh renewed");
    const young = await issued("young", {}, renewed);
    const [old, open] = [clientWith(planner), clientWith(planner)];
    const statuses = async () => {
      const fresh = [clientWith(planner), clientWith(young)];
      const all = await Promise.all([old, open, ...fresh].map((client) => client.mint(SENDER)));
      for (const client of fresh) client.close();
      return all.map(({ status }) => status);
    };
    expect(await statuses()).toEqual([200, 200, 200, 401]);
    await declare(`${mesh.certificate}${renewed.certificate}`);
    await reload(service);
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    await mesh.revoke(planner);
    await declare(
      `${mesh.certificate}${renewed.certificate}`,
      `${await mesh.revocationList()}${await renewed.revocationList()}`,
    );
    await reload(service);
    expect(await statuses()).toEqual([401, 401, 401, 200]);
    await declare(renewed.certificate);
    await reload(service);
    expect(await statuses()).toEqual([401, 401, 401, 200]);
    for (const client of [old, open]) client.close();
    await declare(mesh.certificate);
    await reload(service);
  });

  test("a list or an authority that cannot be used changes nothing, and the log says what", async () => {
    const before = service.events("access_document_rejected").length;
    await declare("no certificate\n");
    await reload(service);
    const [line] = (await linesOf(service, "access_document_rejected", before + 1)).slice(before);
    expect(String(line?.["fault"])).toMatch(/access\.yaml:\d+:\d+ client_cas\.mesh\.ca_file names a file/);
    const client = clientWith(planner);
    expect((await client.mint(SENDER)).status).toBe(200);
    client.close();
    await declare(mesh.certificate);
    await reload(service);
  });
});

describe("the client CA of the settings", () => {
  const documentWith = (proof: object) => ({
    version: 1,
    callers: { planner: { proofs: [{ certificate: proof }] } },
    grants: [{ name: "own", callers: ["planner"], senders: [SENDER], scopes: {} }],
  });
  const settingsWith = (access: AccessFolder, others: Readonly<Record<string, string>> = {}) => ({
    ...access.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    ...others,
  });
  const tls = () => ({
    MACP_AUTH_TLS_CERT_FILE: served.certificatePath,
    MACP_AUTH_TLS_KEY_FILE: served.keyPath,
  });

  test("is the one of a rule that names none, with its revocation list, and both files are followed", async () => {
    const access = await accessFolder(documentWith({ subject: "CN=corp planner" }));
    const corp = await authorities.root("corp");
    const own = await issued("corp planner", {}, corp);
    const caFile = await access.file("ca.pem", corp.certificate);
    const crlFile = await access.file("ca.crl", await corp.revocationList());
    const files = { MACP_AUTH_TLS_CLIENT_CA_FILE: caFile, MACP_AUTH_TLS_CRL_FILE: crlFile };
    await withService(settingsWith(access, { ...tls(), ...files }), async (running) => {
      const client = clientWith(own, running.port);
      expect((await client.mint(SENDER)).status).toBe(200);
      await corp.revoke(own);
      await access.file("ca.crl", await corp.revocationList());
      await reload(running);
      expect((await client.mint(SENDER)).status).toBe(401);
      expect((await linesOf(running, "caller_rejected", 1))[0]).toMatchObject({
        reason: "certificate_revoked",
      });
      client.close();
    });
    await access.remove();
  });

  test("that a rule needs and no setting makes is a fault of the document", async () => {
    const access = await accessFolder(documentWith({ uri: PLANNER }));
    const { code, stderr } = await runToExit(settingsWith(access, tls()));
    expect(code).toBe(1);
    expect(stderr.join("\n")).toMatch(/certificate\.ca names a client CA that is not declared/);
    await access.remove();
  });

  test("observed, mints as before and reports what would be rejected", async () => {
    const access = await accessFolder(documentWith({ uri: PLANNER }));
    const caFile = await access.file("ca.pem", mesh.certificate);
    const settings = { MACP_AUTH_TLS_CLIENT_CA_FILE: caFile, MACP_AUTH_CALLER_AUTH: "observe" };
    await withService(settingsWith(access, { ...tls(), ...settings }), async (running) => {
      const foreign = clientWith(await issued("observed", {}, stranger), running.port);
      expect((await foreign.mint(SENDER)).status).toBe(200);
      foreign.close();
      expect(await running.event("token_minted")).toMatchObject({ would_reject: "certificate_untrusted" });
    });
    await access.remove();
  });

  test("on plain HTTP is of no use, and the log says so", async () => {
    const access = await accessFolder({
      ...documentWith({ ca: "mesh", uri: PLANNER }),
      client_cas: { mesh: { ca_file: "ca.pem" } },
    });
    await access.file("ca.pem", mesh.certificate);
    await withService(settingsWith(access), async (running) => {
      expect(await running.event("certificates_without_tls")).toBeDefined();
    });
    await access.remove();
  });
});

test("callers check explains a certificate, check by check and rule by rule", () => {
  const { code, out } = macpAuth("callers", "check", folder.path, planner.certificatePath);
  expect(out).toContain("accepted: the caller planner by a client certificate");
  expect(out).toContain(PLANNER);
  expect(code).toBe(0);
  const other = macpAuth("callers", "check", folder.path, served.certificatePath);
  expect(other.out).toMatch(/rejected \(certificate_/);
  expect(other.code).toBe(1);
});

test("the example with SPIFFE serves a workload and an operator, and the JWKS in plain", async () => {
  const example = await mkdtemp(join(tmpdir(), "macp-auth-example-"));
  const put = (name: string, text: string) => writeFile(join(example, name), text);
  const spire = await authorities.root("spire");
  const uri = (path: string) => ({ names: `URI:spiffe://example.org/${path},DNS:localhost` });
  const both = { extensions: [...FOR_CLIENTS.slice(0, 2), "extendedKeyUsage=clientAuth,serverAuth"] };
  const ofService = await spire.issue("macp-auth", { ...uri("ns/macp/sa/macp-auth"), ...both });
  const pod = await spire.issue("pod", { ...uri("ns/agents/sa/planner"), ...both });
  const control = await spire.issue("control", { ...uri("ns/macp/sa/control-plane"), ...both });
  await cp(new URL("../../deploy/examples/mtls-spiffe/", import.meta.url), example, { recursive: true });
  await put("svid.pem", ofService.certificate);
  await put("svid_key.pem", ofService.key);
  await put("svid_bundle.pem", spire.certificate);
  const settings = Object.entries(await settingsOf(join(example, "macp-auth.env"))).map(([name, value]) => [
    name,
    name.endsWith("_FILE") ? join(example, value) : value,
  ]);
  const env = {
    ...(Object.fromEntries(settings) as Record<string, string>),
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_PLAIN_PORT: "0",
    MACP_AUTH_ADMIN_PORT: "0",
  };
  await withService(env, async (running) => {
    const clientAt = (port: number, { certificate, key }: ClientCertificate) =>
      new TlsClient(port, { ca: spire.certificate, cert: certificate, key });
    const workload = clientAt(running.port, pod);
    expect((await workload.mint("agent://agents/planner/1")).status).toBe(200);
    expect((await workload.mint("agent://agents/reviewer/1")).status).toBe(403);
    const adminPort = Number((await running.event("admin_listening"))["port"]);
    const operator = clientAt(adminPort, control);
    expect((await operator.ask("GET", "/metrics")).status).toBe(200);
    const plain = Number((await running.event("plain_listening"))["port"]);
    expect((await fetch(`http://127.0.0.1:${String(plain)}/.well-known/jwks.json`)).status).toBe(200);
    for (const client of [workload, operator]) client.close();
    // The document names the authorities, no setting does.
    const unsafe = unsafeClientCertificates(process.version) === undefined ? 0 : 1;
    expect(running.events("node_client_certificates")).toHaveLength(unsafe);
  });
  await rm(example, { recursive: true });
});
