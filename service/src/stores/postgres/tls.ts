import * as nodeTls from "node:tls";
import { FileFault } from "../../files/file-fault.ts";
import { readSmallFile } from "../../files/small-file.ts";
import { codeOf } from "../../kernel/faults.ts";
import type { PostgresTls } from "../../kernel/store-location.ts";
import type { TlsPlan } from "./dial.ts";
import { PostgresUnusable } from "./faults.ts";

/** Where systems keep the list of public authorities: Debian and Alpine, Red Hat, SUSE, BSD and macOS. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** How to encrypt, as `sslmode` and its companions say. Reads the files that they name. Throws `PostgresUnusable` when one cannot be used. */
export async function tlsPlanOf(
  tls: PostgresTls,
  roots: () => Promise<string[]> = systemRoots,
): Promise<TlsPlan> {
  const { mode, negotiation } = tls;
  if (mode === "disable") return { want: "never", negotiation, options: {} };
  const files = { ...(await trustOf(tls.rootCert, roots)), ...(await clientOf(tls.client)) };
  refuseUnusable(files);
  // As libpq: `require` checks who signed when it is given an authority to check with.
  const isChecked = mode === "verify-full" || mode === "verify-ca" || tls.rootCert !== undefined;
  return {
    want: mode === "prefer" ? "offered" : "always",
    negotiation,
    options: {
      ...files,
      rejectUnauthorized: isChecked,
      ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
    },
  };
}

async function trustOf(
  root: PostgresTls["rootCert"],
  roots: () => Promise<string[]>,
): Promise<{ readonly ca?: string | string[] }> {
  if (root === undefined) return {};
  if (root.kind === "system") return { ca: await roots() };
  const ca = await textOf("sslrootcert", root.path);
  if (!/-----BEGIN (?:TRUSTED )?CERTIFICATE-----/.test(ca))
    throw new PostgresUnusable({ kind: "no_certificate", path: root.path });
  return { ca };
}

async function clientOf(
  client: PostgresTls["client"],
): Promise<{ readonly cert?: string; readonly key?: string }> {
  if (client === undefined) return {};
  return {
    cert: await textOf("sslcert", client.certPath),
    key: await textOf("sslkey", client.keyPath),
  };
}

async function textOf(parameter: string, path: string): Promise<string> {
  try {
    return await readSmallFile(path);
  } catch (thrown) {
    if (!(thrown instanceof FileFault)) throw thrown;
    const code = thrown.code ?? thrown.kind;
    throw new PostgresUnusable({ kind: "file_unreadable", parameter, path, code });
  }
}

/** A key that is not valid, or of another certificate, is found now and not at each connection. */
function refuseUnusable(files: nodeTls.SecureContextOptions): void {
  try {
    nodeTls.createSecureContext(files);
  } catch (thrown) {
    throw new PostgresUnusable({ kind: "tls_files_unusable", code: codeOf(thrown) ?? "unknown fault" });
  }
}

/** The authorities that the system trusts. Node 22.15 and newer read them, including SSL_CERT_FILE. */
export async function systemRoots(): Promise<string[]> {
  const { getCACertificates } = nodeTls as { getCACertificates?: (from: "system") => string[] };
  const roots = getCACertificates?.("system") ?? (await bundle());
  if (roots.length === 0) throw new PostgresUnusable({ kind: "no_system_authorities" });
  return [...roots];
}

async function bundle(): Promise<readonly string[]> {
  for (const path of BUNDLES) {
    try {
      return [await readSmallFile(path)];
    } catch {
      // The place on another system.
    }
  }
  return [];
}
