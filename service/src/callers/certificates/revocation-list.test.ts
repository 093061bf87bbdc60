import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ClientAuthorities,
  type ClientAuthority,
  clientAuthorities,
} from "../../testing/client-certificates.ts";
import { revocationListsIn } from "./revocation-list.ts";

const NOW = 1_800_000_000;
let authorities: ClientAuthorities;
let mesh: ClientAuthority;
beforeAll(async () => {
  authorities = await clientAuthorities(NOW);
  mesh = await authorities.root("mesh");
}, 60_000);
afterAll(() => authorities.remove());

const keyOf = ({ certificate }: ClientAuthority) => new X509Certificate(certificate).publicKey;
const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const pemOf = (der: Buffer) =>
  `-----BEGIN X509 CRL-----\n${der.toString("base64")}\n-----END X509 CRL-----\n`;

/** A length and a content, as DER writes them. */
function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const octets = content.length
    .toString(16)
    .padStart(6, "0")
    .replace(/^(?:00)+/, "");
  const length = Buffer.from(octets, "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

describe("a revocation list", () => {
  test("has the serial numbers, and is signed by its authority and by no other", async () => {
    const [one, two] = [await mesh.issue("one"), await mesh.issue("two")];
    await mesh.revoke(one);
    const lists = revocationListsIn(await mesh.revocationList(60));
    if (typeof lists === "string") expect.unreachable(lists);
    const serialOf = (pem: string) => new X509Certificate(pem).serialNumber.toLowerCase().padStart(2, "0");
    expect(lists).toHaveLength(1);
    expect(lists[0]?.serials.has(serialOf(one.certificate))).toBe(true);
    expect(lists[0]?.serials.has(serialOf(two.certificate))).toBe(false);
    expect(lists[0]?.nextUpdate).toBe(NOW + 60);
    expect(lists[0]?.isSignedBy(keyOf(mesh))).toBe(true);
    expect(lists[0]?.isSignedBy(keyOf(await authorities.root("stranger")))).toBe(false);
  });

  test("of which any octet was altered is no list, or is not signed", async () => {
    const der = derOf(await mesh.revocationList());
    for (let at = 0; at < der.length; at += 1)
      for (const bit of [1, 0x80]) {
        der[at] = (der[at] ?? 0) ^ bit;
        const lists = revocationListsIn(pemOf(der));
        if (typeof lists !== "string") expect(lists[0]?.isSignedBy(keyOf(mesh))).toBe(false);
        der[at] = (der[at] ?? 0) ^ bit;
      }
  });

  test("that was cut anywhere is none", async () => {
    const der = derOf(await mesh.revocationList());
    for (let length = 0; length < der.length; length += 1)
      expect(revocationListsIn(pemOf(der.subarray(0, length)))).toBe("not_a_list");
  });

  test("of 20,000 certificates, as large as a file may be, is read in half a second", async () => {
    const [signed, algorithm, signature] = parts(derOf(await mesh.revocationList()));
    const fields = parts(signed ?? Buffer.alloc(0));
    const entries = Array.from({ length: 20_000 }, (_, index) => {
      const serial = Buffer.alloc(16);
      serial.writeUInt32BE(index + 1, 12);
      serial[0] = 0x10;
      return element(0x30, element(0x02, serial), element(0x17, Buffer.from("270101000000Z")));
    });
    const own = fields.filter((field) => field[0] !== 0xa0);
    const list = element(
      0x30,
      element(0x30, ...own.slice(0, 5), element(0x30, ...entries)),
      ...[algorithm, signature].map((part) => part ?? Buffer.alloc(0)),
    );
    const pem = pemOf(list);
    expect(pem.length).toBeGreaterThan(900_000);
    const begun = performance.now();
    const lists = revocationListsIn(pem);
    expect(performance.now() - begun).toBeLessThan(500);
    expect(typeof lists === "string" ? lists : lists[0]?.serials.size).toBe(20_000);
  });
});

/** The elements of the content of one, whole. */
function parts(bytes: Buffer): readonly Buffer[] {
  const headOf = (at: number): number => {
    const first = bytes[at + 1] ?? 0;
    return first < 0x80 ? 2 : 2 + (first & 0x7f);
  };
  const endOf = (at: number): number => {
    const head = headOf(at);
    const length = head === 2 ? (bytes[at + 1] ?? 0) : bytes.readUIntBE(at + 2, head - 2);
    return at + head + length;
  };
  const all: Buffer[] = [];
  for (let at = headOf(0); at < bytes.length; at = endOf(at)) all.push(bytes.subarray(at, endOf(at)));
  return all;
}
