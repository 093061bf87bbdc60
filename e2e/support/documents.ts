import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export function textOf(path: string): string {
  return readFileSync(`${ROOT}/${path}`, "utf8");
}

/** The anchors of a page's headings, as GitHub makes them of words, spaces and hyphens. */
export function anchorsOf(path: string): ReadonlySet<string> {
  return new Set(
    [...textOf(path).matchAll(/^#{1,6} (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** What Prometheus adds to the name of a histogram. */
const ENDS = /_(?:bucket|sum|count)$/;

/** The metrics of this service that a text names, without the ends of histograms. */
export function metricsIn(text: string): readonly string[] {
  const named = [...text.matchAll(/\bmacp_auth_[a-z_]+\b(?!:)/g)].map(([name]) => name);
  const known = documentedMetrics();
  return [...new Set(named.map((name) => (known.has(name) ? name : name.replace(ENDS, ""))))];
}

/** Those of a guard of its own process, which docs/guard-sidecar.md has. */
export function sidecarMetrics(): ReadonlySet<string> {
  return new Set(
    [...textOf("docs/guard-sidecar.md").matchAll(/^\| `(macp_auth_guard_[a-z_]+)` \|/gm)].map(
      ([, name = ""]) => name,
    ),
  );
}

/** Those of docs/metrics.md, which a unit test compares with the code. */
export function documentedMetrics(): ReadonlySet<string> {
  return new Set(
    [...textOf("docs/metrics.md").matchAll(/^\| `(macp_auth_[a-z_]+)` \|/gm)].map(([, name = ""]) => name),
  );
}
