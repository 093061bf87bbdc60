import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
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
  expect(outcome.kind === "imported" ? "" : outcome.faults).toBe("");
  expect(outcome.kind === "imported" && outcome.keys[0]?.privateKey?.equals(key)).toBe(true);
}

function faultOf(text: string): string {
  const outcome = importKeys(text);
  return outcome.kind === "refused" ? outcome.faults.join("\n") : "a key";
}

describe("a PEM private key is taken, whatever stands around it", () => {
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

  test("but of two private keys none is taken", () => {
    expect(faultOf(BAG + pem(ec) + CERTIFICATE + BAG + pem(rsa))).toMatch(/more than one PEM private key/);
  });
});

describe("of two private keys none is taken when one of them is damaged", () => {
  const [one, two] = [pem(ec), pem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey)];
  const damages: readonly [string, (text: string) => string][] = [
    ["its END line names another type", (text) => text.replace("END PRIVATE", "END EC PRIVATE")],
    ["its END line is missing", (text) => text.replace(/-----END.*\n/, "")],
    ["its END line is cut off", (text) => text.replace(/-----END.*\n/, "-----END PRIV\n")],
    ["its BEGIN and END lines have a letter less", (text) => text.replaceAll("PRIVATE", "PRIVAT")],
    ["its BEGIN line is missing", (text) => text.replace(/-----BEGIN.*\n/, "")],
    ["its BEGIN line has four dashes", (text) => text.replace("-----BEGIN", "----BEGIN")],
    ["its BEGIN line ends with four dashes", (text) => text.replace("KEY-----", "KEY----")],
    ["its BEGIN line has six dashes", (text) => text.replace("-----BEGIN", "------BEGIN")],
    ["its BEGIN line has a blank more", (text) => text.replace("BEGIN ", "BEGIN  ")],
    ["its BEGIN line has a blank after the dashes", (text) => text.replace("-----BEGIN", "----- BEGIN")],
    ["its BEGIN line has a no-break space", (text) => text.replace("BEGIN ", "BEGIN\u00a0")],
    ["its BEGIN line has an underscore", (text) => text.replace("PRIVATE KEY", "PRIVATE_KEY")],
    ["its BEGIN line has small letters", (text) => text.replace("BEGIN PRIVATE", "BEGIN private")],
    [
      "all its lines have small letters",
      (text) => text.replaceAll(/-----.*-----/g, (line) => line.toLowerCase()),
    ],
    ["its dashes were made long ones", (text) => text.replaceAll("-----", "\u2014\u2014-")],
    ["its lines are comments", (text) => text.replaceAll(/^(?=.)/gm, "# ")],
  ];
  test.each(damages)("%s", (_name, damaged) => {
    for (const text of [damaged(one) + two, one + damaged(two), damaged(one) + damaged(two)])
      expect(faultOf(text)).toMatch(
        /^(?:holds more than one PEM private key|holds a PEM private key and the damaged|is a PEM private key with damaged content|is PEM without|is neither a)/,
      );
  });
});

test("whatever a text is, it is a key or a line that shows nothing of it", () => {
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
        if (outcome.kind === "refused") expect(outcome.faults.join()).not.toContain(secret);
    }),
    { numRuns: 500 },
  );
});

