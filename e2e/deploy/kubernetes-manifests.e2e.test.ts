import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { hasBusybox, inBusybox } from "../support/busybox.ts";
import { BOOT_MS_MAX, withService } from "../support/service-process.ts";

/** The schemas of Kubernetes cannot be had here: what is asserted are the properties that the service's promises rest on. */
interface Manifest {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}
interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  readonly httpGet?: { readonly path: string; readonly port: string };
}
interface Container {
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly startupProbe: Probe;
  readonly lifecycle: { readonly preStop: Probe };
  readonly securityContext: unknown;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface PodSpec {
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: unknown;
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly defaultMode: number } }[];
}

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
/** As kubectl reads it: YAML 1.1, where 0440 is octal. A key that stands twice is an error. */
const documents = parseAllDocuments(text("deploy/kubernetes/auth-service.yaml"), { version: "1.1" });
const manifests = documents.map((document) => document.toJS() as Manifest);
const of = (kind: string) => manifests.find((manifest) => manifest.kind === kind)?.spec ?? {};
const deployment = of("Deployment") as unknown as {
  readonly replicas: number;
  readonly strategy: unknown;
  readonly selector: { readonly matchLabels: unknown };
  readonly template: { readonly metadata: { readonly labels: unknown }; readonly spec: PodSpec };
};
const pod = deployment.template.spec;
const [container] = pod.containers;
const settings = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));

/** The longest shutdown: ten seconds for requests in flight, and one each for the upkeep, the store and the log. */
const SHUTDOWN_SECONDS_MAX = 13;

describe("deploy/kubernetes/auth-service.yaml", () => {
  test("is YAML without a fault, and makes what a deployment needs", () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    expect(
      manifests.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`),
    ).toEqual([
      "apps/v1 Deployment auth-service",
      "v1 Service auth-service",
      "policy/v1 PodDisruptionBudget auth-service",
      "networking.k8s.io/v1 NetworkPolicy auth-service",
    ]);
  });

  test("always leaves a replica that serves the JWKS: two of them, none stopped before its successor is ready", () => {
    expect(deployment.replicas).toBe(2);
    expect(deployment.strategy).toEqual({
      type: "RollingUpdate",
      rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
    });
    expect(of("PodDisruptionBudget")["minAvailable"]).toBe(1);
  });

  test("means the same pods in each of its objects, and the port that the service listens on", () => {
    const labels = { "app.kubernetes.io/name": "auth-service" };
    expect(deployment.selector.matchLabels).toEqual(labels);
    expect(deployment.template.metadata.labels).toMatchObject(labels);
    expect(of("Service")["selector"]).toEqual(labels);
    expect(of("PodDisruptionBudget")["selector"]).toEqual({ matchLabels: labels });
    expect(of("NetworkPolicy")["podSelector"]).toEqual({ matchLabels: labels });
    expect(container.ports).toEqual([{ name: "http", containerPort: 3200 }]);
    expect(of("Service")["ports"]).toEqual([{ name: "http", port: 3200, targetPort: "http" }]);
  });

  test("runs as user 10001 without privileges, on a root file system that it cannot write", () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10_001,
      runAsGroup: 10_001,
      fsGroup: 10_001,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).toEqual({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
    expect(pod.volumes.find(({ name }) => name === "kek")?.secret?.defaultMode).toBe(0o440);
  });

  test("lets no Service of the namespace set variables under the names of the settings", () => {
    expect(pod.enableServiceLinks).toBe(false);
    const known = text("docs/configuration.md");
    for (const { name } of container.env) expect(known).toContain(`| \`${name}\` |`);
  });

  test("writes only where a volume is mounted", () => {
    const mounts = container.volumeMounts.map(({ mountPath }) => mountPath);
    expect(mounts).toEqual(["/secrets/kek", "/data"]);
    expect(settings["MACP_AUTH_KEK_FILE"]).toMatch(/^\/secrets\/kek\//);
    expect(settings["MACP_AUTH_KEY_VERSION_FILE"]).toMatch(/^\/data\//);
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(pod.volumes.map(({ name }) => name));
  });

  test("gives the Service time to forget a pod, and the pod time to answer what is in flight", () => {
    const preStop = container.lifecycle.preStop.exec?.command ?? [];
    expect(preStop).toEqual(["sleep", "5"]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(preStop[1]) + SHUTDOWN_SECONDS_MAX);
  });

  test("restarts only a process that does not answer, and sends requests only to a replica that is ready", () => {
    expect(container.livenessProbe.httpGet).toEqual({ path: "/healthz", port: "http" });
    expect(container.startupProbe.httpGet).toEqual({ path: "/healthz", port: "http" });
    expect(container.readinessProbe.exec?.command.at(-1)).toBe(
      `http://127.0.0.1:${String(settings["MACP_AUTH_ADMIN_PORT"])}/readyz`,
    );
  });

  // Skipped where busybox is not installed: the probe runs the image's wget.
  test.skipIf(!hasBusybox)(
    "its readiness probe passes while the service is ready, and fails once it is asked to stop",
    { timeout: BOOT_MS_MAX },
    () =>
      withService({ MACP_AUTH_ADMIN_PORT: "0", MACP_AUTH_DRAIN_SECONDS: "10" }, async (service) => {
        const { port } = await service.event("admin_listening");
        const probe = (container.readinessProbe.exec?.command ?? [])
          .join(" ")
          .replace(":3201/", `:${String(port)}/`);
        expect(await inBusybox(probe)).toMatchObject({ code: 0 });
        service.signal("SIGTERM");
        await service.event("stopping");
        expect(await inBusybox(probe)).toMatchObject({ code: 1 });
      }),
  );
});

test("each example for Kubernetes in the documentation is YAML, and turns service links off", () => {
  const fences = [...text("docs/operations.md").matchAll(/^```yaml\n(.*?)^```/gms)].map(
    ([, yaml = ""]) => yaml,
  );
  expect(fences).not.toEqual([]);
  for (const fence of fences) {
    const [document] = parseAllDocuments(fence, { version: "1.1" });
    expect(document?.errors).toEqual([]);
    expect(fence).toContain("enableServiceLinks: false");
  }
});
