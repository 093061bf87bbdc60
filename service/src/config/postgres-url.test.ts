import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PostgresLocation } from "../kernel/store-location.ts";
import { parseStoreUrl } from "./store-url.ts";

function read(url: string): PostgresLocation {
  const location = parseStoreUrl(url);
  if (location.kind !== "postgres") throw new Error(inspect(location));
  return location;
}

function faultOf(url: string): string {
  const location = parseStoreUrl(url);
  return location.kind === "fault" ? location.fault : `accepted as ${inspect(location)}`;
}

describe("a PostgreSQL URL", () => {
  test("names user, password, host, port and database, each decoded", () => {
    const location = read("postgres://m%40cp:p%23%25%2F%3a@db.example:5433/the%20keys");
    expect(location).toMatchObject({
      user: "m@cp",
      hosts: [{ host: "db.example", port: 5433 }],
      database: "the keys",
    });
    expect(location.password?.reveal()).toBe("p#%/:");
    expect(inspect(location, { depth: 9 })).not.toContain("p#%");
  });

  test("leaves to the server and to PGUSER, PGPASSWORD and PGDATABASE what it does not say", () => {
    expect(read("postgresql://db")).toMatchObject({
      user: undefined,
      password: undefined,
      database: undefined,
      schema: undefined,
      target: "any",
      tls: { mode: "prefer", rootCert: undefined },
      hosts: [{ host: "db", port: 5432 }],
    });
  });

  test.each([
    ["db1,db2:5433,[::1]:5434,[fe80::1%25eth0]", ["db1 5432", "db2 5433", "::1 5434", "fe80::1%eth0 5432"]],
    ["%2Fvar%2Frun%2Fpostgresql", ["/var/run/postgresql 5432"]],
    ["/keys?host=/var/run/postgresql&port=5433", ["/var/run/postgresql 5433"]],
    ["/keys?host=a,b&port=1,2", ["a 1", "b 2"]],
    ["/keys?host=a,b&port=1", ["a 1", "b 1"]],
  ])("%s names these hosts, in their order", (rest, hosts) => {
    expect(read(`postgres://${rest}`).hosts.map(({ host, port }) => `${host} ${String(port)}`)).toEqual(
      hosts,
    );
  });

  test("of several hosts asks for one that accepts writes, unless it says otherwise", () => {
    expect(read("postgres://a,b/k").target).toBe("read-write");
    expect(read("postgres://a,b/k?target_session_attrs=any").target).toBe("any");
    for (const value of ["read-write", "primary"])
      expect(read(`postgres://a/k?target_session_attrs=${value}`).target).toBe("read-write");
  });

  test.each([
    ["", "prefer", undefined],
    ["?sslmode=disable", "disable", undefined],
    ["?sslmode=require&sslrootcert=/ca.pem", "require", "/ca.pem"],
    ["?sslmode=verify-ca&sslrootcert=/ca.pem", "verify-ca", "/ca.pem"],
    ["?sslmode=verify-full", "verify-full", undefined],
    ["?sslrootcert=/ca.pem", "verify-full", "/ca.pem"],
    ["?sslrootcert=system", "verify-full", "system"],
  ])("with %j has the sslmode %s", (query, mode, root) => {
    const { tls } = read(`postgres://db/keys${query}`);
    expect(tls.mode).toBe(mode);
    expect(tls.rootCert?.kind === "file" ? tls.rootCert.path : tls.rootCert?.kind).toBe(root);
  });

  test("has schema, options, application_name and a client certificate as parameters", () => {
    expect(
      read(
        "postgres://db/k?schema=m%20acp&options=-c+jit%3Doff&application_name=a%2Bb&sslmode=require&sslcert=/c&sslkey=/k&sslnegotiation=direct",
      ),
    ).toMatchObject({
      schema: "m acp",
      options: "-c jit=off",
      applicationName: "a+b",
      tls: { client: { certPath: "/c", keyPath: "/k" }, negotiation: "direct" },
    });
  });

  test.each([
    ["#", "auth:hun#ter2@db/keys", /unencoded # in its password or user: write %23/],
    ["/", "auth:hun/ter2@db/keys", /unencoded \/ in its password or user: write %2F/],
    ["?", "auth:hun?ter2@db/keys", /unencoded \? in its password or user: write %3F/],
    ["? after a number, as of a port", "auth:123?hunter2@db/keys", /unencoded \? in its password/],
    ["/ after a number, as of a port", "auth:123/hunter2@db/keys", /unencoded \/ in its password/],
    ["@", "auth:hun@ter2@db/keys", /unencoded @ in its password or user: write %40/],
    ["a blank", "auth:hun ter2@db/keys", /unencoded blank in its password or user: write %20/],
    ["@ and #", "auth:hun@te#r2@db/keys", /unencoded @ and # in its password or user: write %40 and %23/],
    ["% and no digits", "auth:hun%ter2@db/keys", /unencoded % in its password: write %25/],
    ["% at its end", "auth:hunter2%@db/keys", /unencoded % in its password: write %25/],
    [
      "bytes that are no text",
      "auth:hunter2%FF@db/keys",
      /percent-escapes in its password that are not UTF-8/,
    ],
    ["NUL", "auth:hunter2%00@db/keys", /percent-escapes in its password that are not UTF-8/],
  ])("with %s in its password says so, and nothing of the password", (_what, rest, words) => {
    const fault = faultOf(`postgres://${rest}`);
    expect(fault).toMatch(words);
    expect(fault).not.toMatch(/hun|ter2|hunter2|123/);
  });

  test.each([
    ["auth:pw@db/keys#1", /unencoded # or blank/],
    ["db/keys?application_name=a@b", /unencoded @ after its host: write %40/],
    ["", /names no host: write one after \/\//],
    ["/keys", /names no host/],
    ["a,,b/keys", /names no host/],
    ["::1/keys", /\[ADDRESS\] for IPv6/],
    ["[::1/keys", /\[ADDRESS\] for IPv6/],
    ["db:99999/keys", /a port that is not a whole number from 1 to 65535$/],
    ["db:port/keys", /a port that is not a whole number/],
    ["a,b/keys?port=1,2,3", /names no host|a host twice|2 hosts and 3 ports/],
    ["a/keys?host=b", /a host twice/],
    ["db/keys?sslmode=allow", /write prefer, require or verify-full$/],
    ["db/keys?sslmode=no-verify", /write require, which encrypts without a check/],
    ["db/keys?sslmode=REQUIRE", /not one of disable, prefer, require, verify-ca, verify-full$/],
    ["db/keys?sslmode=", /sslmode without a value/],
    ["db/keys?sslmode=prefer&sslrootcert=/ca.pem", /checks nothing; write sslmode=verify-full$/],
    ["db/keys?sslmode=verify-ca", /verify-ca without sslrootcert/],
    ["db/keys?sslmode=require&sslrootcert=system", /needs sslmode=verify-full/],
    ["db/keys?sslmode=require&sslcert=/c", /a client certificate needs both$/],
    ["db/keys?sslnegotiation=direct", /needs sslmode=require or verify-full$/],
    ["db/keys?sslmode=require&sslmode=disable", /has sslmode twice/],
    ["db/keys?ssl=true", /the parameter ssl, .*write sslmode=verify-full in its place/],
    ["db/keys?uselibpqcompat=true", /remove it: sslmode means what it means to libpq here$/],
    ["db/keys?channel_binding=require", /channel_binding, .*remove it; sslmode=verify-full makes sure/],
    ["db/keys?connect_timeout=10", /a host has 2 seconds here$/],
    ["db/keys?search_path=x", /write schema= in its place$/],
    ["db/keys?max=100", /the parameter max, which is not known here; remove it\. Known: sslmode, /],
    ["db/keys?__proto__=x", /which is not known here/],
    ["db/keys?target_session_attrs=standby", /other than read-write, primary or any/],
    [`db/keys?schema=${"s".repeat(64)}`, /more than 63 bytes/],
    ["db\u200b/keys", /holds U\+200B, which cannot be seen; remove it$/],
  ])("%j is rejected with the fix", (rest, words) => {
    expect(faultOf(`postgres://${rest}`)).toMatch(words);
  });

  test("shows nothing of a password in any fault, whatever stands in it unencoded", () => {
    const marks = fc.array(fc.constantFrom("#", "/", "?", "@", "%", " ", ":", "&", "=", "[", ",", "\u200b"), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(marks, marks, fc.constantFrom("db/keys", "db:1/k?a=b", ""), (first, second, rest) => {
        const fault = faultOf(`postgres://auth:Zq7x${first.join("")}Wv9k${second.join("")}@${rest}`);
        expect(fault).not.toMatch(/Zq7x|Wv9k/);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    "u:pa?Zq7x%3DWv9k",
    "u:pa?ZqXx",
    "u:pa?ZqXx=WvXk",
    "u:123?ZqXx=WvXk",
    "u:pa?ssl=1&ZqXx=WvXk",
    "u:pa/ss?ZqXx=WvXk",
    "?ZqXx=WvXk",
    "u@h/db?password%3DWv9k",
    "u:pw@h/db?ZqXx&x=1",
    "u:pw@h/db?Zq7xWv9k=1",
    "u:pw@h/db?Zq-Wv=1",
    `u:pw@h/db?Zq${"x".repeat(39)}=1`,
    "u:pw@h/db?\\u{1b}Zq=1",
  ])("%j, where a password may stand in the place of a parameter, shows nothing of it", (rest) => {
    const fault = faultOf(`postgres://${rest}`);
    expect(fault).toMatch(/^has (?:a|the) parameter/);
    expect(fault).not.toMatch(/Zq|Wv/);
  });

  test.each([
    "db?Max_Size=1",
    "db/keys?Max_Size=1",
    "db:5432/keys?Max_Size=1",
    "u:pw@h?Max_Size=1",
    "/?host=/run&Max_Size=1",
  ])("%j names the unknown parameter", (rest) => {
    expect(faultOf(`postgres://${rest}`)).toMatch(/^has the parameter Max_Size, which is not known here; /);
  });

  test("gives back every user, password and database that was encoded, whatever they are", () => {
    const text = fc.string({ minLength: 1, unit: "grapheme" }).filter((one) => !one.includes("\0"));
    fc.assert(
      fc.property(text, text, text, (user, password, database) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent);
        const location = read(`postgres://${u ?? ""}:${p ?? ""}@db/${d ?? ""}`);
        expect([location.user, location.password?.reveal(), location.database]).toEqual([
          user,
          password,
          database,
        ]);
      }),
    );
  });
});