const folder = mkdtempSync(join(tmpdir(), "macp-auth-pem-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("what is no key file as it stands is named, and the command in the line makes one of it", () => {
  /** Runs the command of a fault on a file with this content, and gives the content of the file that it makes. */
  function converted(content: string | Buffer, made: string): { fault: string; text: string } {
    const file = join(folder, "FILE");
    writeFileSync(file, content);
    chmodSync(file, 0o600);
    const fault = faultOf(readFileSync(file, "utf8"));
    const command = /: ((?:\(|openssl|base64|cp) ?.*)$/.exec(fault)?.[1] ?? "false";
    const answers = { PATH: process.env["PATH"] };
    const asked = command
      .replace("pkcs12 ", "pkcs12 -passin pass:x ")
      .replace("pkey -in", "pkey -passin pass:x -in");
    execFileSync("sh", ["-ec", asked], { cwd: folder, env: answers, stdio: "pipe" });
    const text = readFileSync(join(folder, made), "utf8");
    rmSync(join(folder, made));
    return { fault, text };
  }
  const der = (type: "pkcs8" | "sec1") => ec.export({ type, format: "der" });

  test.each<[string, string | Buffer, RegExp, string]>([
    [
      "literal line ends",
      pem(ec).replaceAll("\n", "\\n"),
      /^is PEM with its line ends written as a backslash and an n; /,
      "key.pem",
    ],
    [
      "literal line ends in quotation marks",
      `"${pem(ec).replaceAll("\n", "\\n")}"`,
      /^is PEM with its line ends written as/,
      "key.pem",
    ],
    [
      "literal Windows line ends",
      pem(ec).replaceAll("\n", "\\r\\n"),
      /^is PEM with its line ends written as/,
      "key.pem",
    ],
    [
      "encrypted PEM",
      ec.export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "x" }),
      /^is an encrypted PEM key; /,
      "PLAIN",
    ],
    ["DER of PKCS#8", der("pkcs8"), /^is DER, which is binary; /, "key.pem"],
    ["DER of SEC1", der("sec1"), /^is DER, which is binary; /, "key.pem"],
    [
      "DER of an RSA key",
      rsa.export({ type: "pkcs8", format: "der" }),
      /^is DER, which is binary; /,
      "key.pem",
    ],
    ["PEM in base64", Buffer.from(pem(ec)).toString("base64"), /^is a key in base64; /, "key"],
    [
      "a JWK in base64, broken into lines",
      Buffer.from(JSON.stringify(ec.export({ format: "jwk" })))
        .toString("base64")
        .replaceAll(/.{76}/g, "$&\n"),
      /^is a key in base64; /,
      "key",
    ],
    [
      "base64 without its BEGIN line",
      der("pkcs8").toString("base64"),
      /^is a key in base64 without its BEGIN and END lines; /,
      "key.pem",
    ],
    [
      "UTF-16, as PowerShell writes it",
      Buffer.from(`\uFEFF${JSON.stringify(ec.export({ format: "jwk" }))}`, "utf16le"),
      /^is UTF-16 text; /,
      "key",
    ],
  ])("%s", (_name, content, named, made) => {
    const { fault, text } = converted(content, made);
    expect(fault).toMatch(named);
    expect(fault).not.toContain("keygen");
    const outcome = importKeys(text);
    expect(outcome.kind === "refused" ? outcome.faults : "imported").toBe("imported");
  });

  const hasSsh = spawnSync("ssh-keygen", ["-?"]).error === undefined;
  test.skipIf(!hasSsh && process.env["CI"] !== "true")(
    "an OpenSSH key of RSA or P-256 (skipped without ssh-keygen)",
    () => {
      for (const type of [
        ["-t", "rsa", "-b", "2048"],
        ["-t", "ecdsa", "-b", "256"],
      ]) {
        const made = join(folder, "ssh");
        execFileSync("ssh-keygen", ["-q", ...type, "-N", "", "-f", made]);
        const { fault, text } = converted(readFileSync(made), "key.pem");
        rmSync(made);
        rmSync(`${made}.pub`);
        expect(fault).toMatch(/^is an OpenSSH key; convert a copy of it: /);
        expect(importKeys(text).kind).toBe("imported");
      }
    },
  );

  test("a PKCS#12 file, whose key comes out with its attributes before it", () => {
    writeFileSync(join(folder, "k.pem"), pem(ec));
    const run = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
    run("req", "-x509", "-key", "k.pem", "-subj", "/CN=x", "-days", "1", "-out", "c.pem");
    run("pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-passout", "pass:x", "-out", "k.p12");
    const { fault, text } = converted(readFileSync(join(folder, "k.p12")), "key.pem");
    expect(fault).toMatch(/^is a PKCS#12 file; take the key out of it: /);
    expect(text).toMatch(/^Bag Attributes/);
    expect(createPrivateKey(text).equals(ec)).toBe(true);
    insistOnKey(text);
    run("pkcs12", "-in", "k.p12", "-nodes", "-passin", "pass:x", "-out", "all.pem");
    insistOnKey(readFileSync(join(folder, "all.pem"), "utf8"));
  });

  test("JSON of a cloud provider with a PEM key inside", () => {
    const fault = faultOf(JSON.stringify({ type: "service_account", private_key: pem(rsa) }));
    expect(fault).toBe(
      "is JSON with a PEM key inside, not a JWK; take the key out: (umask 077; jq -r .private_key FILE >key.pem)",
    );
  });
});

