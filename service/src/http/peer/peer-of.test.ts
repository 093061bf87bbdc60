import { BlockList } from "node:net";
import { describe, expect, test } from "vitest";
import { canonicalAddress } from "./address.ts";
import { peerOf, remoteOf } from "./peer-of.ts";

const proxies = new BlockList();
proxies.addSubnet("10.0.0.0", 8, "ipv4");
proxies.addAddress("2001:db8::1", "ipv6");

const from = (remoteAddress: string | undefined, headers: Readonly<Record<string, string>> = {}) =>
  peerOf({ headers, socket: { remoteAddress } }, proxies).address;
const forwardedFor = (value: string) => from("10.0.0.1", { "x-forwarded-for": value });
const forwarded = (value: string) => from("10.0.0.1", { forwarded: value });

describe("an address", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:C000:201", "192.0.2.1"],
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::1", "::1"],
    ["::ffff:0:1", "0.0.0.1"],
  ])("%s has the one form %s", (text, form) => {
    expect(canonicalAddress(text)).toBe(form);
  });

  test.each(["", "localhost", "1.2.3", "0x7f.1", "127.1", "1.2.3.4:80", "[::1]", "::1::"])(
    "%j is none",
    (text) => {
      expect(canonicalAddress(text)).toBeUndefined();
    },
  );
});

describe("the client of a request", () => {
  const HEADERS = { forwarded: "for=192.0.2.7", "x-forwarded-for": "192.0.2.7" };

  test("is the peer of the connection where no proxy is declared, whatever the headers say", () => {
    expect(peerOf({ headers: HEADERS, socket: { remoteAddress: "::ffff:10.0.0.1" } }, undefined)).toEqual({
      address: "10.0.0.1",
      proxy: undefined,
    });
  });

  test("is the peer of the connection when that is not a declared proxy", () => {
    expect(from("192.0.2.1", HEADERS)).toBe("192.0.2.1");
    expect(from("2001:db8::2", HEADERS)).toBe("2001:db8::2");
    expect(from(undefined, HEADERS)).toBe("");
  });

  test("is what a declared proxy says, IPv4 that is mapped into IPv6 included", () => {
    for (const proxy of ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "2001:DB8:0::1"])
      expect(from(proxy, HEADERS)).toBe("192.0.2.7");
  });

  test("is the proxy itself when the proxy says nothing", () => {
    expect(from("10.0.0.1")).toBe("10.0.0.1");
  });

  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["203.0.113.9, 192.0.2.7", "192.0.2.7"],
    ["10.0.0.9, 192.0.2.7, 10.0.0.2", "192.0.2.7"],
    ["127.0.0.1, 192.0.2.7,10.0.0.2 , 10.0.0.3", "192.0.2.7"],
    ["10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["192.0.2.7:4711", "192.0.2.7"],
    ["2001:db8::7", "2001:db8::7"],
    ["[2001:DB8::7]:4711", "2001:db8::7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
  ])("X-Forwarded-For: %s is read from the right, up to the first undeclared address", (value, client) => {
    expect(forwardedFor(value)).toBe(client);
  });

  test.each([
    "unknown",
    "",
    ",",
    "192.0.2.7, unknown",
    "192.0.2.7;10.0.0.1",
    "192.0.2.7:port",
    "a".repeat(16_000),
  ])("X-Forwarded-For: %j ends at the proxy that wrote it", (value) => {
    expect(forwardedFor(value)).toBe("10.0.0.1");
  });

  test.each([
    ["for=192.0.2.7", "192.0.2.7"],
    ['For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"],
    ["for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"],
    ['for=127.0.0.1, proto=https ; for="192.0.2.7:80" , for=10.0.0.2', "192.0.2.7"],
    ['by="a,for=127.0.0.1";for=192.0.2.7', "192.0.2.7"],
    ['by="\\",for=127.0.0.1";for=192.0.2.7', "192.0.2.7"],
  ])("Forwarded: %s is read as RFC 7239 writes it", (value, client) => {
    expect(forwarded(value)).toBe(client);
  });

  test.each([
    "for=_hidden",
    "for=unknown",
    "by=203.0.113.43",
    "for=192.0.2.7;for=192.0.2.8",
    'for="192.0.2.7',
    "192.0.2.7",
    "for=192.0.2.7,",
    "",
  ])("Forwarded: %j ends at the proxy that wrote it", (value) => {
    expect(forwarded(value)).toBe(value === "for=192.0.2.7," ? "192.0.2.7" : "10.0.0.1");
  });

  test("is the proxy itself when the two headers disagree: one of them is as the client sent it", () => {
    expect(from("10.0.0.1", { forwarded: "for=192.0.2.7", "x-forwarded-for": "192.0.2.8" })).toBe("10.0.0.1");
    expect(from("10.0.0.1", { forwarded: "for=192.0.2.7", "x-forwarded-for": "192.0.2.7" })).toBe(
      "192.0.2.7",
    );
  });

  test("takes one pass over a hostile header", () => {
    const start = performance.now();
    for (const value of [`for="${"\\\\".repeat(8_000)}`, "for=1,".repeat(2_700), `${" ".repeat(16_000)}x`])
      expect(forwarded(value)).toBe("10.0.0.1");
    expect(performance.now() - start).toBeLessThan(200);
  });
});

test("the log names the client and the proxy; without declared proxies the address stands as the system writes it", () => {
  const incoming = {
    headers: { "x-forwarded-for": "192.0.2.7" },
    socket: { remoteAddress: "::ffff:10.0.0.1" },
  };
  expect(remoteOf(incoming, undefined)).toEqual({ remote: "::ffff:10.0.0.1" });
  expect(remoteOf(incoming, proxies)).toEqual({ remote: "192.0.2.7", proxy: "10.0.0.1" });
});
