import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ImportOutcome, importJwk, importKeys } from "../../keys/import/import-key.ts";
import { importFaultWords } from "./key-fault-words.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUAAAA\n-----END CERTIFICATE-----\n";

function wordsFor(outcome: ImportOutcome): string {
  return outcome.kind === "rejected" ? outcome.faults.map(importFaultWords).join("\n") : "imported";
}

function faultOf(text: string): string {
  return wordsFor(importKeys(text));
}

const folder = mkdtempSync(join(tmpdir(), "macp-auth-pem-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("what is not a key file yet is named, and the command in the line converts it", () => {
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
    expect(faultOf(text)).toBe("imported");
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
        expect(faultOf(text)).toBe("imported");
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
    expect(faultOf(text)).toBe("imported");
    run("pkcs12", "-in", "k.p12", "-nodes", "-passin", "pass:x", "-out", "all.pem");
    expect(faultOf(readFileSync(join(folder, "all.pem"), "utf8"))).toBe("imported");
  });

  test("JSON of a cloud provider with a PEM key inside", () => {
    const fault = faultOf(JSON.stringify({ type: "service_account", private_key: pem(rsa) }));
    expect(fault).toBe(
      "is JSON with a PEM key inside, not a JWK; take the key out: (umask 077; jq -r .private_key FILE >key.pem)",
    );
  });
});

describe("what cannot be converted is named too, and only an unusable key leads to keygen", () => {
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
    expect(wordsFor(importJwk(text))).toMatch(named);
  });
});

describe("other faults of a key say the fix, in a line each", () => {
  const jwk = ec.export({ format: "jwk" });
  const rsaJwk = rsa.export({ format: "jwk" });
  test.each<[object, RegExp]>([
    [{ kty: "oct", k: "AAAA" }, /^is a symmetric key .*; make one with: macp-auth keygen$/],
    [{ ...rsaJwk, n: "AQAB" }, /^is an RSA key of 17 bits, fewer than 2048; make one with/],
    [{ ...rsaJwk, n: `${"A".repeat(341)}E` }, /fewer than 2048/],
    [
      { ...jwk, kid: 1, use: "enc" },
      /^has a kid that .*; fix it or leave it out\nhas a use other than "sig"; /,
    ],
    [{ ...jwk, alg: "RS256" }, /^has an alg other than "ES256", .*; fix or remove alg$/],
    [{ ...jwk, x: "AAAA" }, /^has a member x that is not 32 bytes long \(RFC 7518 section 6.2\); /],
    [{ ...jwk, y: "" }, /^has a member y that is missing or not base64url; /],
    [{ keys: [jwk, jwk] }, /^key 2 repeats key 1 \(same kid or same key\); remove one of them$/],
    [{ keys: [jwk, { kty: "oct" }] }, /^key 2 is a symmetric key/],
  ])("%o", (value, words) => {
    expect(faultOf(JSON.stringify(value))).toMatch(words);
  });
});