describe("what cannot be converted is named too, and nothing but an unusable key is answered with keygen", () => {
  const ed25519 = generateKeyPairSync("ed25519").privateKey;
  const pss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey;
  test.each([
    ["an empty file", " \n", /^is empty; put the private key there$/],
    ["a certificate", CERTIFICATE, /^is a certificate, and holds no private key; give the private key/],
    [
      "a public PEM key",
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
      /^is a public key; give the private key/,
    ],
    ["an SSH public key", "ssh-rsa AAAAB3NzaC1yc2E me@host", /^is an SSH public key; give the private key/],
    [
      "a PuTTY key",
      "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n",
      /^is a PuTTY key; convert it: puttygen /,
    ],
    [
      "a PGP key",
      "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n",
      /^is a PGP key/,
    ],
    ["PEM that is cut off", pem(ec).slice(0, 100), /without an END line .*; copy the whole file again$/],
    [
      "PEM with another character in it",
      pem(ec).replace("MIG", "M!G"),
      /damaged content; copy the whole file again$/,
    ],
    [
      "PEM with a character less",
      pem(ec).replace("MIG", "MI"),
      /damaged content; copy the whole file again$/,
    ],
    ["an Ed25519 key", pem(ed25519), /neither "RSA" nor "EC"; give an RSA or EC key$/],
    ["an RSA-PSS key", pem(pss), /of the type rsa-pss, and only RSA and P-256 keys can sign/],
    [
      "an OpenSSH key of Ed25519",
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from("openssh-key-v1\0 ssh-ed25519").toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`,
      /OpenSSH key that is neither RSA nor P-256/,
    ],
    ["a token", `eyJhbGciOiJSUzI1NiJ9.${"e".repeat(40)}.${"s".repeat(40)}`, /^is a token, not a key/],
    ["a Java keystore", "\ufffd\ufffd\ufffd\ufffd\0\0\0\u0002", /^is a Java keystore or another binary file/],
    [
      "a manifest",
      "apiVersion: v1\nkind: Secret\ndata:\n  key: LS0t\n",
      /^is the manifest of a Kubernetes Secret/,
    ],
    ["a JWK in quotation marks", '\'{"kty":"EC"}\'', /^is in quotation marks; remove those/],
    ["a JWK with backslashes", '{\\"kty\\":\\"EC\\"}', /with backslashes before its quotation marks/],
    [
      "a JWK that was copied from a page",
      '{"kty":\u00a0"EC"}',
      /^is not valid JSON, and holds a character that cannot be seen; copy/,
    ],
    ["a list of keys", "[{}]", /^is a JSON array; give one private JWK/],
    ["JSON without kty", "{}", /^is JSON without kty/],
    [
      "something else",
      "hello",
      /^is neither a JSON Web Key, a JWK Set nor a PEM private key; give one of these$/,
    ],
  ])("%s", (_name, text, named) => {
    expect(faultOf(text)).toMatch(named);
    expect(faultOf(text)).not.toContain("keygen");
  });

  test.each([
    ["PEM", pem(ec), /^is PEM; put the key into a file and name that in MACP_AUTH_SIGNING_KEY_FILE$/],
    ["PEM with literal line ends", pem(ec).replaceAll("\n", "\\n"), /^is PEM; put the key into a file/],
    [
      "base64",
      Buffer.from(pem(ec)).toString("base64"),
      /^is a key in base64; give a private JWK, or put the key into a file/,
    ],
    ["a path", "/keys/signing.json", /^is the path of a file; set MACP_AUTH_SIGNING_KEY_FILE to it$/],
    ["a JWK in quotation marks", '\'{"kty":"EC"}\'', /^is in quotation marks; remove those/],
    ["a JWK that is cut off", '{"kty":"EC"', /^is not valid JSON: it was cut off/],
  ])("and so is %s where one JWK belongs", (_name, text, named) => {
    const outcome = importJwk(text);
    expect(outcome).toMatchObject({ kind: "refused", faults: [expect.stringMatching(named)] });
  });
});
