import { generateKeyPairSync, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { importJwk, importKeys } from "./import-key.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const pem = (key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1" = "pkcs8"): string =>
  key.export({ type, format: "pem" }).toString();
const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUAAAA\n-----END CERTIFICATE-----\n";
const BAG =
  "Bag Attributes\n    localKeyID: 7E 58 11 EF\n    friendlyName: prod\nKey Attributes: <No Attributes>\n";

function insistOnKey(text: string, key: KeyObject = ec): void {
  const outcome = importKeys(text);
  expect(outcome).toMatchObject({ kind: "imported" });
  expect(outcome.kind === "imported" && outcome.keys[0]?.privateKey?.equals(key)).toBe(true);
}

function reasonFor(text: string): string {
  const outcome = importKeys(text);
  return outcome.kind === "rejected" ? outcome.faults.map(({ reason }) => reason).join() : "a key";
}

describe("a PEM private key is read, whatever stands around it", () => {
  const around: readonly [string, string][] = [
    ["the attributes that openssl pkcs12 writes", BAG + pem(ec)],
    ["text behind it", `${pem(ec)}\nissued by the platform team\n`],
    ["a certificate before it", CERTIFICATE + BAG + pem(ec)],
    ["certificates behind it", pem(ec) + CERTIFICATE + CERTIFICATE],
    [
      "its public key behind it",
      pem(ec) + ec.export({ type: "pkcs8", format: "pem" }).toString().replaceAll("PRIVATE", "PUBLIC"),
    ],
    [
      "the parameters of its curve",
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(ec, "sec1")}`,
    ],
    [
      "comments about it",
      `# --- the private key of production ---\n# -- end of life: May\n${pem(ec)}-- \nkey team\n`,
    ],
    ["a damaged certificate before it", CERTIFICATE.replace(/-----END.*\n/, "") + pem(ec)],
    ["a comment before it", `# the key of production\n${pem(ec)}`],
    ["a revocation list before it", `-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n${pem(ec)}`],
  ];
  test.each(around)("%s", (_name, text) => {
    insistOnKey(text);
    insistOnKey(text.replaceAll("\n", "\r\n"));
    insistOnKey(`\uFEFF${text}`);
  });

  test.each([
    ["Windows line ends", pem(ec).replaceAll("\n", "\r\n")],
    ["old Macintosh line ends", pem(ec).replaceAll("\n", "\r")],
    ["indented lines, as in YAML", pem(ec).replaceAll(/^/gm, "    ")],
    ["blank lines", pem(ec).replaceAll("\n", "\n\n")],
    ["blanks at the ends of lines", pem(ec).replaceAll("\n", " \t\n")],
    ["its lines joined by blanks, as an unquoted variable gives it", pem(ec).trim().replaceAll("\n", " ")],
    ["its content in one line", pem(ec).replace(/(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])/g, "")],
  ])("and with %s", (_name, text) => {
    insistOnKey(text);
  });

  test("in each of its forms", () => {
    insistOnKey(BAG + pem(rsa, "pkcs1"), rsa);
    insistOnKey(BAG + pem(rsa), rsa);
    insistOnKey(BAG + pem(ec, "sec1"));
  });

  test("but of two private keys none is accepted", () => {
    expect(reasonFor(BAG + pem(ec) + CERTIFICATE + BAG + pem(rsa))).toBe("pem_several");
  });
});

describe("of two private keys none is accepted when one of them is damaged", () => {
  const [one, two] = [pem(ec), pem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey)];
  const damages: readonly [string, (text: string) => string][] = [
    ["its END line names another type", (text) => text.replace("END PRIVATE", "END EC PRIVATE")],
    ["its END line is missing", (text) => text.replace(/-----END.*\n/, "")],
    ["its END line is cut off", (text) => text.replace(/-----END.*\n/, "-----END PRIV\n")],
    ["its BEGIN and END lines lack a letter", (text) => text.replaceAll("PRIVATE", "PRIVAT")],
    ["its BEGIN line is missing", (text) => text.replace(/-----BEGIN.*\n/, "")],
    ["its BEGIN line has four dashes", (text) => text.replace("-----BEGIN", "----BEGIN")],
    ["its BEGIN line ends with four dashes", (text) => text.replace("KEY-----", "KEY----")],
    ["its BEGIN line has six dashes", (text) => text.replace("-----BEGIN", "------BEGIN")],
    ["its BEGIN line has an additional blank", (text) => text.replace("BEGIN ", "BEGIN  ")],
    ["its BEGIN line has a blank after the dashes", (text) => text.replace("-----BEGIN", "----- BEGIN")],
    ["its BEGIN line has a no-break space", (text) => text.replace("BEGIN ", "BEGIN\u00a0")],
    ["its BEGIN line has an underscore", (text) => text.replace("PRIVATE KEY", "PRIVATE_KEY")],
    ["its BEGIN line is in lower case", (text) => text.replace("BEGIN PRIVATE", "BEGIN private")],
    [
      "all its lines are in lower case",
      (text) => text.replaceAll(/-----.*-----/g, (line) => line.toLowerCase()),
    ],
    ["its dashes were made long ones", (text) => text.replaceAll("-----", "\u2014\u2014-")],
    ["its lines are comments", (text) => text.replaceAll(/^(?=.)/gm, "# ")],
  ];
  test.each(damages)("%s", (_name, damaged) => {
    for (const text of [damaged(one) + two, one + damaged(two), damaged(one) + damaged(two)])
      expect([
        "pem_several",
        "pem_beside_damaged",
        "pem_damaged",
        "pem_without_end",
        "pem_without_private_key",
        "not_a_key",
      ]).toContain(reasonFor(text));
  });
});

test("whatever a text is, it is a key or facts that hold nothing of it", () => {
  const secret = pem(ec).split("\n")[1] ?? "";
  const pieces = fc.constantFrom(
    BAG,
    pem(ec),
    pem(ec).slice(0, 90),
    secret,
    CERTIFICATE,
    "-----BEGIN ",
    "-----END PRIVATE KEY-----",
    "\\n",
    "\0",
    '"',
    "{",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 6 }), (parts) => {
      const text = parts.join("");
      for (const outcome of [importKeys(text), importJwk(text)])
        if (outcome.kind === "rejected") expect(JSON.stringify(outcome.faults)).not.toContain(secret);
    }),
    { numRuns: 500 },
  );
});
