import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, type Certificate, makeAuthority } from "../../testing/certificates.ts";
import { type OwnPostgres, startOwnPostgres } from "../../testing/postgres/own-postgres.ts";
import { postgresAt } from "../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut } from "../../testing/store-places.ts";
import { openPostgres } from "./database.ts";
import { Dial } from "./dial.ts";
import { PostgresFault, PostgresUnusable } from "./faults.ts";
import { systemRoots, tlsPlanOf } from "./tls.ts";

/** Whether the connection is encrypted, as the server sees it; or the fault. */
async function answerAt(url: string): Promise<unknown> {
  const database = await openPostgres(postgresAt(url));
  try {
    const rows = await database.read((query) =>
      query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
    );
    return (rows as readonly { readonly ssl: boolean }[])[0]?.ssl === true ? "encrypted" : "in the clear";
  } catch (thrown) {
    if (thrown instanceof PostgresFault) return thrown.code;
    throw thrown;
  } finally {
    await database.close();
  }
}

const warnings: Error[] = [];
process.on("warning", (warning) => warnings.push(warning));
afterAll(() => {
  // The driver's own reading of sslmode warns on standard error; no test here may cause that.
  expect(warnings).toEqual([]);
});

describe.skipIf(mayLeavePostgresOut())("TLS to PostgreSQL", { timeout: 60_000 }, () => {
  let server: OwnPostgres;
  let authority: Authority;
  let stranger: Authority;
  let right: Certificate;

  const at = (host: string, query: string): string => {
    const { port } = new URL(server.url);
    return `postgres://macp@${host}:${port}/postgres?${query}`;
  };
  /** The server uses this certificate from now on. */
  const show = async ({ certificate, key }: Certificate): Promise<void> => {
    await server.write("server.crt", certificate);
    await server.write("server.key", key);
    await server.change({ ssl: "on" }, async () => (await shownBy(server.url)) === der(certificate));
  };

  beforeAll(async () => {
    [server, authority, stranger] = await Promise.all([startOwnPostgres(), makeAuthority(), makeAuthority()]);
    right = await authority.issue("right", "DNS:localhost,IP:127.0.0.1");
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await authority.remove();
    await stranger.remove();
  });

  test("with a server that offers none: prefer continues unencrypted, and every stricter mode fails", async () => {
    await server.change({ ssl: "off" }, async () => (await shownBy(server.url)) === undefined);
    for (const query of ["", "sslmode=prefer", "sslmode=disable"])
      expect(await answerAt(at("localhost", query))).toBe("in the clear");
    for (const query of [
      "sslmode=require",
      "sslmode=verify-full",
      `sslmode=verify-ca&sslrootcert=${authority.path}`,
    ])
      expect(await answerAt(at("localhost", query))).toBe("TLS_NOT_OFFERED");
  });

  test("means what it means to libpq, for each sslmode, when the certificate is right", async () => {
    await show(right);
    const ca = `sslrootcert=${authority.path}`;
    expect(await answerAt(at("localhost", "sslmode=disable"))).toBe("in the clear");
    for (const query of [
      "",
      "sslmode=prefer",
      "sslmode=require",
      `sslmode=require&${ca}`,
      `sslmode=verify-ca&${ca}`,
      `sslmode=verify-full&${ca}`,
      ca,
    ])
      for (const host of ["localhost", "127.0.0.1"])
        expect(await answerAt(at(host, query))).toBe("encrypted");
  });

  test("with an authority that is not trusted fails where the authority is checked, as that", async () => {
    await show(right);
    for (const query of ["", "sslmode=prefer", "sslmode=require"])
      expect(await answerAt(at("localhost", query))).toBe("encrypted");
    for (const query of [
      "sslmode=verify-full",
      `sslrootcert=${stranger.path}`,
      `sslmode=require&sslrootcert=${stranger.path}`,
      `sslmode=verify-ca&sslrootcert=${stranger.path}`,
    ])
      expect(await answerAt(at("localhost", query))).toMatch(
        /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_SIGNATURE_FAILURE)$/,
      );
  });

  test("with a certificate for another host fails only where the host is checked, as that", async () => {
    await show(await authority.issue("elsewhere", "DNS:elsewhere.example"));
    const ca = `sslrootcert=${authority.path}`;
    for (const query of ["sslmode=require", `sslmode=require&${ca}`, `sslmode=verify-ca&${ca}`])
      expect(await answerAt(at("localhost", query))).toBe("encrypted");
    for (const host of ["localhost", "127.0.0.1"])
      expect(await answerAt(at(host, `sslmode=verify-full&${ca}`))).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("with sslrootcert=system trusts the authorities of the system and no other", async () => {
    await show(right);
    expect(await answerAt(at("localhost", "sslrootcert=system"))).toMatch(
      /^(?:SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/,
    );
    const { tls } = postgresAt(at("localhost", "sslrootcert=system"));
    const ca = await readFile(authority.path, "utf8");
    const dial = new Dial(await tlsPlanOf(tls, () => Promise.resolve([ca]))).connect(
      Number(new URL(server.url).port),
      "localhost",
    );
    await once(dial, "connect");
    dial.destroy();
    expect((await systemRoots()).join("").match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(20);
  });

  test("with a certificate that has expired fails where it is checked, as that", async () => {
    await show(await authority.issue("expired", "DNS:localhost", -1));
    expect(await answerAt(at("localhost", "sslmode=require"))).toBe("encrypted");
    expect(await answerAt(at("localhost", `sslrootcert=${authority.path}`))).toBe("CERT_HAS_EXPIRED");
  });

  test("sends a client certificate to a server that requires one, and reports when there is none", async () => {
    await show(right);
    await server.write("clients.crt", await readFile(authority.path, "utf8"));
    await server.write(
      "pg_hba.conf",
      "local all all trust\nhostssl all macp 127.0.0.1/32 trust clientcert=verify-ca\nhostnossl postgres macp 127.0.0.1/32 trust\nhost all macp ::1/128 trust",
    );
    const plain = at("127.0.0.1", "sslmode=require");
    await server.change({ ssl_ca_file: "clients.crt" }, async () => (await answerAt(plain)) !== "encrypted");
    expect(await answerAt(plain)).toBe("28000");
    const { certificatePath, keyPath } = await authority.issue("client", "DNS:client");
    expect(await answerAt(`${plain}&sslcert=${certificatePath}&sslkey=${keyPath}`)).toBe("encrypted");
  });

  test("files that cannot be used end the start, named and without their content", async () => {
    const { keyPath, certificatePath } = right;
    const broken = join(keyPath, "..", "broken.pem");
    await writeFile(broken, "no certificate");
    const open = (query: string) => openPostgres(postgresAt(at("localhost", query)));
    await expect(open(`sslrootcert=${broken}`)).rejects.toEqual(
      new PostgresUnusable({ kind: "no_certificate", path: broken }),
    );
    const other = await stranger.issue("other", "DNS:other");
    for (const key of [broken, other.keyPath])
      await expect(open(`sslmode=require&sslcert=${certificatePath}&sslkey=${key}`)).rejects.toMatchObject({
        fault: { kind: "tls_files_unusable", code: expect.stringMatching(/^\w+$/) as string },
      });
  });
});

test("a server that answers the question for TLS with more than one byte is rejected: the rest was injected by an attacker on the network", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write("SR"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  expect(await answerAt(`postgres://a@127.0.0.1:${String(port)}/b?sslmode=require`)).toMatch(/NOT_POSTGRES/);
  server.close();
});

/** The certificate that the server shows, in base64 of its DER form; `undefined` when it offers no TLS. */
async function shownBy(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  const socket = new Socket().connect(Number(port), hostname);
  socket.write(Uint8Array.from([0, 0, 0, 8, 4, 210, 22, 47]));
  const [answer] = (await once(socket, "data")) as [Buffer];
  if (answer.toString() !== "S") {
    socket.destroy();
    return undefined;
  }
  const tls = connectTls({ socket, rejectUnauthorized: false });
  await once(tls, "secureConnect");
  const { raw } = tls.getPeerCertificate();
  tls.destroy();
  return raw.toString("base64");
}

function der(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}
