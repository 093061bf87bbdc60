import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { promisify } from "node:util";

export type ToolchainName = "python" | "node" | "go" | "java" | "rust" | "c";

/** What the verifiers of a toolchain are started from, or why they cannot be. */
export type Prepared =
  | { readonly ready: true; readonly folder: string; readonly machineVersion?: string }
  | { readonly ready: false; readonly why: string };

interface Toolchain {
  /** Programs that must be on the PATH. */
  readonly needs: readonly string[];
  /** What a change of the toolchain itself shows in. */
  readonly versionCommand: readonly string[];
  /** The files that the products are made of, when not all of the source folder. */
  readonly inputs?: readonly string[];
  /** The version of the verifier, where a package of the machine decides it. */
  readonly machineVersionCommand?: readonly string[];
  /** Installs and builds what is pinned in `source` into the empty `folder`. */
  readonly build: (source: string, folder: string) => Promise<void>;
}

const SOURCES = import.meta.dirname;
const CACHE = process.env["MACP_INTEROP_CACHE"] || join(homedir(), ".cache", "macp-auth-interop");
const BUILD_MS_MAX = 600_000;

const TOOLCHAINS: Readonly<Record<ToolchainName, Toolchain>> = {
  python: {
    needs: ["python3"],
    versionCommand: ["python3", "--version"],
    inputs: ["requirements.txt"], // the programs are run where they are
    async build(source, folder) {
      const pip = join(folder, "venv/bin/pip");
      await run(["python3", "-m", "venv", join(folder, "venv")]);
      await run([pip, "install", "-q", "--no-deps", "-r", join(source, "requirements.txt")]);
      await run([pip, "check"]);
    },
  },
  node: {
    needs: ["npm"],
    versionCommand: ["node", "--version"],
    async build(source, folder) {
      await cp(source, folder, { recursive: true });
      await run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
    },
  },
  go: {
    needs: ["go"],
    versionCommand: ["go", "version"],
    async build(source, folder) {
      await run(["go", "build", "-mod=readonly", "-o", `${folder}/`, "./gojose", "./jwx"], { cwd: source });
    },
  },
  java: {
    needs: ["mvn", "javac", "java"],
    versionCommand: ["javac", "--version"],
    async build(source, folder) {
      const copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
      const lib = join(folder, "lib");
      await run(["mvn", "-q", "-B", "-f", join(source, "pom.xml"), copy, `-DoutputDirectory=${lib}`]);
      const classes = ["-d", join(folder, "classes"), "-cp", join(lib, "*")];
      await run(["javac", ...classes, join(source, "VerifyNimbus.java")]);
    },
  },
  rust: {
    needs: ["cargo"],
    versionCommand: ["cargo", "--version"],
    async build(source, folder) {
      // Shared, so that an edit of the program does not compile its dependencies again.
      const target = join(CACHE, "rust-target");
      await run(["cargo", "build", "-q", "--locked", "--target-dir", target], { cwd: source });
      await copyFile(join(target, "debug/verify-jsonwebtoken"), join(folder, "verify-jsonwebtoken"));
    },
  },
  c: {
    needs: ["jose", "curl", "jq", "dpkg-query"],
    versionCommand: debianField("Version"),
    machineVersionCommand: debianField("source:Upstream-Version"),
    build: () => Promise.resolve(),
  },
};

/** Of the package `jose`. */
function debianField(name: string): string[] {
  return ["dpkg-query", "-W", "-f", `\${${name}}`, "jose"];
}

/** Installs and builds what is not in the cache yet. Rejects when a toolchain that is there cannot do it. */
export async function prepareToolchains(): Promise<Readonly<Record<ToolchainName, Prepared>>> {
  const names = Object.keys(TOOLCHAINS) as ToolchainName[];
  const prepared = await Promise.all(names.map(async (name) => [name, await prepare(name)] as const));
  return Object.fromEntries(prepared) as Record<ToolchainName, Prepared>;
}

/** Builds a Go module of `issuers/` that makes tokens of its kind: the program `issuer` in the folder. */
export function prepareIssuer(name: "kubernetes" | "spire"): Promise<Prepared> {
  return prepareWith(`issuer-${name}`, join(SOURCES, "issuers", name), {
    needs: ["go"],
    versionCommand: ["go", "version"],
    async build(source, folder) {
      await run(["go", "build", "-mod=readonly", "-o", join(folder, "issuer"), "."], { cwd: source });
    },
  });
}

function prepare(name: ToolchainName): Promise<Prepared> {
  return prepareWith(name, join(SOURCES, name), TOOLCHAINS[name]);
}

async function prepareWith(
  name: string,
  source: string,
  { needs, inputs, versionCommand, machineVersionCommand, build }: Toolchain,
): Promise<Prepared> {
  const absent = needs.filter((program) => !isOnPath(program));
  if (absent.length > 0) return { ready: false, why: `not on the PATH: ${absent.join(", ")}` };
  const folder = join(
    CACHE,
    `${name}-${digestOf(source, inputs ?? filesOf(source), await run(versionCommand))}`,
  );
  const complete = join(folder, ".complete");
  if (!existsSync(complete)) {
    const begun = performance.now();
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await build(source, folder);
    await writeFile(complete, "");
    console.log(`${name}: installed and built in ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  }
  const machineVersion = machineVersionCommand && (await run(machineVersionCommand));
  return { ready: true, folder, ...(machineVersion !== undefined && { machineVersion }) };
}

/** Of the files and of the toolchain's version: an older build is not used. */
function digestOf(folder: string, files: readonly string[], version: string): string {
  const digest = createHash("sha256").update(version);
  for (const file of files) digest.update(`\0${file}\0`).update(readFileSync(join(folder, file)));
  return digest.digest("hex").slice(0, 12);
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function isOnPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function run(
  [program = "", ...args]: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { ...options, timeout: BUILD_MS_MAX });
  return stdout.trim();
}
