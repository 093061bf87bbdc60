import { describe, expect, test } from "vitest";
import { readSettings } from "../environment.ts";

const faultsOf = (environment: Record<string, string>) => readSettings(environment).faults;

describe("MACP_AUTH_TRUSTED_PROXIES", () => {
  const proxiesOf = (text: string) =>
    readSettings({ MACP_AUTH_TRUSTED_PROXIES: text }).settings.listener.trustedProxies;

  test("has no default: no proxy is believed", () => {
    expect(readSettings({}).settings.listener.trustedProxies).toBeUndefined();
  });

  test("has addresses and networks of both families, with commas or blanks between them", () => {
    const proxies = proxiesOf("10.0.0.0/8, 192.0.2.1 2001:db8::/32,\n::1");
    const trusted = ["10.255.0.1", "192.0.2.1"].map((address) => proxies?.check(address, "ipv4"));
    expect([...trusted, proxies?.check("2001:db8:1::1", "ipv6"), proxies?.check("::1", "ipv6")]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([proxies?.check("11.0.0.1", "ipv4"), proxies?.check("192.0.2.2", "ipv4")]).toEqual([false, false]);
  });

  test.each([
    "haproxy",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0",
    "fe80::1%eth0",
    "10.0.0.0/-1",
  ])("that has %s is a fault that shows it", (text) => {
    expect(faultsOf({ MACP_AUTH_TRUSTED_PROXIES: `192.0.2.1,${text}` })).toEqual([
      `MACP_AUTH_TRUSTED_PROXIES must be addresses or networks such as 10.0.0.0/8, and has "${text}"`,
    ]);
  });

  test.each(["0.0.0.0/0", "::/0"])("of every address, as %s is, is a fault", (text) => {
    expect(faultsOf({ MACP_AUTH_TRUSTED_PROXIES: text })).toEqual([
      `MACP_AUTH_TRUSTED_PROXIES has ${text}, which is every address: each client could then write its own; name the proxies`,
    ]);
  });
});

describe("MACP_AUTH_PROXY_PROTOCOL", () => {
  test("is of no use without declared proxies", () => {
    expect(faultsOf({ MACP_AUTH_PROXY_PROTOCOL: "v2" })).toEqual([
      "MACP_AUTH_PROXY_PROTOCOL is set and MACP_AUTH_TRUSTED_PROXIES is not; set both, or neither",
    ]);
    expect(faultsOf({ MACP_AUTH_PROXY_PROTOCOL: "v2", MACP_AUTH_TRUSTED_PROXIES: "10.0.0.5" })).toEqual([]);
  });

  test.each(["v1", "2", "on"])("is not %s", (text) => {
    expect(faultsOf({ MACP_AUTH_PROXY_PROTOCOL: text, MACP_AUTH_TRUSTED_PROXIES: "10.0.0.5" })).toEqual([
      `MACP_AUTH_PROXY_PROTOCOL must be v2, and is "${text}"`,
    ]);
  });
});

describe("the files of TLS", () => {
  test.each([
    [["CERT"], ["MACP_AUTH_TLS_CERT_FILE is set and MACP_AUTH_TLS_KEY_FILE is not; set both, or neither"]],
    [["KEY"], ["MACP_AUTH_TLS_KEY_FILE is set and MACP_AUTH_TLS_CERT_FILE is not; set both, or neither"]],
    [
      ["CLIENT_CA"],
      ["MACP_AUTH_TLS_CLIENT_CA_FILE is set and MACP_AUTH_TLS_CERT_FILE is not; set both, or neither"],
    ],
    [
      ["CERT", "KEY", "CRL"],
      ["MACP_AUTH_TLS_CRL_FILE is set and MACP_AUTH_TLS_CLIENT_CA_FILE is not; set both, or neither"],
    ],
    [["CERT", "KEY", "CLIENT_CA", "CRL"], []],
  ])("%j: one that is of no use without another needs it", (given, faults) => {
    expect(
      faultsOf(Object.fromEntries(given.map((name) => [`MACP_AUTH_TLS_${name}_FILE`, "/run/tls/file"]))),
    ).toEqual(faults);
  });
});

describe("MACP_AUTH_SPIFFE_SOCKET", () => {
  const tlsOf = (text: string) => readSettings({ MACP_AUTH_SPIFFE_SOCKET: text }).settings.tls?.spiffe;

  test.each([
    ["unix:///run/spire/sockets/agent.sock", { kind: "unix", path: "/run/spire/sockets/agent.sock" }],
    ["unix:/run/agent.sock", { kind: "unix", path: "/run/agent.sock" }],
    ["  unix:///run/with%20blank.sock\r\n", { kind: "unix", path: "/run/with blank.sock" }],
    ["tcp://127.0.0.1:8000", { kind: "tcp", address: "127.0.0.1", port: 8_000 }],
    ["tcp://[::1]:8000", { kind: "tcp", address: "::1", port: 8_000 }],
  ])("%j names an endpoint", (text, endpoint) => {
    expect(tlsOf(text)).toEqual({ endpoint, id: undefined });
  });

  test.each([
    "/run/agent.sock",
    "unix://agent.sock",
    "unix://host/run/agent.sock",
    "unix:run/agent.sock",
    "unix:///run/agent.sock?x",
    "unix:///run/agent.sock#x",
    "unix:///run/%zz.sock",
    "unix:///",
    "tcp://localhost:8000",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:0",
    "tcp://127.0.0.1:65536",
    "tcp://127.0.0.1:8000/foo",
    "tcp://::1:8000",
    "tcp://[127.0.0.1]:8000",
    "tcp://[fe80::1%eth0]:8000",
    "tcp://user@127.0.0.1:8000",
    "http://127.0.0.1:8000",
  ])("%j is a fault that shows it", (text) => {
    expect(faultsOf({ MACP_AUTH_SPIFFE_SOCKET: text })).toEqual([
      `MACP_AUTH_SPIFFE_SOCKET must be unix:///PATH or tcp://ADDRESS:PORT with an IP address, as SPIFFE_ENDPOINT_SOCKET is, and is "${text}"`,
    ]);
  });

  test("and the files of a certificate are two sources, of which one must be chosen", () => {
    const given = {
      MACP_AUTH_SPIFFE_SOCKET: "unix:///run/agent.sock",
      MACP_AUTH_TLS_CERT_FILE: "/c",
      MACP_AUTH_TLS_KEY_FILE: "/k",
    };
    expect(faultsOf(given)).toEqual(
      ["CERT", "KEY"].map(
        (name) =>
          `MACP_AUTH_TLS_${name}_FILE and MACP_AUTH_SPIFFE_SOCKET are both set; unset the one that is not meant`,
      ),
    );
  });

  test.each(["", " "])("that is %j does not mean plain HTTP", (blank) => {
    expect(faultsOf({ MACP_AUTH_SPIFFE_SOCKET: blank })).toEqual([
      expect.stringMatching(
        /^MACP_AUTH_SPIFFE_SOCKET is set and empty, and without it the service speaks plain/,
      ),
    ]);
  });

  test("goes with client authorities in files, and is needed by MACP_AUTH_SPIFFE_ID", () => {
    const socket = { MACP_AUTH_SPIFFE_SOCKET: "unix:///run/agent.sock" };
    expect(
      faultsOf({ ...socket, MACP_AUTH_TLS_CLIENT_CA_FILE: "/ca", MACP_AUTH_TLS_CRL_FILE: "/crl" }),
    ).toEqual([]);
    const id = { MACP_AUTH_SPIFFE_ID: "spiffe://example.org/macp-auth" };
    expect(readSettings({ ...socket, ...id }).settings.tls?.spiffe?.id).toBe(id.MACP_AUTH_SPIFFE_ID);
    expect(faultsOf(id)).toEqual([
      "MACP_AUTH_SPIFFE_ID is set and MACP_AUTH_SPIFFE_SOCKET is not; set both, or neither",
    ]);
    expect(faultsOf({ ...socket, MACP_AUTH_SPIFFE_ID: "spiffe://Example.org/x" })).toEqual([
      'MACP_AUTH_SPIFFE_ID must be a SPIFFE id such as spiffe://example.org/macp-auth, and is "spiffe://Example.org/x"',
    ]);
  });
});

describe("the ports of the listeners", () => {
  test.each([
    [
      { MACP_AUTH_PLAIN_PORT: "3200" },
      ["MACP_AUTH_PLAIN_PORT is the same as PORT; give the plain listener a port of its own"],
    ],
    [
      { MACP_AUTH_PLAIN_PORT: "3201", MACP_AUTH_ADMIN_PORT: "3201" },
      ["MACP_AUTH_ADMIN_PORT is the same as MACP_AUTH_PLAIN_PORT; give the admin listener a port of its own"],
    ],
    [{ MACP_AUTH_PLAIN_PORT: "3201", MACP_AUTH_ADMIN_PORT: "3202" }, []],
    [{ PORT: "0", MACP_AUTH_PLAIN_PORT: "0", MACP_AUTH_ADMIN_PORT: "0" }, []],
    [{ MACP_AUTH_PLAIN_PORT: "3201", MACP_AUTH_ADMIN_PORT: "3201", HOST: "127.0.0.2" }, []],
  ])("%j: no two have the same on one address", (environment, faults) => {
    expect(faultsOf(environment)).toEqual(faults);
  });
});
