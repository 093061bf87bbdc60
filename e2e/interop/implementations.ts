import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ToolchainName } from "./toolchains.ts";

export const HERE = import.meta.dirname;

/** A JWT library that verifies our tokens, and the small program that has it do so. */
export interface Implementation {
  readonly name: string;
  readonly language: string;
  readonly toolchain: ToolchainName;
  /** Relative to this folder. docs/interop.md shows a part of it. */
  readonly program: string;
  /** Where its version is pinned, the version in the first group; absent when the machine's package decides. */
  readonly pin?: { readonly file: string; readonly version: RegExp };
  /** What to start, once the toolchain has put its products into that folder. */
  readonly command: (folder: string) => readonly string[];
}

export const IMPLEMENTATIONS: readonly Implementation[] = [
  python("PyJWT", "verify_pyjwt.py"),
  python("Authlib", "verify_authlib.py"),
  python("joserfc", "verify_joserfc.py"),
  python("jwcrypto", "verify_jwcrypto.py"),
  python("python-jose", "verify_python_jose.py"),
  go("go-jose", "gojose", /go-jose\/v4 v(\S+)/),
  go("lestrrat-go/jwx", "jwx", /lestrrat-go\/jwx\/v3 v(\S+)/),
  {
    name: "nimbus-jose-jwt",
    language: "Java",
    toolchain: "java",
    program: "java/VerifyNimbus.java",
    pin: {
      file: "java/pom.xml",
      version: /<artifactId>nimbus-jose-jwt<\/artifactId>\s*<version>(.+)<\/version>/,
    },
    command: (folder) => [
      "java",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-cp",
      `${join(folder, "classes")}:${join(folder, "lib", "*")}`,
      "VerifyNimbus",
    ],
  },
  {
    name: "jsonwebtoken",
    language: "Rust",
    toolchain: "rust",
    program: "rust/src/main.rs",
    pin: { file: "rust/Cargo.toml", version: /^jsonwebtoken = \{ version = "=(\S+)"/m },
    command: (folder) => [join(folder, "verify-jsonwebtoken")],
  },
  {
    name: "C jose",
    language: "shell",
    toolchain: "c",
    program: "c/verify_jose.sh",
    command: () => ["bash", join(HERE, "c/verify_jose.sh")],
  },
  node("jose", "verify_jose.mjs"),
  node("openid-client", "verify_openid_client.mjs"),
];

/** The pinned version; `undefined` when the machine's package decides. */
export function pinnedVersion({ name, pin }: Implementation): string | undefined {
  if (pin === undefined) return undefined;
  const version = pin.version.exec(readFileSync(join(HERE, pin.file), "utf8"))?.[1];
  if (version === undefined) throw new Error(`e2e/interop/${pin.file} pins no version of ${name}`);
  return version;
}

function python(name: string, program: string): Implementation {
  return {
    name,
    language: "Python",
    toolchain: "python",
    program: `python/${program}`,
    pin: { file: "python/requirements.txt", version: new RegExp(`^${name}==(\\S+)$`, "m") },
    command: (folder) => [join(folder, "venv/bin/python"), "-B", join(HERE, "python", program)],
  };
}

function go(name: string, program: string, version: RegExp): Implementation {
  return {
    name,
    language: "Go",
    toolchain: "go",
    program: `go/${program}/main.go`,
    pin: { file: "go/go.mod", version },
    command: (folder) => [join(folder, program)],
  };
}

function node(name: string, program: string): Implementation {
  return {
    name,
    language: "JavaScript",
    toolchain: "node",
    program: `node/${program}`,
    pin: { file: "node/package.json", version: new RegExp(`"${name}": "(\\S+)"`) },
    command: (folder) => [process.execPath, join(folder, program)],
  };
}
