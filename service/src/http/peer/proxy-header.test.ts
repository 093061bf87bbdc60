import { SocketAddress } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalAddress } from "./address.ts";
import { readProxyHeader } from "./proxy-header.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const header = (rest: string): Buffer => Buffer.from(`${SIGNATURE}${rest.replaceAll(" ", "")}`, "hex");
const OF_IPV4 = header("21 11 000c c0000207 0a000001 1267 0c80");
const OF_IPV6 = header(
  "21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000001 1267 0c80",
);
/** With a checksum and padding, as haproxy sends them with `proxy-v2-options crc32c`. */
const WITH_MORE = header("21 11 0019 c0000207 0a000001 1267 0c80 03 0004 deadbeef 04 0003 000000");
const LOCAL = header("20 00 0000");

describe("the header of a connection", () => {
  test.each([
    ["IPv4", OF_IPV4, "192.0.2.7"],
    ["IPv6", OF_IPV6, "2001:db8::7"],
    [
      "IPv4 that is written as IPv6",
      header(`21 21 0024 ${"00".repeat(10)}ffffc0000207 ${"00".repeat(20)}`),
      "192.0.2.7",
    ],
    ["IPv4, and more than addresses", WITH_MORE, "192.0.2.7"],
  ])("announces a client with %s", (_, bytes, address) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: "announced", address, bytes: bytes.length });
  });

  test("of the proxy itself announces nobody, whatever addresses are in it", () => {
    for (const bytes of [LOCAL, header("20 11 000c c0000207 0a000001 1267 0c80"), header("20 31 0001 00")])
      expect(readProxyHeader(bytes)).toEqual({ kind: "local", bytes: bytes.length });
  });

  test.each([
    ["that is not there", Buffer.from("\x16\x03\x01\x02\0\x01", "latin1"), "no_header"],
    ["that is HTTP", Buffer.from("GET / HTTP/1.1\r\n"), "no_header"],
    ["of version 1", Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 4711 3200\r\n"), "no_header"],
    ["that is empty lines", Buffer.from("\r\n\r\n\r\n\r\n"), "no_header"],
    [
      "of version 1 in the form of 2",
      header("11 11 000c c0000207 0a000001 1267 0c80"),
      "version_unsupported",
    ],
    ["of version 3", header("31 11 000c c0000207 0a000001 1267 0c80"), "version_unsupported"],
    ["with another command", header("22 11 000c c0000207 0a000001 1267 0c80"), "version_unsupported"],
    ["of UDP", header("21 12 000c c0000207 0a000001 1267 0c80"), "family_unsupported"],
    ["of a Unix socket", header(`21 31 00d8 ${"00".repeat(216)}`), "family_unsupported"],
    ["of no family", header("21 00 0000"), "family_unsupported"],
    ["without all of its addresses", header("21 11 000b c0000207 0a000001 1267 0c"), "header_too_short"],
    [
      "with the addresses of another family",
      header("21 21 000c c0000207 0a000001 1267 0c80"),
      "header_too_short",
    ],
    ["that is larger than any", header("21 11 0801"), "header_too_long"],
    ["of the proxy itself that is larger than any", header("20 00 ffff"), "header_too_long"],
  ])("%s is rejected", (_, bytes, fault) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: "faulty", fault });
  });

  test("is read the same in whatever pieces it arrives, and what follows it is not part of it", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(OF_IPV4, OF_IPV6, WITH_MORE, LOCAL),
        fc.uint8Array({ maxLength: 64 }),
        fc.nat(150),
        (whole, after, end) => {
          const arrived = Buffer.concat([whole, after]).subarray(0, end);
          const read = readProxyHeader(arrived);
          if (end < whole.length) expect(read).toEqual({ kind: "incomplete" });
          else expect(read).toEqual(readProxyHeader(whole));
        },
      ),
    );
  });

  test("announces each address in its one form", () => {
    const text = (address: string, family: "ipv4" | "ipv6") => new SocketAddress({ address, family }).address;
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const bytes = Buffer.from(address.split(".").map(Number)).toString("hex");
        const read = readProxyHeader(header(`21 11 000c ${bytes} 0a000001 1267 0c80`));
        expect(read).toMatchObject({ address: text(address, "ipv4") });
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const groups = Buffer.from(bytes).toString("hex").match(/.{4}/g) ?? [];
        const read = readProxyHeader(header(`21 21 0024 ${groups.join("")} ${"00".repeat(20)}`));
        expect(read).toMatchObject({ address: canonicalAddress(text(groups.join(":"), "ipv6")) });
      }),
    );
  });

  test("ends for any bytes, and asks for more only after the beginning of a header", () => {
    const mostlySigned = fc
      .tuple(fc.nat(12), fc.uint8Array({ maxLength: 100 }))
      .map(([kept, more]) => Buffer.concat([Buffer.from(SIGNATURE, "hex").subarray(0, kept), more]));
    fc.assert(
      fc.property(mostlySigned, (bytes) => {
        const read = readProxyHeader(bytes);
        if (read.kind === "faulty") return;
        const begun = bytes.subarray(0, 12).toString("hex");
        expect(SIGNATURE.startsWith(begun)).toBe(true);
        if (read.kind !== "incomplete") expect(read.bytes).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
