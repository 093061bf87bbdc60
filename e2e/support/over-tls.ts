import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether the services of this run, which their tests reach through e2e/support, speak TLS: the vitest project `e2e-tls`. */
export const IS_OVER_TLS = process.env["MACP_TEST_TLS"] === "1";

let made: Readonly<Record<string, string>> | undefined;

/** The settings of a service of this run: none, or a certificate of its own for loopback, which lives as long as this process. */
export function transportSettings(): Readonly<Record<string, string>> {
  if (!IS_OVER_TLS) return {};
  made ??= selfSigned();
  return made;
}

/** A certificate of its own for loopback, as settings of a service; it lives as long as this process. */
export function selfSigned(): Readonly<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "macp-auth-tls-"));
  process.once("exit", () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const [key, certificate] = [join(folder, "tls.key"), join(folder, "tls.crt")];
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1";
  const asked = ["-subj", "/CN=localhost", "-addext", names, "-days", "90"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...curve, "-keyout", key, "-out", certificate, ...asked], {
    stdio: "ignore",
  });
  return { MACP_AUTH_TLS_CERT_FILE: certificate, MACP_AUTH_TLS_KEY_FILE: key };
}
