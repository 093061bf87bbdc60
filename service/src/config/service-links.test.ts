import { expect, test } from "vitest";
import { loadSettings, VARIABLES } from "./environment.ts";
import { serviceLinksIn } from "./service-links.ts";

/** What Kubernetes sets in every pod for a Service (`pkg/kubelet/envvars`), for one port that has a name. */
function linksOf(service: string, host: string, port: number, protocol: "tcp" | "udp" | "sctp" = "tcp") {
  const name = service.toUpperCase().replaceAll("-", "_");
  const number = String(port);
  const address = `${protocol}://${host.includes(":") ? `[${host}]` : host}:${number}`;
  const prefix = `${name}_PORT_${number}_${protocol.toUpperCase()}`;
  return {
    [`${name}_SERVICE_HOST`]: host,
    [`${name}_SERVICE_PORT`]: number,
    [`${name}_SERVICE_PORT_HTTP`]: number,
    [`${name}_PORT`]: address,
    [prefix]: address,
    [`${prefix}_PROTO`]: protocol,
    [`${prefix}_PORT`]: number,
    [`${prefix}_ADDR`]: host,
  };
}

test.each([
  ["macp-auth-admin", "10.96.3.4", 3201],
  ["macp-auth-admin", "fd00::1", 3201],
  ["macp-auth", "10.96.3.4", 3200],
  ["macp-auth-service", "10.96.3.4", 3200],
  ["macp-auth-store", "10.96.3.4", 5432],
  ["macp-auth-admin-port", "10.96.3.4", 3201],
])(
  "the links of a Service %s at %s are no settings: one line says so, and the service starts as without them",
  (service, host, port) => {
    for (const protocol of ["tcp", "udp", "sctp"] as const) {
      const links = linksOf(service, host, port, protocol);
      expect([...serviceLinksIn(links)].toSorted()).toEqual(Object.keys(links).toSorted());
      const { settings, warnings } = loadSettings(links);
      expect(settings).toEqual(loadSettings({}).settings);
      expect(warnings).toEqual([
        expect.stringMatching(
          /^addresses that Kubernetes or Docker sets .* enableServiceLinks: false in the pod's spec$/,
        ),
      ]);
    }
  },
);

test("the links of several Services are one line, which names the setting that is hit", () => {
  const { warnings } = loadSettings({
    ...linksOf("macp-auth", "10.96.3.3", 3200),
    ...linksOf("macp-auth-admin", "10.96.3.4", 3201),
    ...linksOf("macp-runtime", "10.96.3.5", 50051),
    KUBERNETES_PORT: "tcp://10.96.0.1:443",
  });
  expect(warnings).toEqual([
    "addresses that Kubernetes or Docker sets for Services are not settings and are ignored: MACP_AUTH_ADMIN_PORT, which counts as unset, and 15 more; set enableServiceLinks: false in the pod's spec",
  ]);
});

test("what the pod's spec sets beats the link of that name, and the other links are still reported", () => {
  const env = { ...linksOf("macp-auth-admin", "10.96.3.4", 3201), MACP_AUTH_ADMIN_PORT: "3202" };
  const { settings, warnings } = loadSettings(env);
  expect(settings.admin?.port).toBe(3202);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("and 6 more");
});

test("what Docker's --link copies from another container is no setting, and its values are not shown", () => {
  const { settings, warnings } = loadSettings({
    MACP_AUTH_STORE_PORT: "tcp://172.17.0.5:5432",
    MACP_AUTH_STORE_PORT_5432_TCP: "tcp://172.17.0.5:5432",
    MACP_AUTH_STORE_PORT_5432_TCP_START: "tcp://172.17.0.5:5432",
    MACP_AUTH_STORE_NAME: "/web/macp-auth-store",
    MACP_AUTH_STORE_ENV_POSTGRES_PASSWORD: "s3cret",
  });
  expect(settings).toEqual(loadSettings({}).settings);
  expect(warnings).toHaveLength(1);
  expect(warnings.join()).not.toContain("s3cret");
});

test("a mistyped name is reported beside a Service of the same beginning", () => {
  const { warnings } = loadSettings({
    ...linksOf("macp-auth", "10.96.3.3", 3200),
    MACP_AUTH_ISUER: "x",
    MACP_AUTH_SERVICE_URL: "http://x",
    MACP_AUTH_SERVICE_HOSTS: "x",
  });
  expect(warnings).toEqual([
    expect.stringContaining("enableServiceLinks"),
    expect.stringMatching(/^MACP_AUTH_ISUER /),
    expect.stringMatching(/^MACP_AUTH_SERVICE_HOSTS /),
  ]);
});

test.each([
  ["MACP_AUTH_ADMIN_PORT", "tcp://"],
  ["MACP_AUTH_ADMIN_PORT", "tcp://10.96.3.4"],
  ["MACP_AUTH_ADMIN_PORT", "http://10.96.3.4:3201"],
  ["MACP_AUTH_ADMIN_PORT", "tcp://10.96.3.4:3201/x"],
  ["PORT", "tcp://10.96.3.4:3200"],
])("%s=%s is a fault: neither Kubernetes nor Docker writes that", (name, value) => {
  expect(() => loadSettings({ [name]: value })).toThrow(new RegExp(`^${name} must be a whole number`));
});

test("of all settings only those whose name ends in _PORT can be hit by the links of a Service", () => {
  const hit = Object.values(VARIABLES).filter((name) =>
    serviceLinksIn({ [name]: "tcp://10.96.3.4:3201", MACP_AUTH_PORT: "tcp://10.96.3.3:3200" }).has(name),
  );
  expect(hit).toEqual([
    "MACP_AUTH_PLAIN_PORT",
    "MACP_AUTH_ADMIN_PORT",
    "MACP_AUTH_GUARD_PORT",
    "MACP_AUTH_GUARD_GRPC_PORT",
  ]);
});

/** What other systems set in the environment of a process, by the system's own documentation; a name that ends in `_` stands for all that begin so. */
const SET_BY_OTHERS = [
  "PORT HOST HOSTNAME HOSTTYPE OSTYPE MACHTYPE SHLVL USER HOME PATH PWD LANG TERM",
  "KUBERNETES_ CI GITHUB_ RUNNER_ CI_ GITLAB_ JENKINS_ HUDSON_ BUILD_ CIRCLE_ TRAVIS_ TF_BUILD",
  "LISTEN_ NOTIFY_SOCKET WATCHDOG_ INVOCATION_ID JOURNAL_STREAM CREDENTIALS_DIRECTORY STATE_DIRECTORY RUNTIME_DIRECTORY",
  "CONFIGURATION_DIRECTORY LOGS_DIRECTORY CACHE_DIRECTORY MAINPID MANAGERPID SYSTEMD_EXEC_PID MEMORY_PRESSURE_",
  "COMPOSE_ DOCKER_ container K_SERVICE K_REVISION DYNO WEBSITE_ FLY_ RENDER_ RAILWAY_ NOMAD_ AWS_ ECS_ npm_ INIT_CWD NODE_",
]
  .join(" ")
  .split(" ");

test("of what systemd, CI systems, platforms and shells set, no name but PORT and HOST is a setting", () => {
  const met = Object.values(VARIABLES).filter((name) =>
    SET_BY_OTHERS.some((other) => (other.endsWith("_") ? name.startsWith(other) : name === other)),
  );
  expect(met).toEqual(["PORT", "HOST"]);
});
