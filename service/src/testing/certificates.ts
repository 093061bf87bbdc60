import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly certificatePath: string;
  readonly keyPath: string;
}

/** An authority that lives as long as a test file, made by openssl. */
export interface Authority {
  readonly path: string;
  /** A certificate for these names (`DNS:localhost,IP:127.0.0.1`), valid for so many days from now; below 0 it has expired. */
  issue(name: string, subjectAltName: string, days?: number): Promise<Certificate>;
  remove(): Promise<void>;
}

/** Makes an authority that no system trusts. */
export async function makeAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-ca-"));
  const at = (name: string): string => join(folder, name);
  await run("openssl", [
    "req",
    "-x509",
    ...KEY,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-subj",
    "/CN=test authority",
    "-days",
    "2",
  ]);
  return {
    path: at("ca.pem"),
    async issue(name, subjectAltName, days = 2) {
      await writeFile(at(`${name}.ext`), `subjectAltName=${subjectAltName}\n`);
      await run("openssl", [
        "req",
        ...KEY,
        "-keyout",
        at(`${name}.key`),
        "-out",
        at(`${name}.csr`),
        "-subj",
        `/CN=${name}`,
      ]);
      await run("openssl", [
        "x509",
        "-req",
        "-in",
        at(`${name}.csr`),
        "-CA",
        at("ca.pem"),
        "-CAkey",
        at("ca.key"),
        "-CAcreateserial",
        "-days",
        String(days),
        "-extfile",
        at(`${name}.ext`),
        "-out",
        at(`${name}.pem`),
      ]);
      return {
        certificate: await readFile(at(`${name}.pem`), "utf8"),
        key: await readFile(at(`${name}.key`), "utf8"),
        certificatePath: at(`${name}.pem`),
        keyPath: at(`${name}.key`),
      };
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
