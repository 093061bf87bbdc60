import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Client certificates of every kind, made by openssl. */
export interface ClientAuthority {
  /** Its certificate and its key, PEM. */
  readonly certificate: string;
  readonly key: string;
  /** A certificate with its key, PEM. */
  issue(name: string, order?: CertificateOrder): Promise<ClientCertificate>;
  /** Another authority below this one, or one that has its name and another key. */
  authorityBelow(name: string, extensions?: readonly string[]): Promise<ClientAuthority>;
  revoke(certificate: ClientCertificate): Promise<void>;
  /** The revocation list as it is now, PEM, in force for so many seconds. */
  revocationList(seconds?: number, extensions?: readonly string[]): Promise<string>;
}

export interface CertificateOrder {
  /** As `openssl req -subj` takes it. */
  readonly subject?: string;
  /** Lines of an extension section, in place of those of a client. */
  readonly extensions?: readonly string[];
  /** `subjectAltName`, as openssl writes it; without one there is none. */
  readonly names?: string;
  readonly key?: readonly string[];
  readonly digest?: string;
  /** Seconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter?: number;
}

export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly certificatePath: string;
  readonly keyPath: string;
}

const EC_KEY = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] as const;
/** What a client certificate has, apart from its names. */
export const FOR_CLIENTS = [
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=clientAuth",
] as const;
const FOR_AUTHORITIES = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
const DAY_SECONDS = 86_400;

/** Authorities in a folder of their own. */
export interface ClientAuthorities {
  readonly folder: string;
  root(name: string): Promise<ClientAuthority>;
  remove(): Promise<void>;
}

/** `now`: seconds since the epoch, in the middle of the time for which certificates are valid unless they are ordered otherwise. */
export async function clientAuthorities(now: number): Promise<ClientAuthorities> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-clients-"));
  return {
    folder,
    async root(name) {
      const at = await authorityFolder(folder, name);
      await makeKeyAndRequest(at("ca"), EC_KEY, `/CN=${name}`);
      await sign(at, "ca", ["-selfsign"], FOR_AUTHORITIES, period(now, {}, 30));
      return openAuthority(folder, name, now);
    },
    remove: () => rm(folder, { recursive: true }),
  };
}

type Place = (name: string) => string;

async function authorityFolder(folder: string, name: string): Promise<Place> {
  const own = join(folder, name.replaceAll(/[^a-z0-9]/gi, "-"));
  const at: Place = (file) => join(own, file);
  await mkdir(own);
  const files = {
    "index.txt": "",
    "index.txt.attr": "unique_subject = no\n",
    serial: "01\n",
    crlnumber: "01\n",
  };
  await Promise.all(Object.entries(files).map(([file, text]) => writeFile(at(file), text)));
  await writeFile(
    at("ca.cnf"),
    `[ca]
default_ca=own
[own]
database=${at("index.txt")}
serial=${at("serial")}
crlnumber=${at("crlnumber")}
new_certs_dir=${own}
certificate=${at("ca.pem")}
private_key=${at("ca.key")}
default_md=sha256
policy=any
preserve=yes
[any]
countryName=optional
organizationName=optional
organizationalUnitName=optional
commonName=optional
`,
  );
  return at;
}

async function openAuthority(folder: string, name: string, now: number): Promise<ClientAuthority> {
  const at: Place = (file) => join(folder, name.replaceAll(/[^a-z0-9]/gi, "-"), file);
  return {
    certificate: await readFile(at("ca.pem"), "utf8"),
    key: await readFile(at("ca.key"), "utf8"),
    async issue(
      leaf,
      { subject = `/CN=${leaf}`, names, extensions = FOR_CLIENTS, key = EC_KEY, ...order } = {},
    ) {
      await makeKeyAndRequest(at(leaf), key, subject);
      const lines = [...extensions, ...(names === undefined ? [] : [`subjectAltName=${names}`])];
      const digest = order.digest === undefined ? [] : ["-md", order.digest];
      await sign(at, leaf, digest, lines, period(now, order, 2));
      return {
        certificate: await readFile(at(`${leaf}.pem`), "utf8"),
        key: await readFile(at(`${leaf}.key`), "utf8"),
        certificatePath: at(`${leaf}.pem`),
        keyPath: at(`${leaf}.key`),
      };
    },
    async authorityBelow(below, extensions = FOR_AUTHORITIES) {
      const own = await authorityFolder(folder, below);
      await makeKeyAndRequest(own("ca"), EC_KEY, `/CN=${below}`);
      await sign(at, `below ${below}`, [], extensions, period(now, {}, 20), own("ca.csr"), own("ca.pem"));
      return openAuthority(folder, below, now);
    },
    async revoke({ certificatePath }) {
      await run("openssl", ["ca", "-config", at("ca.cnf"), "-revoke", certificatePath]);
    },
    async revocationList(seconds = DAY_SECONDS, extensions = []) {
      await writeFile(
        at("ca.cnf.crl"),
        `${await readFile(at("ca.cnf"), "utf8")}[crl]\n${extensions.join("\n")}\n`,
      );
      const dates = [...period(now, { notBefore: now - 60, notAfter: now + seconds }, 0)];
      const times = ["-crl_lastupdate", dates[1] ?? "", "-crl_nextupdate", dates[3] ?? ""];
      const withExtensions = extensions.length === 0 ? [] : ["-crlexts", "crl"];
      await run("openssl", [
        "ca",
        "-config",
        at("ca.cnf.crl"),
        "-gencrl",
        ...times,
        ...withExtensions,
        "-out",
        at("crl.pem"),
      ]);
      return readFile(at("crl.pem"), "utf8");
    },
  };
}

async function makeKeyAndRequest(path: string, key: readonly string[], subject: string): Promise<void> {
  const out = ["-keyout", `${path}.key`, "-out", `${path}.csr`];
  await run("openssl", ["req", "-newkey", ...key, "-nodes", ...out, "-utf8", "-subj", subject]);
}

async function sign(
  at: Place,
  name: string,
  options: readonly string[],
  extensions: readonly string[],
  dates: readonly string[],
  request = at(`${name}.csr`),
  out = at(`${name}.pem`),
): Promise<void> {
  await writeFile(at(`${name}.ext`), `[own]\n${extensions.join("\n")}\n`);
  const self = options.includes("-selfsign") ? ["-keyfile", at("ca.key")] : [];
  await run("openssl", [
    ...["ca", "-batch", "-notext", "-config", at("ca.cnf"), "-in", request, "-out", out],
    ...["-extfile", at(`${name}.ext`), "-extensions", "own"],
    ...options,
    ...self,
    ...dates,
  ]);
}

function period(
  now: number,
  { notBefore = now - 3_600, notAfter }: Pick<CertificateOrder, "notBefore" | "notAfter">,
  days: number,
): readonly string[] {
  const text = (seconds: number): string =>
    `${new Date(seconds * 1_000).toISOString().replaceAll(/[-:T]|[.].*/g, "")}Z`;
  return ["-startdate", text(notBefore), "-enddate", text(notAfter ?? now + days * DAY_SECONDS)];
}
